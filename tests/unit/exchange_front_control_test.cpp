// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/borrowed_api.h"
#include "kubectl-kt-exchange/front_control.h"
#include "support/catch.h"

using namespace kt;
using exchange::FrontNews;

TEST_CASE("the front's lines become news, and foreign ones nothing") {
  FrontNews news;
  exchange::read_line("ready", news);
  CHECK(news.ready);
  exchange::read_line("unready", news);
  CHECK_FALSE(news.ready);
  exchange::read_line("proven 8080", news);
  exchange::read_line("proven 70000", news);
  exchange::read_line("proven", news);
  CHECK(news.proven == std::set<std::uint16_t>{8080});
  exchange::read_line("counts 7 3 2 1", news);
  CHECK(news.accepted == 7);
  CHECK(news.failed == 1);
  const FrontNews same = news;
  for (const char* line : {"", " ", "counted 1 2 3 4", "READY", "\x1b[2J"}) {
    exchange::read_line(line, news);
  }
  CHECK(news == same);
  exchange::read_line("counts x -1 18446744073709551616", news);
  CHECK(news.accepted == 0);
}

TEST_CASE("the connect to the same cluster is found by its folder's name") {
  const std::vector<std::string> running = {"/run/kt/0123456789abcdef",
                                            "/run/kt/fedcba9876543210-2"};
  CHECK(exchange::folder_of(running, "fedcba9876543210") == "/run/kt/fedcba9876543210-2");
  CHECK(exchange::folder_of(running, "0123456789abcde").empty());
}
