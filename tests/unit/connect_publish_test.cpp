// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/published_ports.h"
#include "support/catch.h"

using namespace kt;
using connect::parse_publish_rule;
using Ports = std::vector<connect::PublishedPort>;

TEST_CASE("--publish is auto, none, or a list of ports") {
  CHECK(parse_publish_rule("auto") == connect::PublishRule{true, {}});
  CHECK(parse_publish_rule("none") == connect::PublishRule{false, {}});
  CHECK(parse_publish_rule("8080") == connect::PublishRule{false, Ports{{8080, 8080}}});
  CHECK(parse_publish_rule("8080:80,9") == connect::PublishRule{false, Ports{{8080, 80}, {9, 9}}});
}

TEST_CASE("anything else is refused") {
  const auto* const text = GENERATE("", "no", "80:", ":80", "0", "65536", "80,", "80,,81", "1:2:3");
  CHECK_FALSE(parse_publish_rule(text));
}

TEST_CASE("auto wants what is reached by the loopback, a list wants what it names") {
  const std::vector<host::TcpListener> inside = {{8080, false, true, 1}, {53, false, false, 2}};
  CHECK(connect::wanted_ports({true, {}}, inside) ==
        std::set<connect::PublishedPort>{{8080, 8080}});
  CHECK(connect::wanted_ports({false, {{80, 8080}}}, inside) ==
        std::set<connect::PublishedPort>{{80, 8080}});
  CHECK(connect::wanted_ports({false, {}}, inside).empty());
}
