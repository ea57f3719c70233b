// SPDX-License-Identifier: Apache-2.0
// The rest of the network, as the laptop reaches it: ordinary sockets of this process, which lives
// outside CMD's namespace.
#pragma once

#include "io/socket_stream.h"
#include "mux/frame.h"
#include "net/address.h"

#include <boost/asio/generic/datagram_protocol.hpp>

#include <optional>

namespace kt::connect {

// A connected socket, or the errno of connect(2).
struct Dialled {
  std::optional<io::Socket> socket;
  int error = 0;
};
io::Task<Dialled> dial_from_laptop(net::Endpoint to);

// A connected UDP or ping socket (icmp(7)); `error` is an errno.
struct DatagramDialled {
  std::optional<io::asio::generic::datagram_protocol::socket> socket;
  int error = 0;
};
[[nodiscard]] DatagramDialled dial_datagrams_from_laptop(const io::Executor& executor,
                                                         const mux::Target& target);

}  // namespace kt::connect
