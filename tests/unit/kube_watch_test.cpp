// SPDX-License-Identifier: Apache-2.0
#include "kube/watch.h"
#include "support/catch.h"
#include "support/fake_server.h"
#include "support/run_task.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <deque>

namespace kt::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::answer_with;
using test::FakeServer;
using test::run_task;

std::string object(const std::string& name, const std::string& version) {
  return fmt::format(R"({{"metadata":{{"name":"{0}","uid":"u-{0}","resourceVersion":"{1}"}}}})",
                     name, version);
}

std::string list_of(const std::string& items, const std::string& version) {
  return answer_with(200, fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},"items":[{}]}})",
                                      version, items));
}

std::string event(const std::string& type, const std::string& about) {
  return fmt::format(R"({{"type":"{}","object":{}}})", type, about) + "\n";
}

std::string told(Change change, const json& about) {
  switch (change) {
    case Change::set:
      return "set " + about["metadata"]["name"].get<std::string>();
    case Change::gone:
      return "gone " + about["metadata"]["name"].get<std::string>();
    case Change::synced:
      break;
  }
  return "synced";
}

struct Seen {
  std::vector<std::string> story;
  std::vector<std::string> paths;
};

// The server gives `answers` one after another; the watch stops after `changes` changes.
io::Task<> follow(io::Executor executor, std::deque<std::string> answers, std::size_t changes,
                  Seen& seen) {
  FakeServer server(executor, [&](const std::string& request) {
    seen.paths.push_back(request.substr(4, request.find(" HTTP") - 4));
    std::string answer = answers.empty() ? std::string() : answers.front();
    answers.pop_front();
    return answer;
  });
  Client client(executor, server.socket_path());
  const OnChange on_change = [&](Change change, const json& about) {
    seen.story.push_back(told(change, about));
    return seen.story.size() < changes ? Watching::go_on : Watching::stop;
  };
  const WatchScope scope{pods, "shop", {}};
  co_await server.run(io::with_timeout(10s, "watch", watch(client, scope, on_change)));
}

Seen watch_of(const std::deque<std::string>& answers, std::size_t changes) {
  Seen seen;
  run_task([&](io::Executor executor) { return follow(executor, answers, changes, seen); });
  return seen;
}

using Story = std::vector<std::string>;

}  // namespace

TEST_CASE("what is there is told first, then what changes from that version") {
  const Seen seen = watch_of(
      {list_of(object("a", "5"), "7"),
       answer_with(200, event("ADDED", object("b", "8")) + event("MODIFIED", object("a", "9")) +
                            event("DELETED", object("b", "10")))},
      5);
  CHECK(seen.story == Story{"set a", "synced", "set b", "set a", "gone b"});
  CHECK(seen.paths[1] ==
        "/api/v1/namespaces/shop/pods?watch=true&allowWatchBookmarks=true&resourceVersion=7"
        "&timeoutSeconds=290");
}

TEST_CASE("a watch that ends goes on from the latest version, bookmarks included") {
  const Seen seen =
      watch_of({list_of("", "7"), answer_with(200, event("BOOKMARK", object("", "90"))),
                answer_with(200, event("ADDED", object("b", "91")))},
               2);
  CHECK(seen.story == Story{"synced", "set b"});
  CHECK(seen.paths[2].find("resourceVersion=90&") != std::string::npos);
}

TEST_CASE("after 410 the list is read anew and tells what has gone") {
  const std::string too_old = R"({"kind":"Status","code":410})";
  const Seen seen =
      watch_of({list_of(object("a", "5") + "," + object("b", "6"), "7"),
                answer_with(200, event("ERROR", too_old)), list_of(object("b", "20"), "21")},
               6);
  CHECK(seen.story == Story{"set a", "set b", "synced", "gone a", "set b", "synced"});
}

TEST_CASE("410 as the answer's status reads the list anew too") {
  const Seen seen = watch_of({list_of("", "7"), answer_with(410, "{}"), list_of("", "9")}, 2);
  CHECK(seen.story == Story{"synced", "synced"});
}

TEST_CASE("a server that is unavailable is asked again") {
  const Seen seen = watch_of({answer_with(503, ""), "", list_of(object("a", "5"), "7")}, 1);
  CHECK(seen.story == Story{"set a"});
}

TEST_CASE("a refusal ends the watch") {
  try {
    (void)watch_of({answer_with(403, "no")}, 1);
    FAIL("no error");
  } catch (const ApiError& e) {
    CHECK(e.status() == 403);
  }
}

TEST_CASE("lines come out whole however their bytes come in") {
  LineSplitter splitter;
  REQUIRE(splitter.add("on"));
  CHECK_FALSE(splitter.next().has_value());
  REQUIRE(splitter.add("e\n\ntw"));
  CHECK(splitter.next() == "one");
  CHECK(splitter.next() == "");
  CHECK_FALSE(splitter.next().has_value());
  REQUIRE(splitter.add("o\n"));
  CHECK(splitter.next() == "two");
}

TEST_CASE("a line without end is refused at 8 MiB") {
  LineSplitter splitter;
  CHECK(splitter.add(std::string(8UL * 1024 * 1024, 'x')));
  CHECK_FALSE(splitter.add("x"));
}

}  // namespace kt::kube
