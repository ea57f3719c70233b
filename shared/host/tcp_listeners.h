// SPDX-License-Identifier: Apache-2.0
// Which TCP ports are listened on, and by whom: sock_diag(7). Not /proc/net/tcp: reading that walks
// the kernel's table of all connections, 4 ms each time.
#pragma once

#include "base/bytes.h"
#include "base/unique_fd.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kt::host {

struct TcpListener {
  std::uint16_t port = 0;
  bool v6 = false;
  bool on_loopback = false;  // reached by 127.0.0.1 or ::1: bound to it or to every address
  std::uint32_t inode = 0;

  friend bool operator==(const TcpListener&, const TcpListener&) = default;
};

// Tells of the network namespace in which it was opened, wherever it is passed to. Throws Error
// unavailable.
[[nodiscard]] UniqueFd open_socket_diagnosis();

// What listens there now. Throws Error unavailable.
[[nodiscard]] std::vector<TcpListener> tcp_listeners(int diagnosis);

// Pure: adds what one netlink datagram says; true when it was the last one of the answer, or none
// of ours.
[[nodiscard]] bool read_diagnosis(BytesView datagram, std::vector<TcpListener>& into);

// "node (pid 4711)" for the process of ours that listens on the laptop's 127.0.0.1:port; empty when
// it is somebody else's or nobody's.
[[nodiscard]] std::string owner_of_port(std::uint16_t port);

}  // namespace kt::host
