// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "support/catch.h"

namespace kt::log {

TEST_CASE("info is a bare sentence, a warning says that it is one") {
  Capture capture;
  info("x", "connected to {}", "prod");
  warn("x", "slow");
  CHECK(capture.lines() == std::vector<std::string>{"connected to prod", "warning: slow"});
}

TEST_CASE("debug is silent until asked for") {
  Capture capture;
  debug("x", "detail");
  CHECK(capture.lines().empty());
  set_level(Level::debug);
  debug("mux", "detail");
  set_level(Level::info);
  REQUIRE(capture.lines().size() == 1);
  CHECK(capture.lines()[0].find(" mux detail") != std::string::npos);
}

TEST_CASE("bytes that steer a terminal are shown as question marks") {
  CHECK(harmless("\x1b[2Jred\x7f\r") == "?[2Jred??");
  CHECK(harmless("\xc2\x9b[31m\xc2\xa9\xc2") == "??[31m\xc2\xa9\xc2");
  CHECK(harmless("na\xc3\xafve\n\t") == "na\xc3\xafve  ");
  CHECK(harmless("pulled\nerror: forged") == "pulled error: forged");
  CHECK(kt::log::harmless_lines("a:\n\x1b- b\n") == "a:\n?- b\n");
}

}  // namespace kt::log
