// SPDX-License-Identifier: Apache-2.0
#include "host/tcp_listeners.h"
#include "support/catch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

using namespace kt;

TEST_CASE("a datagram of the kernel's that is cut short or foreign ends the answer") {
  std::vector<host::TcpListener> found;
  const Bytes bytes(GENERATE(16U, 17U, 40U));  // a length of 0 in the header
  CHECK(host::read_diagnosis(bytes, found));
  CHECK(found.empty());
}

TEST_CASE("whoever has a port of ours is named") {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, generic, size) == 0);
  REQUIRE(::listen(fd, 1) == 0);
  REQUIRE(::getsockname(fd, generic, &size) == 0);
  const std::uint16_t port = ntohs(address.sin_port);
  const auto all = host::tcp_listeners(host::open_socket_diagnosis().get());
  CHECK(std::ranges::any_of(all, [&](const auto& l) { return l.port == port && !l.v6; }));
  CHECK(host::owner_of_port(port).find("(pid " + std::to_string(::getpid()) + ")") !=
        std::string::npos);
  ::close(fd);
  CHECK(host::owner_of_port(port).empty());
}
