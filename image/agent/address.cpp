// SPDX-License-Identifier: Apache-2.0
#include "agent/address.h"

#include <algorithm>
#include <span>

namespace kt::agent {
namespace {

namespace ip = boost::asio::ip;

}  // namespace

ip::address to_asio(const mux::Address& address) {
  const BytesView bytes = address.bytes();
  const auto copy = [&bytes](auto array) {
    std::transform(bytes.begin(), bytes.end(), array.begin(),
                   [](std::byte b) { return std::to_integer<unsigned char>(b); });
    return array;
  };
  if (address.is_v6()) {
    return ip::address_v6(copy(ip::address_v6::bytes_type{}));
  }
  return ip::address_v4(copy(ip::address_v4::bytes_type{}));
}

mux::Address to_mux(const ip::address& address) {
  const auto copy = [](const auto& bytes) {
    return *mux::Address::from_bytes(std::as_bytes(std::span(bytes)));
  };
  if (address.is_v4()) {
    return copy(address.to_v4().to_bytes());
  }
  const ip::address_v6 v6 = address.to_v6();
  return v6.is_v4_mapped() ? copy(ip::make_address_v4(ip::v4_mapped, v6).to_bytes())
                           : copy(v6.to_bytes());
}

mux::Endpoint to_mux(const ip::tcp::endpoint& endpoint) {
  return {to_mux(endpoint.address()), endpoint.port()};
}

}  // namespace kt::agent
