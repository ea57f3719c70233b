// SPDX-License-Identifier: Apache-2.0
// The few socket calls of the bench programs; failures are std::system_error.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace kt::bench {

inline int checked(int result, const char* what) {
  if (result < 0)
    throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

inline sockaddr_in ipv4(const std::string& address, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  errno = EINVAL;
  checked(inet_pton(AF_INET, address.c_str(), &name.sin_addr) - 1, "address");
  return name;
}

// A blocking TCP (SOCK_STREAM) or UDP (SOCK_DGRAM) connection; no call on it waits longer than 10
// s.
inline Socket connect_to(int type, const std::string& address, std::uint16_t port) {
  Socket socket(checked(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
  const timeval longest{10, 0};
  const int yes = 1;
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
  if (type == SOCK_STREAM)
    setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  const sockaddr_in name = ipv4(address, port);
  checked(::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name), "connect");
  return socket;
}

// A TCP connection on its way; the socket stays non-blocking.
inline Socket start_connect_to(const std::string& address, std::uint16_t port) {
  Socket socket(
      checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const sockaddr_in name = ipv4(address, port);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 &&
      errno != EINPROGRESS)
    checked(-1, "connect");
  return socket;
}

inline void send_all(const Socket& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0)
      checked(-1, "send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

inline void receive_exactly(const Socket& socket, std::size_t size) {
  char buffer[4096];
  while (size > 0) {
    const ssize_t n = ::recv(socket.fd(), buffer, std::min(size, sizeof buffer), 0);
    if (n == 0)
      errno = ECONNRESET;
    if (n <= 0)
      checked(-1, "receive");
    size -= static_cast<std::size_t>(n);
  }
}

inline std::string big_endian(std::uint64_t value) {
  std::string bytes(8, '\0');
  for (std::size_t i = 8; i-- > 0; value >>= 8)
    bytes[i] = static_cast<char>(value & 0xff);
  return bytes;
}

}  // namespace kt::bench
