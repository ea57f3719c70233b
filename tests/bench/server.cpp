// SPDX-License-Identifier: Apache-2.0
// kt-bench-server [PORT]: the far end of the measurements, in a pod or anywhere. One thread, one
// epoll, so that it is never the bottleneck of a tunnel. Ports and protocols: protocol.h; PORT is
// the first of them (default 9000).
#include "protocol.h"
#include "socket.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

namespace kt::bench {
namespace {

const std::string zeros(256 * 1024, '\0');

// One accepted connection: what is to be sent, and the input that is not a whole message yet.
struct Connection {
  Socket socket;
  PortOffset service{};
  std::string out;          // sent first
  std::uint64_t owed = 0;   // then so many zero bytes
  std::string in;           // source, http: the beginning of a message
  std::uint64_t taken = 0;  // sink: bytes since the last acknowledgement
  bool closing = false;     // close when all is sent
};

std::uint64_t take_count(std::string& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count_size; i++)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  bytes.erase(0, count_size);
  return value;
}

void answer_requests(Connection& connection) {
  constexpr std::string_view end = "\r\n\r\n";
  for (std::size_t at; (at = connection.in.find(end)) != std::string::npos;) {
    const bool last = connection.in.substr(0, at).find("Connection: close") != std::string::npos;
    connection.out += last ? last_answer : answer;
    connection.closing |= last;
    connection.in.erase(0, at + end.size());
  }
}

void on_input(Connection& connection, std::string_view bytes) {
  switch (connection.service) {
    case source_port:
      connection.in += bytes;
      while (connection.in.size() >= count_size)
        connection.owed += take_count(connection.in);
      break;
    case sink_port:
      connection.taken += bytes.size();
      connection.out.append(connection.taken / ack_size * count_size, '\0');
      connection.taken %= ack_size;
      break;
    case echo_port:
      connection.out += bytes;
      break;
    case http_port:
      connection.in += bytes;
      answer_requests(connection);
      break;
    case port_count:
      break;
  }
}

enum class Progress { going_on, waiting, over };

Progress progress(ssize_t result) {
  if (result > 0)
    return Progress::going_on;
  return result < 0 && errno == EAGAIN ? Progress::waiting : Progress::over;
}

Progress send_some(Connection& connection) {
  const bool zero = connection.out.empty();
  const std::string& from = zero ? zeros : connection.out;
  const std::size_t size =
      zero ? std::min<std::uint64_t>(connection.owed, zeros.size()) : from.size();
  const ssize_t n = ::send(connection.socket.fd(), from.data(), size, MSG_NOSIGNAL);
  if (n > 0 && zero)
    connection.owed -= static_cast<std::uint64_t>(n);
  if (n > 0 && !zero)
    connection.out.erase(0, static_cast<std::size_t>(n));
  return progress(n);
}

Progress receive_some(Connection& connection) {
  static char buffer[256 * 1024];
  const ssize_t n = ::recv(connection.socket.fd(), buffer, sizeof buffer, 0);
  if (n > 0)
    on_input(connection, std::string_view(buffer, static_cast<std::size_t>(n)));
  return progress(n);
}

// Sends and receives until the kernel makes it wait (edge-triggered); reads only when all is sent.
// False: it is over.
bool advance(Connection& connection) {
  for (;;) {
    const bool sending = !connection.out.empty() || connection.owed > 0;
    if (!sending && connection.closing)
      return false;
    const Progress now = sending ? send_some(connection) : receive_some(connection);
    if (now != Progress::going_on)
      return now == Progress::waiting;
  }
}

class Server {
 public:
  explicit Server(std::uint16_t first_port)
      : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll")) {
    for (std::uint16_t i = 0; i < port_count; i++) {
      const auto port = static_cast<std::uint16_t>(first_port + i);
      listeners_.push_back(open(SOCK_STREAM, port));
      checked(::listen(listeners_.back().fd(), SOMAXCONN), "listen");
    }
    datagrams_ = open(SOCK_DGRAM, static_cast<std::uint16_t>(first_port + echo_port));
  }

  [[noreturn]] void run() {
    epoll_event events[64];
    for (;;) {
      const int n = epoll_wait(epoll_.fd(), events, 64, -1);
      for (int i = 0; i < n; i++)
        dispatch(events[i].data.fd);
    }
  }

 private:
  Socket open(int type, std::uint16_t port) {
    Socket socket(checked(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const int yes = 1;
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in name = ipv4("0.0.0.0", port);
    checked(::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name), "bind");
    watch(socket.fd(), EPOLLIN);
    return socket;
  }

  void watch(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    checked(epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event), "epoll");
  }

  void dispatch(int fd) {
    if (fd == datagrams_.fd())
      return echo_datagram();
    for (std::size_t i = 0; i < listeners_.size(); i++) {
      if (fd == listeners_[i].fd())
        return accept(fd, static_cast<PortOffset>(i));
    }
    const auto found = connections_.find(fd);
    if (found != connections_.end() && !advance(found->second))
      connections_.erase(found);
  }

  void accept(int listener, PortOffset service) {
    Socket socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const int fd = socket.fd(), yes = 1;
    if (fd < 0)
      return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLET);
    connections_[fd] = Connection{.socket = std::move(socket), .service = service};
  }

  void echo_datagram() {
    static char buffer[65536];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* name = reinterpret_cast<sockaddr*>(&from);
    const ssize_t n = ::recvfrom(datagrams_.fd(), buffer, sizeof buffer, 0, name, &size);
    if (n >= 0)
      ::sendto(datagrams_.fd(), buffer, static_cast<std::size_t>(n), 0, name, size);
  }

  Socket epoll_;
  std::vector<Socket> listeners_;
  Socket datagrams_;
  std::unordered_map<int, Connection> connections_;
};

}  // namespace
}  // namespace kt::bench

int main(int argc, char** argv) {
  std::signal(SIGTERM, [](int) { _exit(0); });  // as process 1 of a pod it would not end by itself
  try {
    kt::bench::Server(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 9000)).run();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return 1;
  }
}
