// SPDX-License-Identifier: Apache-2.0
#include "agent/front_state.h"
#include "agent/front_words.h"
#include "support/catch.h"

#include <cerrno>
#include <string>
#include <vector>

using namespace kt;
using agent::FrontLines;
using agent::FrontNews;
using agent::FrontState;
using agent::Patience;
using agent::Way;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

io::TimePoint at(milliseconds since_start) {
  return io::TimePoint{} + std::chrono::hours(1) + since_start;
}

FrontState state_of(std::vector<std::uint16_t> ports, bool has_originals = false) {
  return FrontState({std::move(ports), has_originals}, at(seconds(0)));
}

// One with a laptop whose ports all accept.
FrontState attached(std::vector<std::uint16_t> ports, bool has_originals = false) {
  FrontState state = state_of(ports, has_originals);
  state.laptop_came();
  state.set_linked(true, at(seconds(0)));
  for (const std::uint16_t port : ports) {
    state.on_proven(port);
  }
  return state;
}

constexpr Patience::Limits limits{seconds(5), seconds(30)};

}  // namespace

TEST_CASE("a front is ready when it is admitted and the way to every port was proven") {
  FrontState state = state_of({80, 443});
  state.hear("admit");
  CHECK_FALSE(state.ready());
  state.laptop_came();
  state.set_linked(true, at(seconds(1)));
  state.on_proven(80);
  CHECK_FALSE(state.ready());
  state.on_proven(443);
  CHECK(state.ready());
}

TEST_CASE("a front that is proven waits to be admitted") {
  FrontState state = attached({80});
  CHECK_FALSE(state.ready());
  state.hear("admit");
  CHECK(state.ready());
}

TEST_CASE("only a drain or the pod's end takes readiness away") {
  FrontState state = attached({80}, true);
  state.hear("admit");
  SECTION("not the laptop's loss, nor the next laptop") {
    state.set_linked(false, at(seconds(1)));
    CHECK(state.ready());
    state.laptop_came();
    CHECK(state.ready());
  }
  SECTION("not a program that refuses") {
    state.on_connection_failed(80);
    state.on_probe_refused(80);
    CHECK(state.ready());
  }
  SECTION("not forwarding, not words that nobody knows") {
    for (const char* word : {"forward", "serve", "", "DRAIN", "drain ", "admit drain"}) {
      state.hear(word);
      CHECK(state.ready());
    }
  }
  SECTION("a drain, until it is admitted again") {
    state.hear("drain");
    CHECK_FALSE(state.ready());
    state.hear("admit");
    CHECK(state.ready());
  }
}

TEST_CASE("connections go to the laptop, and after a second without it to the originals") {
  FrontState state = state_of({80}, true);
  CHECK(state.way(at(milliseconds(999))) == Way::nowhere);
  CHECK(state.way(at(seconds(1))) == Way::originals);
  state.set_linked(true, at(seconds(2)));
  CHECK(state.way(at(seconds(2))) == Way::laptop);
  state.set_linked(false, at(seconds(60)));
  CHECK(state.way(at(milliseconds(60'999))) == Way::nowhere);
  CHECK(state.way(at(seconds(61))) == Way::originals);
}

TEST_CASE("without originals a lost laptop holds its connections") {
  FrontState state = attached({80});
  state.set_linked(false, at(seconds(1)));
  CHECK(state.way(at(seconds(100))) == Way::nowhere);
  state.hear("forward");
  CHECK(state.way(at(seconds(100))) == Way::nowhere);
}

TEST_CASE("the word forward prefers the originals, serve the laptop") {
  FrontState state = attached({80}, true);
  state.hear("forward");
  CHECK(state.way(at(seconds(1))) == Way::originals);
  state.hear("serve");
  CHECK(state.way(at(seconds(1))) == Way::laptop);
}

TEST_CASE("a port is probed while there is a laptop whose way to it is not proven") {
  FrontState state = state_of({80});
  CHECK_FALSE(state.needs_probe(80));
  state.set_linked(true, at(seconds(0)));
  CHECK(state.needs_probe(80));
  state.on_probe_refused(80);
  CHECK(state.needs_probe(80));
  state.on_proven(80);
  CHECK_FALSE(state.needs_probe(80));
  state.on_connection_failed(80);
  CHECK(state.needs_probe(80));
  state.on_proven(80);
  state.laptop_came();
  CHECK(state.needs_probe(80));
  CHECK_FALSE(state.needs_probe(81));
}

TEST_CASE("a program that refuses is tried every 100 ms for the hold time") {
  Patience patience(limits, at(seconds(0)));
  CHECK(patience.next(Way::laptop, ECONNREFUSED, at(seconds(20))) == milliseconds(100));
  CHECK(patience.next(Way::laptop, ECONNREFUSED, at(milliseconds(24'999))) == milliseconds(100));
  CHECK_FALSE(patience.next(Way::laptop, ECONNREFUSED, at(seconds(25))).has_value());
}

TEST_CASE("another answer of the laptop's is final") {
  Patience patience(limits, at(seconds(0)));
  CHECK_FALSE(patience.next(Way::laptop, ETIMEDOUT, at(seconds(0))).has_value());
  CHECK_FALSE(patience.next(Way::laptop, EHOSTUNREACH, at(seconds(0))).has_value());
}

TEST_CASE("who finds nobody waits for the grace time") {
  const auto [way, error] =
      GENERATE(std::pair(Way::laptop, ECONNABORTED), std::pair(Way::nowhere, ECONNABORTED),
               std::pair(Way::originals, ECONNREFUSED));
  Patience patience(limits, at(seconds(0)));
  CHECK(patience.next(way, error, at(milliseconds(29'999))).has_value());
  CHECK_FALSE(patience.next(way, error, at(seconds(30))).has_value());
}

TEST_CASE("lines come out the same however they were cut") {
  const std::string text = "admit\n\n" + std::string(198, 'a') + "\n" + std::string(199, 'b') +
                           "\n" + std::string(200, 'c') + "\nserve\nunfinished";
  const std::vector<std::string> expected = {"admit", "", std::string(198, 'a'),
                                             std::string(199, 'b'), "serve"};
  const std::size_t portion = GENERATE(1U, 7U, 1000U);
  FrontLines lines;
  std::vector<std::string> got;
  for (std::size_t i = 0; i < text.size(); i += portion) {
    for (std::string& line : lines.receive(as_bytes(text.substr(i, portion)))) {
      got.push_back(std::move(line));
    }
  }
  CHECK(got == expected);
}

TEST_CASE("news are all there is at first, and then what has changed") {
  FrontState state = attached({80, 443});
  FrontNews news;
  CHECK(news.take(state, at(seconds(0))) == "unready\nproven 80\nproven 443\ncounts 0 0 0 0\n");
  CHECK(news.take(state, at(seconds(1))).empty());
  state.hear("admit");
  CHECK(news.take(state, at(seconds(1))) == "ready\n");
  state.on_connection_failed(443);
  CHECK(news.take(state, at(seconds(1))).empty());
  state.on_probe_refused(443);
  CHECK(news.take(state, at(seconds(1))) == "refused 443\n");
  state.on_probe_refused(443);
  state.on_proven(443);
  CHECK(news.take(state, at(seconds(1))) == "proven 443\n");
}

TEST_CASE("news of an earlier laptop are not told as the next one's") {
  FrontState state = attached({80});
  state.laptop_came();
  FrontNews news;
  CHECK(news.take(state, at(seconds(0))) == "unready\ncounts 0 0 0 0\n");
  state.on_proven(80);
  CHECK(news.take(state, at(seconds(0))) == "proven 80\n");
}

TEST_CASE("counts are told once a second, when they have changed") {
  FrontState state = attached({80});
  FrontNews news;
  (void)news.take(state, at(seconds(0)));
  state.counts = {5, 1, 2, 1};
  CHECK(news.take(state, at(milliseconds(999))).empty());
  CHECK(news.take(state, at(seconds(1))) == "counts 5 1 2 1\n");
  CHECK(news.take(state, at(seconds(5))).empty());
}
