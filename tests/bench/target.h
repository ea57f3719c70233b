// SPDX-License-Identifier: Apache-2.0
// The route that is measured, and how long.
#pragma once

#include "protocol.h"
#include "socket.h"

#include <chrono>

namespace kt::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds warm_up{0.5};
constexpr Seconds duration{1.5};

struct Target {
  std::string address;
  std::uint16_t first_port;
  std::uint16_t port(PortOffset offset) const {
    return static_cast<std::uint16_t>(first_port + offset);
  }
  Socket start_connect(PortOffset offset) const { return start_connect_to(address, port(offset)); }
  Socket connect(PortOffset offset) const { return connect_to(SOCK_STREAM, address, port(offset)); }
};

}  // namespace kt::bench
