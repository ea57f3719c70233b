// SPDX-License-Identifier: Apache-2.0
#include "io/socket_stream.h"

#include "base/error.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace kt::io {
namespace {

// A cancellation stays a cancellation; everything else is a broken stream.
void check(const error_code& ec, const char* doing) {
  if (ec == asio::error::operation_aborted) {
    throw boost::system::system_error(ec);
  }
  if (ec) {
    throw Error(ErrorKind::unavailable, fmt::format("{}: {}", doing, ec.message()));
  }
}

// Small frames must not wait for the acknowledgement of older ones; not TCP: nothing to set.
void send_at_once(Socket& socket) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int family_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  check_errno(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  return address.ss_family;
}

}  // namespace

SocketStream::SocketStream(Socket socket) : socket_(std::move(socket)) {
  send_at_once(socket_);
}

Task<std::size_t> SocketStream::read_some(MutableBytes into) {
  error_code ec;
  const std::size_t count = co_await socket_.async_receive(asio::buffer(into.data(), into.size()),
                                                           asio::redirect_error(use_task, ec));
  if (ec == asio::error::eof) {
    co_return 0;
  }
  check(ec, "read");
  co_return count;
}

// Not asio::async_write(): that hands the kernel 64 KiB at a time and goes round the loop between.
Task<> SocketStream::write_all(BytesView from) {
  while (!from.empty()) {
    const ssize_t count =
        ::send(socket_.native_handle(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      from = from.subspan(static_cast<std::size_t>(count));
      continue;
    }
    error_code ec(errno, boost::system::system_category());
    if (ec == asio::error::would_block || ec == asio::error::interrupted) {
      ec.clear();
      co_await socket_.async_wait(Socket::wait_write, asio::redirect_error(use_task, ec));
    }
    check(ec, "write");
  }
}

void SocketStream::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

Task<Socket> connect_unix(std::string path) {
  const asio::local::stream_protocol::endpoint endpoint(path);
  Socket socket(co_await asio::this_coro::executor);
  error_code ec;
  co_await socket.async_connect(endpoint, asio::redirect_error(use_task, ec));
  check(ec, "connect to the Unix socket");
  co_return socket;
}

Task<Socket> connect_tcp(std::string address, std::uint16_t port) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address), port);
  Socket socket(co_await asio::this_coro::executor);
  error_code ec;
  co_await socket.async_connect(endpoint, asio::redirect_error(use_task, ec));
  check(ec, "connect");
  send_at_once(socket);
  co_return socket;
}

Socket adopt_socket(const Executor& executor, UniqueFd fd) {
  const int family = family_of(fd.get());
  const int protocol = family == AF_UNIX ? 0 : IPPROTO_TCP;
  Socket socket(executor, asio::generic::stream_protocol(family, protocol), fd.get());
  (void)fd.release();
  return socket;
}

SocketPair make_socket_pair(const Executor& executor) {
  int fds[2] = {-1, -1};
  check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
  return {adopt_socket(executor, UniqueFd(fds[0])), adopt_socket(executor, UniqueFd(fds[1]))};
}

}  // namespace kt::io
