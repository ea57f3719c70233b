// SPDX-License-Identifier: Apache-2.0
// Joins a kernel socket and a stream of the mux: bytes go from one to the other without a buffer in
// between, and an idle pair holds none. A template because io knows no mux.
#pragma once

#include "base/bytes.h"
#include "io/socket_stream.h"

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
  { stream.peek(std::span<BytesView>()) } -> std::same_as<std::size_t>;
  stream.consume(count);
  { stream.ended() } -> std::same_as<bool>;
  { stream.prepare() } -> std::same_as<MutableBytes>;
  stream.commit(count);
  stream.finish();
  stream.reset(error);
  { stream.error() } -> std::same_as<int>;
  { stream.changed() } -> std::same_as<Task<>>;
  stream.wake();
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

// Both directions of one connection. Its socket's handlers do the work where they are called; they
// may come after relay() has ended, hence they share it. An idle one waits in one coroutine, for
// the stream, and one handler, for the socket.
template <RelayStream S>
class Relay : public std::enable_shared_from_this<Relay<S>> {
 public:
  Relay(Socket socket, S& stream) : socket_(std::move(socket)), stream_(&stream) {}

  // Does whatever can be done without waiting, and waits for the socket where that is the reason.
  void pump() {
    if (result_.error == 0 && stream_->error() != 0) {
      fail(stream_->error());
    }
    receive_turn();
    send_turn();
    if (sent_all_ && !received_all_) {
      wait(Socket::wait_error);  // half-closed and silent: only a RST can still come from there
    }
  }

  [[nodiscard]] bool over() const { return result_.error != 0 || (sent_all_ && received_all_); }
  [[nodiscard]] const RelayResult& result() const { return result_; }

  // The stream is about to die, or the relay was cancelled.
  void leave() {
    if (!over()) {
      fail(ECONNABORTED);
    }
    error_code ignored;
    socket_.close(ignored);
    stream_ = nullptr;
  }

 private:
  // Moves what the socket has and the stream takes.
  void receive_turn() {
    std::size_t moved = 0;
    while (!waits(Socket::wait_read) && !sent_all_ && result_.error == 0) {
      const MutableBytes room = stream_->prepare();
      if (room.empty()) {
        return;
      }
      const ssize_t count = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
      const int error = errno;
      stream_->commit(count > 0 ? static_cast<std::size_t>(count) : 0);
      if (count <= 0) {
        count == 0 ? finish() : blocked(error, Socket::wait_read);
        return;
      }
      moved += static_cast<std::size_t>(count);
      result_.sent += static_cast<std::uint64_t>(count);
      // A short count is most likely the last of it; the wait tells at once when it is not so.
      if (static_cast<std::size_t>(count) < room.size() || moved >= relay_turn) {
        wait(Socket::wait_read);
      }
    }
  }

  // Moves what the stream has and the socket takes.
  void send_turn() {
    std::size_t moved = 0;
    while (!waits(Socket::wait_write) && !received_all_ && result_.error == 0) {
      std::array<BytesView, gathered> parts;
      const std::size_t part_count = stream_->peek(parts);
      if (part_count == 0) {
        if (stream_->ended()) {
          shut();
        }
        return;
      }
      const ssize_t count = send_parts(socket_.native_handle(), std::span(parts).first(part_count));
      if (count < 0) {
        blocked(errno, Socket::wait_write);
        return;
      }
      stream_->consume(static_cast<std::size_t>(count));
      result_.received += static_cast<std::uint64_t>(count);
      moved += static_cast<std::size_t>(count);
      if (moved >= relay_turn) {
        wait(Socket::wait_write);
      }
    }
  }

  void finish() {
    stream_->finish();
    sent_all_ = true;
  }

  void shut() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    received_all_ = true;
  }

  void blocked(int error, Socket::wait_type until) {
    if (error == EAGAIN || error == EINTR) {
      wait(until);
    } else {
      fail(error);
    }
  }

  // One side broke: the other is told, and both directions end.
  void fail(int error) {
    if (over()) {
      return;
    }
    result_.error = error;
    stream_->reset(error);
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }

  [[nodiscard]] bool waits(Socket::wait_type what) const {
    return waiting_[static_cast<std::size_t>(what)];
  }

  void wait(Socket::wait_type what) {
    if (std::exchange(waiting_[static_cast<std::size_t>(what)], true)) {
      return;
    }
    socket_.async_wait(what, [self = this->shared_from_this(), what](const error_code& ec) {
      self->waiting_[static_cast<std::size_t>(what)] = false;
      if (self->stream_ != nullptr && !ec) {
        self->ready(what);
      }
    });
  }

  void ready(Socket::wait_type what) {
    if (what == Socket::wait_error) {
      look_for_reset();
    }
    pump();
    if (over()) {
      stream_->wake();
    }
  }

  void look_for_reset() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
        error != 0) {
      fail(error);
    }
  }

  Socket socket_;
  S* stream_;  // null once the relay has ended
  RelayResult result_;
  bool sent_all_ = false;          // the socket's end of file has been passed on
  bool received_all_ = false;      // the stream's
  std::array<bool, 3> waiting_{};  // by Socket::wait_type: a handler is under way
};

// Ends the relay with the frame that it is in.
template <RelayStream S>
struct RelayOwner {
  explicit RelayOwner(std::shared_ptr<Relay<S>> owned) : relay(std::move(owned)) {}
  RelayOwner(const RelayOwner&) = delete;
  RelayOwner& operator=(const RelayOwner&) = delete;
  ~RelayOwner() { relay->leave(); }

  std::shared_ptr<Relay<S>> relay;
};

}  // namespace detail

template <RelayStream S>
Task<RelayResult> relay(Socket socket, S& stream) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const detail::RelayOwner<S> owner(std::make_shared<detail::Relay<S>>(std::move(socket), stream));
  detail::Relay<S>& relay = *owner.relay;
  relay.pump();
  while (!relay.over()) {
    co_await stream.changed();
    relay.pump();
  }
  co_return relay.result();
}

}  // namespace kt::io
