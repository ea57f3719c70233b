// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/borrowed_api.h"

#include "base/error.h"
#include "cluster/running_connect.h"

#include <fmt/format.h>

namespace kt::exchange {

std::string folder_of(const std::vector<std::string>& running, const std::string& connection_id) {
  for (const std::string& folder : running) {
    // A second connect to the same cluster is "<id>-2".
    const std::string name = folder.substr(folder.rfind('/') + 1);
    if (name.substr(0, name.find('-')) == connection_id) {
      return folder;
    }
  }
  return {};
}

std::string borrow_api(const std::string& runtime_folder, const kube::Config& config,
                       const kube::ConnectionFlags& flags, const std::string& program) {
  const std::vector<std::string> running = cluster::running_connects(runtime_folder);
  const std::string folder = folder_of(running, kube::connection_id(config, flags));
  if (!folder.empty()) {
    return cluster::api_socket_in(folder);
  }
  std::string connect = program;
  if (const std::size_t at = connect.rfind("exchange"); at != std::string::npos) {
    connect.replace(at, std::string_view("exchange").size(), "connect");
  }
  throw Error(
      ErrorKind::config,
      running.empty()
          ? "no connect is running: an exchange stands on one"
          : fmt::format("no connect to {} is running, only to other clusters or as another user",
                        config.server),
      fmt::format("{} -- bash, and there {} again", connect, program));
}

}  // namespace kt::exchange
