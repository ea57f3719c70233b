// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/laptop_dial.h"

#include "kubectl-kt-connect/routes.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace kt::connect {
namespace {

namespace asio = io::asio;
using io::error_code;
using io::Task;

asio::ip::address to_asio(const net::IpAddress& address) {
  return asio::ip::make_address(address.to_string());
}

}  // namespace

Task<Dialled> dial_from_laptop(net::Endpoint to) {
  io::Socket socket(co_await asio::this_coro::executor);
  error_code ec;
  const net::IpAddress address = as_laptop_sees(to.address);
  co_await socket.async_connect(asio::ip::tcp::endpoint(to_asio(address), to.port),
                                asio::redirect_error(io::use_task, ec));
  Dialled dialled;
  if (ec) {
    dialled.error = ec.value();
  } else {
    dialled.socket = std::move(socket);
  }
  co_return dialled;
}

DatagramDialled dial_datagrams_from_laptop(const io::Executor& executor,
                                           const mux::Target& target) {
  const net::IpAddress address = as_laptop_sees(to_net(target.to.address));
  const int family = address.is_v6() ? AF_INET6 : AF_INET;
  int protocol = IPPROTO_UDP;
  if (target.protocol == mux::Protocol::icmp_echo) {
    protocol = address.is_v6() ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
  }
  DatagramDialled dialled;
  const int fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) {
    dialled.error = errno;
    return dialled;
  }
  asio::generic::datagram_protocol::socket socket(executor,
                                                  asio::generic::datagram_protocol(family, 0), fd);
  error_code ec;
  socket.connect(asio::ip::udp::endpoint(to_asio(address), target.to.port), ec);
  if (ec) {
    dialled.error = ec.value();
  } else {
    dialled.socket = std::move(socket);
  }
  return dialled;
}

}  // namespace kt::connect
