// SPDX-License-Identifier: Apache-2.0
#include "host/tcp_listeners.h"
#include "support/catch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

using namespace kt;

namespace {

std::string line(const char* local, const char* state) {
  return std::string("   3: ") + local + " 00000000:0000 " + state +
         " 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100";
}

}  // namespace

TEST_CASE("a listener has its port, its inode, and is on the loopback or is not") {
  CHECK(host::parse_tcp_listener(line("0100007F:1F90", "0A"), false) ==
        host::TcpListener{8080, false, true, 4711});
  CHECK(host::parse_tcp_listener(line("00000000:0050", "0A"), false)->on_loopback);
  CHECK_FALSE(host::parse_tcp_listener(line("020000C0:0050", "0A"), false)->on_loopback);
  const std::string v6 = "00000000000000000000000001000000:0050";
  CHECK(host::parse_tcp_listener(line(v6.c_str(), "0A"), true)->on_loopback);
}

TEST_CASE("connections, the heading and nonsense are no listeners") {
  CHECK_FALSE(host::parse_tcp_listener(line("0100007F:1F90", "01"), false));
  CHECK_FALSE(host::parse_tcp_listener("  sl  local_address rem_address   st", false));
  CHECK_FALSE(host::parse_tcp_listener("", false));
  CHECK_FALSE(host::parse_tcp_listener("1: x:y z 0A", false));
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
  const auto all = host::tcp_listeners(::getpid());
  CHECK(std::ranges::any_of(all, [&](const auto& l) { return l.port == port && !l.v6; }));
  CHECK(host::owner_of_port(port).find("(pid " + std::to_string(::getpid()) + ")") !=
        std::string::npos);
  ::close(fd);
  CHECK(host::owner_of_port(port).empty());
}
