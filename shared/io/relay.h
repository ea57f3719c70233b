// SPDX-License-Identifier: Apache-2.0
// Joins a kernel socket and a stream of the mux: bytes go from one to the other without a buffer in
// between, and an idle pair holds none. A template because io knows no mux.
#pragma once

#include "base/bytes.h"
#include "io/socket_stream.h"
#include "io/task_group.h"

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
#include <span>
#include <utility>

namespace kt::io {

// What mux::Stream offers; the meaning of each word is written there.
template <class S>
concept RelayStream = requires(S& stream, std::size_t count, int error) {
  { stream.readable() } -> std::same_as<Task<>>;
  { stream.peek(std::span<BytesView>()) } -> std::same_as<std::size_t>;
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

// The state of one relay; lives in relay()'s frame.
template <RelayStream S>
struct Relay {
  Relay(Socket from, S& to) : socket(std::move(from)), stream(to) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() {
    if (!sent_all || !received_all) {
      fail(ECONNABORTED);  // cancelled
    }
  }

  Socket socket;
  S& stream;
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
    return result.error != 0;
  }
};

enum class Turn { would_block, no_room, ended, used_up };

// Moves what the socket has and the stream takes, without waiting.
template <RelayStream S>
Turn receive_turn(Relay<S>& relay) {
  for (std::size_t moved = 0; moved < relay_turn;) {
    const MutableBytes room = relay.stream.prepare();
    if (room.empty()) {
      return Turn::no_room;
    }
    const ssize_t count =
        ::recv(relay.socket.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    const int error = errno;
    relay.stream.commit(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count == 0) {
      return Turn::ended;
    }
    if (count < 0) {
      if (error == EAGAIN || error == EINTR) {
        return Turn::would_block;
      }
      relay.fail(error);
      return Turn::ended;
    }
    moved += static_cast<std::size_t>(count);
    relay.result.sent += static_cast<std::uint64_t>(count);
    if (static_cast<std::size_t>(count) < room.size()) {
      return Turn::would_block;  // most likely; the wait tells at once when it is not so
    }
  }
  return Turn::used_up;
}

// Moves what the stream has and the socket takes, without waiting.
template <RelayStream S>
Turn send_turn(Relay<S>& relay) {
  for (std::size_t moved = 0; moved < relay_turn;) {
    std::array<BytesView, gathered> parts;
    const std::size_t part_count = relay.stream.peek(parts);
    if (part_count == 0) {
      return relay.stream.ended() ? Turn::ended : Turn::no_room;
    }
    const ssize_t count =
        send_parts(relay.socket.native_handle(), std::span(parts).first(part_count));
    const int error = errno;
    if (count < 0) {
      if (error == EAGAIN || error == EINTR) {
        return Turn::would_block;
      }
      relay.fail(error);
      return Turn::ended;
    }
    relay.stream.consume(static_cast<std::size_t>(count));
    moved += static_cast<std::size_t>(count);
    relay.result.received += static_cast<std::uint64_t>(count);
  }
  return Turn::used_up;
}

// Half-closed and silent: only a RST can still come from there.
template <RelayStream S>
Task<> watch_for_reset(Relay<S>& relay) {
  error_code ec;
  co_await relay.socket.async_wait(Socket::wait_error, asio::redirect_error(use_task, ec));
  int error = 0;
  socklen_t size = sizeof error;
  if (!ec && relay.result.error == 0 &&
      ::getsockopt(relay.socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
      error != 0) {
    relay.fail(error);
  }
}

template <RelayStream S>
Task<> socket_to_stream(Relay<S>& relay) {
  while (!relay.over()) {
    const Turn turn = receive_turn(relay);
    error_code ec;
    if (turn == Turn::ended) {
      break;
    }
    if (turn == Turn::no_room) {
      co_await relay.stream.writable();
    } else if (turn == Turn::would_block) {
      co_await relay.socket.async_wait(Socket::wait_read, asio::redirect_error(use_task, ec));
    } else {
      co_await asio::post(relay.socket.get_executor(), use_task);
    }
  }
  if (relay.result.error == 0) {
    relay.stream.finish();
    relay.sent_all = true;
  }
  if (relay.result.error == 0 && !relay.received_all) {
    co_await watch_for_reset(relay);
  }
}

template <RelayStream S>
Task<> stream_to_socket(Relay<S>& relay) {
  while (!relay.over()) {
    const Turn turn = send_turn(relay);
    error_code ec;
    if (turn == Turn::ended) {
      break;
    }
    if (turn == Turn::no_room) {
      co_await relay.stream.readable();
    } else if (turn == Turn::would_block) {
      co_await relay.socket.async_wait(Socket::wait_write, asio::redirect_error(use_task, ec));
    } else {
      co_await asio::post(relay.socket.get_executor(), use_task);
    }
  }
  if (relay.result.error == 0) {
    error_code ignored;
    relay.socket.shutdown(Socket::shutdown_send, ignored);
    relay.received_all = true;
    if (relay.sent_all) {
      relay.socket.cancel(ignored);  // ends watch_for_reset()
    }
  }
}

}  // namespace detail

template <RelayStream S>
Task<RelayResult> relay(Socket socket, S& stream) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  detail::Relay<S> state(std::move(socket), stream);
  TaskGroup both(co_await asio::this_coro::executor);
  both.spawn(detail::socket_to_stream(state));
  both.spawn(detail::stream_to_socket(state));
  co_await both.join();
  if (!state.sent_all || !state.received_all) {
    state.fail(ECONNABORTED);
  }
  co_return state.result;
}

}  // namespace kt::io
