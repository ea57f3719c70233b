// SPDX-License-Identifier: Apache-2.0
// Rates of a route to kt-bench-server, counted where the bytes arrive.
#pragma once

#include "target.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <vector>

namespace kt::bench {

// Counts what arrives between the warm-up and the end.
class Meter {
 public:
  void add(std::uint64_t amount) {
    if (warm())
      counted_ += amount;
  }
  bool over() const { return Clock::now() - start_ >= warm_up + duration; }
  double per_second() const {
    return static_cast<double>(counted_) / (Seconds(last_ - start_) - warm_up).count();
  }

 private:
  bool warm() {
    const auto now = Clock::now();
    if (now - start_ >= warm_up)
      last_ = now;
    return now - start_ >= warm_up;
  }
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_ + std::chrono::hours(1);
  std::uint64_t counted_ = 0;
};

inline std::size_t receive_some(const Socket& socket) {
  static char buffer[256 * 1024];
  const ssize_t n = ::recv(socket.fd(), buffer, sizeof buffer, 0);
  if (n == 0)
    errno = ECONNRESET;
  if (n <= 0)
    checked(-1, "receive");
  return static_cast<std::size_t>(n);
}

inline void wait_any(std::vector<pollfd>& polled) {
  errno = ETIMEDOUT;
  if (::poll(polled.data(), polled.size(), 10'000) <= 0)
    checked(-1, "poll");
}

// MB/s over `streams` connections. Asks for 8 MiB at a time and keeps four such requests on the
// way, so that the route never waits for a question and each connection ends with nothing on the
// way.
inline double download(const Target& target, std::size_t streams) {
  constexpr std::uint64_t chunk = 8 << 20;
  std::vector<Socket> sockets;
  std::vector<pollfd> polled;
  std::vector<std::uint64_t> asked(streams, 0);
  for (std::size_t i = 0; i < streams; i++) {
    sockets.push_back(target.connect(source_port));
    polled.push_back({sockets[i].fd(), POLLIN, 0});
  }
  Meter meter;
  for (std::uint64_t total = 1; total > 0;) {
    for (std::size_t i = 0; i < streams; i++) {
      for (; !meter.over() && asked[i] <= 3 * chunk; asked[i] += chunk)
        send_all(sockets[i], big_endian(chunk));
    }
    wait_any(polled);
    for (std::size_t i = 0; i < streams; i++) {
      if (!polled[i].revents)
        continue;
      const std::size_t n = receive_some(sockets[i]);
      asked[i] -= n;
      if (!meter.over())
        meter.add(n);
    }
    total = 0;
    for (const auto left : asked)
      total += left;
  }
  return meter.per_second() / 1e6;
}

// MB/s as the far end acknowledges them.
inline double upload(const Target& target) {
  const Socket socket = target.connect(sink_port);
  const std::string block(ack_size, '\0');
  std::uint64_t sent = 0, acknowledgements = 0;
  Meter meter;
  while (!meter.over() || sent % ack_size || acknowledgements < sent / ack_size * count_size) {
    const bool sending = !meter.over() || sent % ack_size;
    std::vector<pollfd> polled{
        {socket.fd(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0}};
    wait_any(polled);
    if (polled[0].revents & POLLIN) {
      const std::size_t n = receive_some(socket);
      acknowledgements += n;
      if (!meter.over())
        meter.add(n * (ack_size / count_size));
    }
    if (!(polled[0].revents & POLLOUT))
      continue;
    const ssize_t n = ::send(socket.fd(), block.data(), block.size() - sent % ack_size,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
      checked(-1, "send");
    sent += static_cast<std::uint64_t>(std::max<ssize_t>(n, 0));
  }
  return meter.per_second() / 1e6;
}

// Kept-alive connections with a request on the way on each; `epoll` names them by their index.
inline std::vector<Socket> ask(const Target& target, std::size_t connections, const Socket& epoll) {
  std::vector<Socket> sockets;
  for (std::size_t i = 0; i < connections; i++) {
    sockets.push_back(target.connect(http_port));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    checked(epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, sockets[i].fd(), &event), "epoll");
    send_all(sockets[i], request);
  }
  return sockets;
}

// HTTP requests per second, one on the way on each connection.
inline double requests(const Target& target, std::size_t connections) {
  const Socket epoll(checked(epoll_create1(EPOLL_CLOEXEC), "epoll"));
  const std::vector<Socket> sockets = ask(target, connections, epoll);
  std::vector<std::size_t> missing(connections, answer.size());
  Meter meter;
  for (std::size_t on_the_way = connections; on_the_way > 0;) {
    epoll_event events[64];
    errno = ETIMEDOUT;
    const int n = epoll_wait(epoll.fd(), events, 64, 10'000);
    if (n <= 0)
      checked(-1, "answers");
    for (int k = 0; k < n; k++) {
      const std::size_t i = events[k].data.u64;
      missing[i] -= receive_some(sockets[i]);
      if (missing[i] > 0)
        continue;
      missing[i] = answer.size();
      if (meter.over()) {
        on_the_way--;
        continue;
      }
      meter.add(1);
      send_all(sockets[i], request);
    }
  }
  return meter.per_second();
}

// A connection that is made, used once and closed by the server, again and again.
class ShortConnection {
 public:
  ShortConnection(const Target& target, const Socket& epoll, std::size_t index)
      : target_(target), epoll_(epoll), index_(index) {
    begin();
  }

  void begin() {
    socket_ = target_.start_connect(http_port);
    asked_ = false;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index_;
    checked(epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, socket_.fd(), &event), "epoll");
  }

  void end() { socket_ = Socket(); }

  // True once the server's end of the stream is there.
  bool advance(std::uint32_t events) {
    if (!asked_ && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
      send_all(socket_, last_request);
      asked_ = true;
    }
    for (;;) {
      char buffer[256];
      const ssize_t n = ::recv(socket_.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n == 0)
        return true;
      if (n < 0 && errno == EAGAIN)
        return false;
      checked(static_cast<int>(n), "receive");
    }
  }

 private:
  const Target& target_;
  const Socket& epoll_;
  std::size_t index_;
  Socket socket_;
  bool asked_ = false;
};

// New connections per second that the server closes, `at_once` of them on the way. One that fails
// is an exception.
inline double short_connections(const Target& target, std::size_t at_once) {
  const Socket epoll(checked(epoll_create1(EPOLL_CLOEXEC), "epoll"));
  std::vector<ShortConnection> connections;
  connections.reserve(at_once);
  for (std::size_t i = 0; i < at_once; i++)
    connections.emplace_back(target, epoll, i);
  Meter meter;
  for (std::size_t on_the_way = at_once; on_the_way > 0;) {
    epoll_event events[64];
    errno = ETIMEDOUT;
    const int n = epoll_wait(epoll.fd(), events, 64, 10'000);
    if (n <= 0)
      checked(-1, "connections");
    for (int k = 0; k < n; k++) {
      ShortConnection& connection = connections[events[k].data.u64];
      if (!connection.advance(events[k].events))
        continue;
      meter.add(1);
      if (!meter.over()) {
        connection.begin();
        continue;
      }
      connection.end();
      on_the_way--;
    }
  }
  return meter.per_second();
}

}  // namespace kt::bench
