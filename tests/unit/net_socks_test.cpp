// SPDX-License-Identifier: Apache-2.0
#include "net/socks.h"
#include "support/catch.h"

#include <cerrno>

namespace kt::net {
namespace {

const std::string greeting("\5\1\0", 3);
const std::string to_name = std::string("\5\1\0\3\4cart\0\x50", 11);
const std::string to_v4 = std::string("\5\1\0\1\x0a\x60\3\4\0\x50", 10);

SocksHandshake after(const std::string& bytes) {
  SocksHandshake handshake;
  handshake.receive(as_bytes(bytes));
  return handshake;
}

}  // namespace

TEST_CASE("a SOCKS client says where to") {
  CHECK(after(greeting + to_name).request() == SocksRequest{"cart", 80, true});
  CHECK(after(greeting + to_v4).request() == SocksRequest{"10.96.3.4", 80, false});
  const std::string v6 = "\5\1" + std::string(1, '\0') + "\4\xfd" + std::string(14, '\0') + "\1" +
                         std::string("\1\xbb", 2);
  CHECK(after(greeting + v6).request() == SocksRequest{"fd00::1", 443, false});
}

TEST_CASE("a SOCKS handshake may come byte by byte") {
  SocksHandshake handshake;
  for (const char byte : greeting + to_name) {
    CHECK_FALSE(handshake.request());
    handshake.receive(as_bytes(std::string(1, byte)));
  }
  CHECK(handshake.request() == SocksRequest{"cart", 80, true});
  CHECK(to_hex(handshake.take_output()) == "0500");
}

TEST_CASE("bytes behind the SOCKS request are for the relay") {
  CHECK(to_string(after(greeting + to_v4 + "GET /").rest()) == "GET /");
}

TEST_CASE("a SOCKS reply carries the code") {
  SocksHandshake handshake = after(greeting + to_v4);
  (void)handshake.take_output();
  handshake.reply(socks_reply_for(ECONNREFUSED));
  CHECK(to_hex(handshake.take_output()) == "05050001000000000000");
  CHECK(socks_reply_for(0) == SocksReply::succeeded);
}

TEST_CASE("what is not spoken here is refused in words") {
  CHECK(after("GET / HTTP/1.1\r\n").refused() == "version 71: only SOCKS 5 is spoken here");
  SocksHandshake password = after("\5\1\2");
  CHECK(password.refused());
  CHECK(to_hex(password.take_output()) == "05ff");
  SocksHandshake udp = after(greeting + std::string("\5\3\0\1\0\0\0\0\0\0", 10));
  CHECK(udp.refused() == "UDP ASSOCIATE: only CONNECT is supported");
  CHECK(to_hex(udp.take_output()) == "050005070001000000000000");
  CHECK(after(greeting + std::string("\5\1\0\2", 4)).refused() == "unknown address type");
  CHECK(after(greeting + std::string("\5\1\0\3\0\0\x50", 7)).refused());
  CHECK(after(greeting + std::string("\5\1\0\3\2\n\r\0\x50", 9)).refused());
}

}  // namespace kt::net
