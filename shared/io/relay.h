// SPDX-License-Identifier: Apache-2.0
// Joins a kernel socket and a stream of the mux: bytes go from one to the other without a buffer in
// between, and an idle pair holds none. A template because io knows no mux.
#pragma once

#include <boost/asio/socket_base.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "io/socket_stream.h"
#include "io/task_group.h"

namespace kt::io {

// What mux::Stream offers; the meaning of each word is written there.
template <class S>
concept RelayStream = requires(S& stream, std::size_t count, int error) {
  { stream.readable() } -> std::same_as<Task<>>;
  { stream.peek() } -> std::same_as<BytesView>;
  stream.consume(count);
  { stream.ended() } -> std::same_as<bool>;
  { stream.writable() } -> std::same_as<Task<>>;
  { stream.prepare() } -> std::same_as<MutableBytes>;
  stream.commit(count);
  stream.finish();
  stream.reset(error);
  { stream.error() } -> std::same_as<int>;
};

struct RelayResult {
  std::uint64_t sent = 0;      // socket → stream, bytes
  std::uint64_t received = 0;  // stream → socket
  int error = 0;               // errno of a reset from either side; 0: both ends finished
};

// Copies both ways until both directions have ended. FIN and reset are kept apart: an end of file
// becomes finish() and back shutdown(2); a socket's RST becomes reset(), a stream's error a RST
// (SO_LINGER 0). The socket is closed at the end. `stream` lives in the caller's frame until then.
// Throws nothing but the caller's own cancellation, which resets both.
template <RelayStream S>
Task<RelayResult> relay(Socket socket, S& stream);

namespace detail {

// The state of one relay; lives in relay()'s frame.
template <RelayStream S>
struct Relay {
  Socket socket;
  S& stream;
  RelayResult result;

  // One side broke: the other is told, and both directions end.
  void fail(int error) {
    if (result.error != 0) {
      return;
    }
    result.error = error;
    stream.reset(error);
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
  }
};

template <RelayStream S>
Task<> socket_to_stream(Relay<S>& relay) {
  while (relay.result.error == 0) {
    error_code ec;
    co_await relay.socket.async_wait(Socket::wait_read, asio::redirect_error(use_task, ec));
    if (ec) {
      co_return;
    }
    co_await relay.stream.writable();
    if (relay.stream.error() != 0) {
      relay.fail(relay.stream.error());
      co_return;
    }
    const MutableBytes room = relay.stream.prepare();
    const ssize_t count =
        ::recv(relay.socket.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    const int error = errno;
    relay.stream.commit(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count == 0) {
      relay.stream.finish();
      co_return;
    }
    if (count < 0 && error != EAGAIN) {
      relay.fail(error);
      co_return;
    }
    relay.result.sent += count > 0 ? static_cast<std::uint64_t>(count) : 0;
  }
}

template <RelayStream S>
Task<> stream_to_socket(Relay<S>& relay) {
  while (relay.result.error == 0) {
    co_await relay.stream.readable();
    if (relay.stream.error() != 0) {
      relay.fail(relay.stream.error());
      co_return;
    }
    const BytesView data = relay.stream.peek();
    if (data.empty()) {  // ended
      error_code ignored;
      relay.socket.shutdown(Socket::shutdown_send, ignored);
      co_return;
    }
    const ssize_t count = ::send(relay.socket.native_handle(), data.data(), data.size(),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      relay.stream.consume(static_cast<std::size_t>(count));
      relay.result.received += static_cast<std::uint64_t>(count);
    } else if (errno == EAGAIN) {
      error_code ec;
      co_await relay.socket.async_wait(Socket::wait_write, asio::redirect_error(use_task, ec));
    } else {
      relay.fail(errno);
      co_return;
    }
  }
}

}  // namespace detail

template <RelayStream S>
Task<RelayResult> relay(Socket socket, S& stream) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  detail::Relay<S> relay{std::move(socket), stream, {}};
  TaskGroup both(co_await asio::this_coro::executor);
  both.spawn(detail::socket_to_stream(relay));
  both.spawn(detail::stream_to_socket(relay));
  co_await both.join();
  co_return relay.result;
}

}  // namespace kt::io
