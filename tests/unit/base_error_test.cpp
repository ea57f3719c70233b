// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "support/catch.h"

#include <cerrno>

namespace kt {

TEST_CASE("context goes in front of the message") {
  Error error(ErrorKind::denied, "pods: forbidden", "ask");
  error.add_context("list");
  CHECK(error.message() == "list: pods: forbidden");
  CHECK(error.hint() == "ask");
  CHECK(error.kind() == ErrorKind::denied);
}

TEST_CASE("a failed system call is unavailable and says what and why") {
  errno = ENOENT;
  try {
    check_errno(-1, "open /dev/net/tun");
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unavailable);
    CHECK(e.message() == "open /dev/net/tun: No such file or directory");
  }
}

TEST_CASE("a successful system call passes its result") {
  CHECK(check_errno(7, "x") == 7);
}

TEST_CASE("a broken promise is a bug with its place") {
  try {
    KT_ASSERT(1 + 1 == 3);
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::bug);
    CHECK(e.message().find("1 + 1 == 3") != std::string::npos);
    CHECK(e.message().find("base_error_test.cpp") != std::string::npos);
  }
}

}  // namespace kt
