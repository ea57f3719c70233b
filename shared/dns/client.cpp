// SPDX-License-Identifier: Apache-2.0
#include "dns/client.h"

#include "base/error.h"
#include "base/log.h"
#include "dns/framing.h"
#include "dns/reply.h"
#include "io/socket_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <utility>

namespace kt::dns {
namespace {

using boost::asio::ip::udp;

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t longest_datagram = 65535;

std::vector<udp::endpoint> endpoints_of(const ResolvConf& conf) {
  std::vector<udp::endpoint> endpoints;
  endpoints.reserve(conf.nameservers.size());
  for (const auto& address : conf.nameservers) {
    endpoints.emplace_back(address, dns_port);
  }
  if (endpoints.empty()) {
    endpoints.emplace_back(boost::asio::ip::address_v4::loopback(), dns_port);
  }
  return endpoints;
}

// The next datagram; nullopt when the socket reports that nobody listens there.
io::Task<std::optional<Bytes>> receive(udp::socket& socket) {
  Bytes datagram(longest_datagram);
  io::error_code ec;
  datagram.resize(co_await socket.async_receive(io::asio::buffer(datagram),
                                                io::asio::redirect_error(io::use_task, ec)));
  co_return ec ? std::nullopt : std::optional(std::move(datagram));
}

io::Task<std::optional<Bytes>> ask_udp(udp::endpoint nameserver, Bytes query) {
  udp::socket socket(co_await io::asio::this_coro::executor);
  io::error_code ec;
  socket.connect(nameserver, ec);
  if (!ec) {
    co_await socket.async_send(io::asio::buffer(query), io::asio::redirect_error(io::use_task, ec));
  }
  if (ec) {
    co_return std::nullopt;
  }
  std::optional<Bytes> reply = co_await receive(socket);
  while (reply && !is_reply_to(*reply, query)) {  // late, or forged
    reply = co_await receive(socket);
  }
  co_return reply;
}

io::Task<std::optional<Bytes>> ask_tcp(udp::endpoint nameserver, Bytes query) {
  try {
    io::SocketStream stream(
        co_await io::connect_tcp(nameserver.address().to_string(), nameserver.port()));
    co_return co_await ask_over(stream, std::move(query));
  } catch (const Error& e) {
    log::debug("dns", "nameserver {}: {}", nameserver.address().to_string(), e.message());
  }
  co_return std::nullopt;
}

}  // namespace

Client::Client(const ResolvConf& conf) : nameservers_(endpoints_of(conf)) {}

io::Task<std::optional<Bytes>> Client::ask(Bytes query, Transport transport,
                                           std::size_t nameserver) {
  // No coroutine: the endpoint is copied before the list can change. at(), since it may have
  // changed since the caller counted.
  const Endpoint endpoint = nameservers_.at(nameserver);
  return transport == Transport::udp ? ask_udp(endpoint, std::move(query))
                                     : ask_tcp(endpoint, std::move(query));
}

}  // namespace kt::dns
