// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

#include <string>

namespace kt::flags {

// What a program takes from its environment.
struct Surroundings {
  std::string program;         // as typed, for hints
  std::string program_file;    // argv[0]
  std::string runtime_folder;  // XDG_RUNTIME_DIR, or /run/user/UID
  std::string kubectl;         // KUBECTL_PATH, or kubectl
  std::string image;           // KT_IMAGE, or the released one
  std::string user;
  std::string host;
  std::string resolv_conf;            // the laptop's, as text
  bool proxy_in_environment = false;  // HTTPS_PROXY
};

[[nodiscard]] Surroundings surroundings(const cli::Invocation& invocation);

}  // namespace kt::flags
