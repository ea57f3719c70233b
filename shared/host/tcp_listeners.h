// SPDX-License-Identifier: Apache-2.0
// Which TCP ports are listened on, and by whom: /proc/PID/net/tcp and tcp6 (proc(5)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::host {

struct TcpListener {
  std::uint16_t port = 0;
  bool v6 = false;
  bool on_loopback = false;  // reached by 127.0.0.1 or ::1: bound to it or to every address
  std::uint64_t inode = 0;

  friend bool operator==(const TcpListener&, const TcpListener&) = default;
};

// Of the network namespace of that process; empty when it is gone. The kernel lists listeners
// before connections, so the cost does not grow with these.
[[nodiscard]] std::vector<TcpListener> tcp_listeners(pid_t pid);

// Pure: one line of the file; nothing for the heading and for sockets that do not listen.
[[nodiscard]] std::optional<TcpListener> parse_tcp_listener(std::string_view line, bool v6);

// "node (pid 4711)" for the process of ours that listens on the laptop's 127.0.0.1:port; empty when
// it is somebody else's or nobody's.
[[nodiscard]] std::string owner_of_port(std::uint16_t port);

}  // namespace kt::host
