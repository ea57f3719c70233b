// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"
#include "support/catch.h"

using namespace kt;

TEST_CASE("columns are as wide as their widest cell, the last one has no blanks behind it") {
  CHECK(cli::table({{"NAME", "AGE"}, {"a-long-name", "3 s"}, {"b", ""}}) ==
        "NAME          AGE\n"
        "a-long-name   3 s\n"
        "b             <none>\n");
}

TEST_CASE("a cell cannot steer the terminal") {
  CHECK(cli::table({{"\x1b[31mred"}}) == "?[31mred\n");
}

TEST_CASE("bytes have two digits that count") {
  CHECK(cli::render_bytes(0) == "0 B");
  CHECK(cli::render_bytes(999) == "999 B");
  CHECK(cli::render_bytes(1000) == "1.0 kB");
  CHECK(cli::render_bytes(12'345) == "12 kB");
  CHECK(cli::render_bytes(999'600) == "1.0 MB");
  CHECK(cli::render_bytes(7'200'000'000) == "7.2 GB");
}
