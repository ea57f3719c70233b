// SPDX-License-Identifier: Apache-2.0
#include "host/network_members.h"

#include "host/processes.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <thread>
#include <vector>

namespace kt::host {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds look_interval{5};
// A fork bomb may outrun us; then what is left has no network anyway.
constexpr int kill_rounds = 100;

// A zombie has no namespaces any more and is not found.
std::vector<pid_t> members(const std::string& network_namespace) {
  std::vector<pid_t> found = running_processes();
  std::erase_if(found, [&](pid_t pid) {
    return pid == ::getpid() || network_namespace_of(pid) != network_namespace;
  });
  return found;
}

// How many there were.
std::size_t signal_members(const std::string& network_namespace, int signal) {
  const std::vector<pid_t> all = members(network_namespace);
  for (const pid_t pid : all) {
    (void)::kill(pid, signal);
  }
  return all.size();
}

}  // namespace

std::string network_namespace_of(pid_t pid) {
  std::error_code ec;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/ns/net", ec).string();
}

void kill_members(const std::string& network_namespace) {
  // While one is killed another may have been started by it.
  for (int i = 0; i < kill_rounds && signal_members(network_namespace, SIGKILL) > 0; ++i) {
    std::this_thread::sleep_for(look_interval);
  }
}

void end_members(const std::string& network_namespace, milliseconds patience) {
  if (signal_members(network_namespace, SIGTERM) == 0) {
    return;
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline && !members(network_namespace).empty()) {
    std::this_thread::sleep_for(look_interval);
  }
  kill_members(network_namespace);
}

}  // namespace kt::host
