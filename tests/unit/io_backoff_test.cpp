// SPDX-License-Identifier: Apache-2.0
#include "io/backoff.h"
#include "support/catch.h"

namespace kt::io {

using namespace std::chrono_literals;

TEST_CASE("a delay doubles up to its most") {
  Backoff backoff(100ms, 350ms);
  CHECK(backoff.next(1) == 100ms);
  CHECK(backoff.next(1) == 200ms);
  CHECK(backoff.next(1) == 350ms);
  CHECK(backoff.next(1) == 350ms);
}

TEST_CASE("chance spreads a delay over its upper half") {
  CHECK(Backoff(100ms, 1s).next(0) == 50ms);
  CHECK(Backoff(100ms, 1s).next(0.5) == 75ms);
}

TEST_CASE("a delay begins anew after reset") {
  Backoff backoff(100ms, 1s);
  (void)backoff.next(1);
  (void)backoff.next(1);
  backoff.reset();
  CHECK(backoff.next(1) == 100ms);
}

}  // namespace kt::io
