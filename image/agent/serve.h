// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kt::agent {

struct ServeOptions {
  std::uint16_t port = 7070;
  std::chrono::seconds grace{120};
  std::vector<std::uint16_t> front;  // the app's ports; none: there is no front
  std::chrono::seconds hold{5};      // callers wait so long for a program that refuses
  std::string originals;             // DNS name of their headless Service, or empty
};

// The container's command: opens the door and serves one laptop, until SIGTERM; without a front
// also until none was attached for the grace time. (With a front its Deployment would only start it
// again, and the originals are served meanwhile.) Returns the exit code.
int serve(const ServeOptions& options);

// The forced command of the pod's sshd.
int attach();

}  // namespace kt::agent
