// SPDX-License-Identifier: Apache-2.0
// Joins a kernel socket and a stream of the mux: bytes go from one to the other without a buffer in
// between, and an idle pair holds none. A template because io knows no mux.
#pragma once

#include "base/bytes.h"
#include "io/socket_stream.h"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace kt::io {

// What mux::Stream offers; the meaning of each word is written there.
template <class S>
concept RelayStream = requires(S& stream, std::size_t count, int error) {
  { stream.changed() } -> std::same_as<Task<>>;
  stream.wake();
  { stream.peek(std::span<BytesView>()) } -> std::same_as<std::size_t>;
  stream.consume(count);
  { stream.ended() } -> std::same_as<bool>;
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

// One turn of one direction moves no more than this, so that nobody else waits long.
inline constexpr std::size_t relay_turn = 512 * 1024;

// In one call: TCP then fills its segments, where a call a part would end each with a short one.
inline constexpr std::size_t gathered = 8;

inline ssize_t send_parts(int socket, std::span<const BytesView> parts) {
  std::array<iovec, gathered> pieces{};
  std::ranges::transform(parts, pieces.begin(), [](BytesView part) {
    return iovec{const_cast<std::byte*>(part.data()), part.size()};  // sendmsg(2) only reads
  });
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// What the socket's handlers tell the relay. They may come after its end, hence shared with them.
template <RelayStream S>
struct Readiness {
  S* stream;  // null when the relay is over
  bool read = true;
  bool write = true;
  bool error = false;
  std::array<bool, 3> waiting{};  // by Socket::wait_type: a handler is under way
};

// The state of one relay; lives in relay()'s frame. One task for both directions: a connection that
// is idle costs one coroutine and one handler.
template <RelayStream S>
struct Relay {
  Relay(Socket from, S& to)
      : socket(std::move(from)), stream(to), ready(std::make_shared<Readiness<S>>()) {
    ready->stream = &to;
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() {
    ready->stream = nullptr;
    if (!sent_all || !received_all) {
      fail(ECONNABORTED);  // cancelled
    }
  }

  Socket socket;
  S& stream;
  std::shared_ptr<Readiness<S>> ready;
  RelayResult result;
  bool sent_all = false;      // the socket's end of file has been passed on
  bool received_all = false;  // the stream's

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

  [[nodiscard]] bool over() {
    if (result.error == 0 && stream.error() != 0) {
      fail(stream.error());
    }
    return result.error != 0 || (sent_all && received_all);
  }

  void wait_for(Socket::wait_type what, bool Readiness<S>::*flag) {
    bool& waiting = ready->waiting[static_cast<std::size_t>(what)];
    if (std::exchange(waiting, true)) {
      return;
    }
    socket.async_wait(what, [state = ready, what, flag](const error_code& ec) {
      state->waiting[static_cast<std::size_t>(what)] = false;
      if (state->stream != nullptr && ec != asio::error::operation_aborted) {
        (*state).*flag = true;
        state->stream->wake();
      }
    });
  }

  void block_read() {
    ready->read = false;
    wait_for(Socket::wait_read, &Readiness<S>::read);
  }
  void block_write() {
    ready->write = false;
    wait_for(Socket::wait_write, &Readiness<S>::write);
  }

  // An error code that a system call has left; EAGAIN and EINTR are none.
  void broken(int error, void (Relay::*block)()) {
    if (error == EAGAIN || error == EINTR) {
      (this->*block)();
    } else {
      fail(error);
    }
  }
};

// Moves what the socket has and the stream takes, without waiting; how many bytes that was.
template <RelayStream S>
std::size_t receive_turn(Relay<S>& relay) {
  std::size_t moved = 0;
  while (moved < relay_turn && relay.ready->read && !relay.sent_all && relay.result.error == 0) {
    const MutableBytes room = relay.stream.prepare();
    if (room.empty()) {
      break;
    }
    const ssize_t count =
        ::recv(relay.socket.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    const int error = errno;
    relay.stream.commit(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0) {
      relay.broken(error, &Relay<S>::block_read);
    } else if (count == 0) {
      relay.stream.finish();
      relay.sent_all = true;
    } else if (static_cast<std::size_t>(count) < room.size()) {
      relay.block_read();  // most likely nothing more; the wait tells at once when it is not so
    }
    moved += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  relay.result.sent += moved;
  return moved;
}

// Moves what the stream has and the socket takes, without waiting; how many bytes that was.
template <RelayStream S>
std::size_t send_turn(Relay<S>& relay) {
  std::size_t moved = 0;
  while (moved < relay_turn && relay.ready->write && !relay.received_all &&
         relay.result.error == 0) {
    std::array<BytesView, gathered> parts;
    const std::size_t part_count = relay.stream.peek(parts);
    if (part_count == 0) {
      break;
    }
    const ssize_t count =
        send_parts(relay.socket.native_handle(), std::span(parts).first(part_count));
    const int error = errno;
    if (count < 0) {
      relay.broken(error, &Relay<S>::block_write);
      break;
    }
    relay.stream.consume(static_cast<std::size_t>(count));
    moved += static_cast<std::size_t>(count);
  }
  relay.result.received += moved;
  return moved;
}

// The stream's end becomes the socket's; then only a RST can still come from a half-closed socket.
template <RelayStream S>
void pass_ends(Relay<S>& relay) {
  if (!relay.received_all && relay.result.error == 0 && relay.stream.ended()) {
    error_code ignored;
    relay.socket.shutdown(Socket::shutdown_send, ignored);
    relay.received_all = true;
  }
  if (relay.sent_all && !relay.received_all && relay.result.error == 0 && !relay.ready->error) {
    relay.wait_for(Socket::wait_error, &Readiness<S>::error);
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (relay.ready->error && relay.result.error == 0 &&
      ::getsockopt(relay.socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
      error != 0) {
    relay.fail(error);
  }
}

}  // namespace detail

template <RelayStream S>
Task<RelayResult> relay(Socket socket, S& stream) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  detail::Relay<S> state(std::move(socket), stream);
  while (!state.over()) {
    const std::size_t moved = detail::receive_turn(state) + detail::send_turn(state);
    detail::pass_ends(state);
    if (moved >= detail::relay_turn) {
      co_await asio::post(co_await asio::this_coro::executor, use_task);
    } else if (moved == 0 && !state.over()) {
      co_await stream.changed();
    }
  }
  co_return state.result;
}

}  // namespace kt::io
