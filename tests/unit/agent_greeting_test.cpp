// SPDX-License-Identifier: Apache-2.0
#include "agent/greeting.h"
#include "support/catch.h"

#include <string>

using kt::agent::greet;
using kt::agent::Greeting;

namespace {

Greeting kind(const std::string& text) {
  return greet(kt::as_bytes(text)).kind;
}

const std::string upgrade_head =
    "GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nupgrade: KT-mux/1\r\n\r\n";

}  // namespace

TEST_CASE("every prefix of a known greeting asks for more") {
  for (const std::string& whole : {std::string("SSH-"), upgrade_head}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(length);
      CHECK(kind(whole.substr(0, length)) == Greeting::need_more);
    }
  }
}

TEST_CASE("the door knows its four callers") {
  CHECK(kind("SSH-2.0-libssh2_1.10.0\r\n") == Greeting::ssh);
  CHECK(kind("\x16\x03\x01") == Greeting::tls);
  CHECK(kind("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n") == Greeting::readyz);
  CHECK(kind(upgrade_head) == Greeting::upgrade);
}

TEST_CASE("the head's length stops before what comes behind it") {
  const auto greeted = greet(kt::as_bytes(upgrade_head + "SSH-2.0"));
  CHECK(greeted.head_length == upgrade_head.size());
}

TEST_CASE("a request without our protocol is not let in") {
  CHECK(kind("GET /link HTTP/1.1\r\nHost: x\r\n\r\n") == Greeting::unknown);
  CHECK(kind("GET /link HTTP/1.1\r\nUpgrade: websocket\r\n\r\n") == Greeting::unknown);
  CHECK(kind("GET /other HTTP/1.1\r\nUpgrade: kt-mux/1\r\n\r\n") == Greeting::unknown);
  CHECK(kind("POST /link HTTP/1.1\r\n") == Greeting::unknown);
  CHECK(kind("\n") == Greeting::unknown);
}

TEST_CASE("an endless head is not ours") {
  CHECK(kind("GET /link HTTP/1.1\r\n" + std::string(9000, 'a')) == Greeting::unknown);
}

TEST_CASE("the API server's query behind the path is allowed") {
  CHECK(kind("GET /link?x=1 HTTP/1.1\r\nUpgrade: kt-mux/1\r\n\r\n") == Greeting::upgrade);
}
