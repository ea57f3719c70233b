// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace kt::agent {

struct ServeOptions {
  std::uint16_t port = 7070;
  std::chrono::seconds grace{120};
};

// The container's command: opens the door and serves one laptop, until none was attached for the
// grace time or SIGTERM. Returns the exit code.
int serve(const ServeOptions& options);

// The forced command of the pod's sshd.
int attach();

}  // namespace kt::agent
