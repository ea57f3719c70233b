// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/laptop_dial.h"

#include "io/task_group.h"
#include "kubectl-kt-connect/routes.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace kt::connect {
namespace {

namespace asio = io::asio;
using io::error_code;
using io::Task;

// Per direction of a busy connection; the kernel's socket buffers do the rest.
constexpr std::size_t copy_size = 64 * 1024;

asio::ip::address to_asio(const net::IpAddress& address) {
  return asio::ip::make_address(address.to_string());
}

Task<> copy(io::Socket& from, io::Socket& to, bool& broken) {
  Bytes buffer;
  while (true) {
    error_code ec;
    buffer = Bytes();  // an idle connection holds none
    co_await from.async_wait(io::Socket::wait_read, asio::redirect_error(io::use_task, ec));
    buffer.resize(copy_size);
    const std::size_t size = ec ? 0
                                : co_await from.async_receive(
                                      asio::buffer(buffer), asio::redirect_error(io::use_task, ec));
    if (ec == asio::error::eof) {
      to.shutdown(io::Socket::shutdown_send, ec);
      co_return;
    }
    if (!ec) {
      co_await asio::async_write(to, asio::buffer(buffer.data(), size),
                                 asio::redirect_error(io::use_task, ec));
    }
    if (ec) {
      broken = true;
      from.close(ec);
      to.close(ec);
      co_return;
    }
  }
}

void reset_on_close(io::Socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
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

Task<> relay_sockets(io::Socket a, io::Socket b) {
  bool broken = false;
  reset_on_close(a);
  reset_on_close(b);
  io::TaskGroup both(co_await asio::this_coro::executor);
  both.spawn(copy(a, b, broken));
  both.spawn(copy(b, a, broken));
  co_await both.join();
  error_code ignored;
  if (!broken) {  // both FINs are on their way: an ordinary close
    a.set_option(asio::socket_base::linger(false, 0), ignored);
    b.set_option(asio::socket_base::linger(false, 0), ignored);
  }
}

}  // namespace kt::connect
