// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/subprocess.h"
#include "kube/connection_flags.h"

#include <string>
#include <vector>

namespace kt::kube {

// How to call kubectl: every credential plugin, token refresh and proxy stays its job.
struct Kubectl {
  std::string program = "kubectl";  // $KUBECTL_PATH when kubectl set it (>= 1.37)
  ConnectionFlags flags;

  // kubectl ARGUMENTS… with the connection flags behind them.
  [[nodiscard]] io::Command command(std::vector<std::string> arguments) const;
  // The same for a person to read and for logs: no secret in it.
  [[nodiscard]] std::string printable(const std::vector<std::string>& arguments) const;
};

// Error config with the hint how to get kubectl: for Error not_found of io::Subprocess.
[[noreturn]] void throw_kubectl_missing(const std::string& program);

// kubectl's last words without its prefixes ("error: ", "Unable to connect to the server: "), on
// one line; "kubectl said nothing" when it did.
[[nodiscard]] std::string kubectl_complaint(const std::string& standard_error);

}  // namespace kt::kube
