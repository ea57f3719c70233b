// SPDX-License-Identifier: Apache-2.0
#include "host/processes.h"

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace kt::host {

namespace fs = std::filesystem;

std::vector<pid_t> running_processes() {
  std::vector<pid_t> found;
  std::error_code ec;
  for (fs::directory_iterator entry("/proc", ec), end; !ec && entry != end; entry.increment(ec)) {
    const std::string name = entry->path().filename().string();
    pid_t pid = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && stop == name.data() + name.size()) {
      found.push_back(pid);
    }
  }
  return found;
}

}  // namespace kt::host
