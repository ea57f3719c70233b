// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"
#include "kubectl-kt-connect/options.h"

#include <string>

namespace kt::connect {

// What main() takes from the environment.
struct Surroundings {
  std::string program;         // as typed, for hints
  std::string runtime_folder;  // XDG_RUNTIME_DIR, or /run/user/UID
  std::string kubectl;         // KUBECTL_PATH, or kubectl
  std::string user;
  std::string host;
  std::string resolv_conf;            // the laptop's, as text
  bool proxy_in_environment = false;  // HTTPS_PROXY
};

// Runs options.command inside the cluster's network and returns its exit code. Whatever happens,
// all that was made is put back before this returns or throws.
io::Task<int> connect(ConnectOptions options, Surroundings surroundings,
                      cli::Interrupts& interrupts);

}  // namespace kt::connect
