// SPDX-License-Identifier: Apache-2.0
// Applications on the kernel's own TCP, UDP and ICMP, through TUN and Redirector to a FarEnd.
#include "base/unique_fd.h"
#include "netns/captured.h"
#include "support/catch.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>

namespace kt::test {
namespace {

const std::string v4_host = "10.96.3.4";
const std::string v6_host = "fd00:10::3";

struct Peer {
  std::string host;
  std::uint16_t port;
};

// A socket connected to `peer`; empty with errno when connect(2) fails. All waits end after 10 s.
UniqueFd connect_to(const Peer& peer, int type, int protocol = 0) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  REQUIRE(::getaddrinfo(peer.host.c_str(), std::to_string(peer.port).c_str(), &hints, &found) == 0);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, ::freeaddrinfo);
  UniqueFd fd(::socket(address->ai_family, type, protocol));
  const timeval limit{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

int connect_error(const Peer& peer) {
  return connect_to(peer, SOCK_STREAM) ? 0 : errno;
}

// The errno that a UDP socket meets after it has sent to `peer`.
int datagram_error_from(const Peer& peer) {
  const UniqueFd fd = connect_to(peer, SOCK_DGRAM);
  REQUIRE(::send(fd.get(), "x", 1, 0) == 1);
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, 0) < 0 ? errno : 0;
}

std::string numbered_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i * 2654435761U >> 24);
  }
  return bytes;
}

std::string read_to_end(int fd) {
  std::string all;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
    REQUIRE(count >= 0);
    if (count == 0) {
      return all;
    }
    all.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// Sends all, then FIN, and only then reads: the echo must go on behind the half-close.
void check_echo(const std::string& host, std::size_t size) {
  const UniqueFd fd = connect_to({host, port::echo}, SOCK_STREAM);
  REQUIRE(fd);
  const std::string sent = numbered_bytes(size);
  REQUIRE(::send(fd.get(), sent.data(), sent.size(), 0) == static_cast<ssize_t>(sent.size()));
  REQUIRE(::shutdown(fd.get(), SHUT_WR) == 0);
  REQUIRE(read_to_end(fd.get()) == sent);
}

void check_datagram_echo(const Peer& peer, int type, int protocol, const std::string& sent) {
  const UniqueFd fd = connect_to(peer, type, protocol);
  REQUIRE(fd);
  REQUIRE(::send(fd.get(), sent.data(), sent.size(), 0) == static_cast<ssize_t>(sent.size()));
  std::string got(70'000, '\0');
  const ssize_t count = ::recv(fd.get(), got.data(), got.size(), 0);
  REQUIRE(count == static_cast<ssize_t>(sent.size()));
  REQUIRE(got.substr(8, sent.size() - 8) == sent.substr(8));
}

std::string echo_request(char type, std::size_t payload) {
  std::string message(8, '\0');
  message[0] = type;
  message[7] = 1;  // sequence
  return message + numbered_bytes(payload);
}

}  // namespace

TEST_CASE("inside: echo over TCP", "[.]") {
  check_echo(v4_host, 200'000);
  check_echo(v4_host, 1);
  check_echo(v6_host, 200'000);
}
TEST_CASE("bytes pass whole both ways, also behind a FIN") {
  CHECK(passes_inside("inside: echo over TCP") == 0);
}

TEST_CASE("inside: failures by errno", "[.]") {
  for (const std::string& host : {v4_host, v6_host}) {
    CHECK(connect_error({host, 1}) == ECONNREFUSED);
    CHECK(connect_error({host, port::no_host}) == EHOSTUNREACH);
    CHECK(connect_error({host, port::no_network}) == ENETUNREACH);
    CHECK(datagram_error_from({host, 1}) == ECONNREFUSED);
  }
  CHECK(connect_error({v4_host, port::forbidden}) == EHOSTUNREACH);  // icmp_err_convert[] of Linux
  CHECK(connect_error({v6_host, port::forbidden}) == EACCES);
}
TEST_CASE("a failure to dial is the application's errno, at once") {
  const auto start = io::Clock::now();
  CHECK(passes_inside("inside: failures by errno") == 0);
  CHECK(io::Clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("inside: no IPv6", "[.]") {
  CHECK(connect_error({v6_host, port::echo}) == ENETUNREACH);
  check_echo(v4_host, 10);
}

TEST_CASE("inside: silence", "[.]") {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port::silent);
  to.sin_addr.s_addr = htonl(0x0a600304);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == -1);
  pollfd wait{fd.get(), POLLOUT, 0};
  CHECK(::poll(&wait, 1, 1500) == 0);  // a SYN was sent again meanwhile
}
TEST_CASE("a destination that never answers leaves connect waiting") {
  CHECK(passes_inside("inside: silence") == 0);
}

TEST_CASE("inside: reset", "[.]") {
  const UniqueFd fd = connect_to({v4_host, port::reset}, SOCK_STREAM);
  REQUIRE(::send(fd.get(), "x", 1, 0) == 1);
  char byte = 0;
  REQUIRE(::recv(fd.get(), &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
}
TEST_CASE("a reset by the far end is a reset, not an end") {
  CHECK(passes_inside("inside: reset") == 0);
}

TEST_CASE("inside: the far end closes first", "[.]") {
  for (int i = 0; i < 200; ++i) {
    const UniqueFd fd = connect_to({v4_host, port::hello}, SOCK_STREAM);
    REQUIRE(fd);
    REQUIRE(read_to_end(fd.get()) == "hello");
  }
}
TEST_CASE("many short connections that the far end closes first") {
  CHECK(passes_inside("inside: the far end closes first") == 0);
}

TEST_CASE("inside: datagrams", "[.]") {
  for (const std::string& host : {v4_host, v6_host}) {
    check_datagram_echo({host, port::echo}, SOCK_DGRAM, 0, numbered_bytes(8));
    check_datagram_echo({host, port::echo}, SOCK_DGRAM, 0, numbered_bytes(65'487));
  }
  check_datagram_echo({v4_host, port::echo}, SOCK_DGRAM, 0, numbered_bytes(65'507));
}
TEST_CASE("datagrams of every size pass") {
  CHECK(passes_inside("inside: datagrams") == 0);
}

TEST_CASE("inside: ping", "[.]") {
  check_datagram_echo({v4_host, 0}, SOCK_DGRAM, IPPROTO_ICMP, echo_request(8, 56));
  check_datagram_echo({v6_host, 0}, SOCK_DGRAM, IPPROTO_ICMPV6, echo_request('\x80', 1400));
}
TEST_CASE("a ping without privilege is answered") {
  CHECK(passes_inside("inside: ping") == 0);
}

TEST_CASE("inside: many connections at a time", "[.]") {
  std::vector<UniqueFd> open;
  for (int i = 0; i < 300; ++i) {
    open.push_back(connect_to({v4_host, port::echo}, SOCK_STREAM));
    REQUIRE(open.back());
    const std::string word = std::to_string(i);
    REQUIRE(::send(open.back().get(), word.data(), word.size(), 0) > 0);
    REQUIRE(::shutdown(open.back().get(), SHUT_WR) == 0);
  }
  for (int i = 0; i < 300; ++i) {
    CHECK(read_to_end(open[static_cast<std::size_t>(i)].get()) == std::to_string(i));
  }
}
TEST_CASE("connections at the same time keep apart") {
  CHECK(passes_inside("inside: many connections at a time") == 0);
}

}  // namespace kt::test
