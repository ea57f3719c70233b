// SPDX-License-Identifier: Apache-2.0
// Addresses as Asio has them, and as the mux writes them.
#pragma once

#include "mux/frame.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace kt::agent {

[[nodiscard]] boost::asio::ip::address to_asio(const mux::Address& address);
// An IPv4 address that a socket of both families shows as IPv6 is IPv4 again.
[[nodiscard]] mux::Address to_mux(const boost::asio::ip::address& address);
[[nodiscard]] mux::Endpoint to_mux(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace kt::agent
