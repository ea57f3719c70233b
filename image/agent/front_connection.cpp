// SPDX-License-Identifier: Apache-2.0
// One connection of the front, from its acceptance to its end.
#include "agent/address.h"
#include "agent/front.h"
#include "base/log.h"
#include "io/relay.h"
#include "io/relay_sockets.h"

#include <boost/asio/socket_base.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <exception>
#include <utility>

namespace kt::agent {
namespace {

namespace asio = io::asio;
using io::Task;
using Caller = asio::ip::tcp::socket;

// Bounds the memory that callers can take while nobody answers.
constexpr std::uint64_t held_limit = 4096;

// Where one connection stands in the counts.
class Tally {
 public:
  explicit Tally(FrontCounts& counts) { ++counts.accepted; }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally() { move_to(nullptr); }

  void move_to(std::uint64_t* gauge) {
    if (gauge_ != nullptr) {
      --*gauge_;
    }
    gauge_ = gauge;
    if (gauge_ != nullptr) {
      ++*gauge_;
    }
  }
  [[nodiscard]] bool is_at(const std::uint64_t& gauge) const { return gauge_ == &gauge; }

 private:
  std::uint64_t* gauge_ = nullptr;
};

void reset(io::Socket& socket) {
  io::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);  // by itself: Asio's destructor takes the option back
}

void send_at_once(io::Socket& socket) {
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Reset by its caller. One that has only finished sending still waits for its answer.
bool left(io::Socket& socket) {
  pollfd state{socket.native_handle(), 0, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLHUP)) != 0;
}

// What the laptop is asked for; nothing when the caller has left already.
std::optional<mux::Target> target_of(const Caller& caller) {
  io::error_code gone;
  const asio::ip::tcp::endpoint to = caller.local_endpoint(gone);
  const asio::ip::tcp::endpoint from =
      gone ? asio::ip::tcp::endpoint() : caller.remote_endpoint(gone);
  if (gone) {
    return std::nullopt;
  }
  return mux::Target{mux::Protocol::tcp, to_mux(to), to_mux(from)};
}

// While a stream waits for its answer: it is woken, too, when the connection's way may have
// changed.
class Opening {
 public:
  Opening(std::set<mux::Stream*>& all, mux::Stream& stream) : all_(all), stream_(&stream) {
    all_.insert(stream_);
  }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() { all_.erase(stream_); }

 private:
  std::set<mux::Stream*>& all_;
  mux::Stream* stream_;
};

}  // namespace

struct Front::Connection {
  io::Socket socket;
  mux::Target target;
  Patience patience;
  Tally tally;
};

Task<> Front::serve(Caller caller) {
  const std::optional<mux::Target> target = target_of(caller);
  if (!target) {
    co_return;
  }
  Connection connection{io::Socket(std::move(caller)), *target,
                        Patience(options_.limits, io::Clock::now()), Tally(state_.counts)};
  try {
    co_await carry(connection);
  } catch (const std::exception& e) {  // its end is nobody else's
    log::debug("front", "connection to port {}: {}", target->to.port, e.what());
  }
}

Task<> Front::carry(Connection& connection) {
  while (true) {
    links_changed();
    const Way way = state_.way(io::Clock::now());
    const int error = co_await try_way(connection, way);
    if (error == 0) {
      co_return;
    }
    const auto pause = connection.patience.next(way, error, io::Clock::now());
    if (left(connection.socket)) {
      co_return;
    }
    if (!pause || !hold(connection)) {
      ++state_.counts.failed;
      reset(connection.socket);
      co_return;
    }
    (void)co_await way_changed_.wait_for(*pause);
  }
}

bool Front::hold(Connection& connection) {
  std::uint64_t& held = state_.counts.held;
  if (connection.tally.is_at(held)) {
    return true;
  }
  if (held >= held_limit) {
    return false;
  }
  connection.tally.move_to(&held);
  return true;
}

// 0 when the connection was carried to its end; else an errno, and the caller is still there.
Task<int> Front::try_way(Connection& connection, Way way) {
  switch (way) {
    case Way::laptop:
      co_return co_await by_laptop(connection);
    case Way::originals:
      co_return co_await by_originals(connection);
    case Way::nowhere:
      break;
  }
  co_return ECONNABORTED;
}

Task<int> Front::by_laptop(Connection& connection) {
  const std::shared_ptr<mux::Tunnel> tunnel = tunnel_;
  const std::unique_ptr<mux::Stream> stream = tunnel->begin(connection.target);
  if (stream == nullptr) {
    co_return ECONNABORTED;  // it is ending
  }
  co_await until_answered(*stream);
  const std::uint16_t port = connection.target.to.port;
  if (const int error = stream->error(); error != 0) {
    state_.on_connection_failed(port);
    co_return error;
  }
  if (stream->opening()) {
    co_return ECONNABORTED;
  }
  state_.on_proven(port);
  connection.tally.move_to(&state_.counts.open);
  co_await io::relay(std::move(connection.socket), *stream);
  co_return 0;
}

// Or until the laptop is not the way any more: nothing was sent yet, so another may serve it.
Task<> Front::until_answered(mux::Stream& stream) {
  const Opening opening(opening_, stream);
  while (stream.opening() && stream.error() == 0 && state_.way(io::Clock::now()) == Way::laptop) {
    co_await stream.changed();
  }
}

Task<int> Front::by_originals(Connection& connection) {
  std::optional<io::Socket> original = co_await options_.originals->dial(connection.target.to.port);
  if (!original) {
    co_return ECONNREFUSED;
  }
  send_at_once(connection.socket);
  send_at_once(*original);
  connection.tally.move_to(&state_.counts.open);
  co_await io::relay_sockets(std::move(connection.socket), *std::move(original));
  co_return 0;
}

}  // namespace kt::agent
