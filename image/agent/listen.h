// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>

namespace kt::agent {

// Listens on `port` of all addresses of both families; a node without IPv6 has only the other.
// Throws Error unavailable "port 80: Address already in use".
[[nodiscard]] io::asio::ip::tcp::acceptor listen_on(const io::Executor& executor,
                                                    std::uint16_t port);

// The next caller; waits out what is not the end of `acceptor` (no descriptors left, a caller that
// is gone).
io::Task<io::asio::ip::tcp::socket> accept_caller(io::asio::ip::tcp::acceptor& acceptor);

}  // namespace kt::agent
