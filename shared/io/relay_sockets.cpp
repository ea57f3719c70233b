// SPDX-License-Identifier: Apache-2.0
#include "io/relay_sockets.h"

#include "base/bytes.h"
#include "io/task_group.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

namespace kt::io {
namespace {

// Per direction of a busy connection; the kernel's socket buffers do the rest.
constexpr std::size_t copy_size = 64 * 1024;

Task<> copy(Socket& from, Socket& to, bool& broken) {
  Bytes buffer;
  while (true) {
    error_code ec;
    buffer = Bytes();  // an idle connection holds none
    co_await from.async_wait(Socket::wait_read, asio::redirect_error(use_task, ec));
    buffer.resize(copy_size);
    const std::size_t size =
        ec ? 0
           : co_await from.async_receive(asio::buffer(buffer), asio::redirect_error(use_task, ec));
    if (ec == asio::error::eof) {
      to.shutdown(Socket::shutdown_send, ec);
      co_return;
    }
    if (!ec) {
      co_await asio::async_write(to, asio::buffer(buffer.data(), size),
                                 asio::redirect_error(use_task, ec));
    }
    if (ec) {
      broken = true;
      from.close(ec);
      to.close(ec);
      co_return;
    }
  }
}

void reset_on_close(Socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
}

}  // namespace

Task<> relay_sockets(Socket a, Socket b) {
  bool broken = false;
  reset_on_close(a);
  reset_on_close(b);
  TaskGroup both(co_await asio::this_coro::executor);
  both.spawn(copy(a, b, broken));
  both.spawn(copy(b, a, broken));
  co_await both.join();
  error_code ignored;
  if (!broken) {  // both FINs are on their way: an ordinary close
    a.set_option(asio::socket_base::linger(false, 0), ignored);
    b.set_option(asio::socket_base::linger(false, 0), ignored);
  }
}

}  // namespace kt::io
