// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/join_messages.h"
#include "kubectl-kt-connect/options.h"
#include "support/catch.h"

using namespace kt;

namespace {

template <class Message>
Message there_and_back(const Message& message) {
  const auto decoded = connect::decode(connect::encode(message));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<Message>(*decoded));
  return std::get<Message>(*decoded);
}

std::string key_of(std::vector<std::string> arguments) {
  const cli::ParsedOptions parsed = connect::connect_table().parse(arguments);
  return connect::tunnel_key(connect::to_connect_options(parsed, "image:1"), "shop");
}

}  // namespace

TEST_CASE("what is said when joining arrives as it was said") {
  connect::StartHolding start{"/bin/kubectl-kt_connect", {"-n", "shop", "--all"}, {}};
  start.config.server = "https://1.2.3.4:6443";
  start.config.namespace_ = "shop";
  start.config.may_ask = true;
  const auto started = there_and_back(start);
  CHECK(started.program == start.program);
  CHECK(started.arguments == start.arguments);
  CHECK(started.config == start.config);

  const auto hello =
      there_and_back(connect::JoinHello{"key", {"sh", "-c", "a b"}, 42, std::chrono::seconds(300)});
  CHECK(hello.tunnel == "key");
  CHECK(hello.command == std::vector<std::string>{"sh", "-c", "a b"});
  CHECK(hello.pid == 42);
  CHECK(hello.linger == std::chrono::seconds(300));

  const auto ready = there_and_back(connect::JoinReady{"/run/x", "search shop\n", "services"});
  CHECK(ready.folder == "/run/x");
  CHECK(ready.resolv_conf == "search shop\n");
  CHECK(ready.summary == "services");

  const auto failed = there_and_back(connect::JoinFailed{ErrorKind::denied, "no: why", "ask"});
  CHECK(failed.kind == ErrorKind::denied);
  CHECK(failed.message == "no: why");
  CHECK(failed.hint == "ask");

  using Mark = connect::JoinLine::Mark;
  for (const Mark mark : {Mark::none, Mark::waits, Mark::done, Mark::warns}) {
    const connect::JoinLine line{mark, "shadow kt-x runs"};
    CHECK(there_and_back(line) == line);
  }
  CHECK(there_and_back(connect::JoinLeftovers{"left: job"}).text == "left: job");
  there_and_back(connect::JoinCapture{});
  there_and_back(connect::JoinAccepted{});
  there_and_back(connect::JoinRefused{});
  there_and_back(connect::JoinCapturing{});
}

TEST_CASE("bytes that are no UTF-8 do not stop a message") {
  CHECK(there_and_back(connect::JoinHello{"key", {"\xff\xfe"}, 1, {}}).command.size() == 1);
}

TEST_CASE("what is no message of ours is nothing") {
  const auto* const text = GENERATE("", "{", "[]", "{}", R"({"say": 3})", R"({"say": "jump"})");
  CHECK_FALSE(connect::decode(text));
}

TEST_CASE("fields of another kind are empty") {
  const auto hello =
      connect::decode(R"({"say": "hello", "tunnel": 3, "command": [1], "pid": "x"})");
  REQUIRE(hello);
  CHECK(std::get<connect::JoinHello>(*hello).tunnel.empty());
  CHECK(std::get<connect::JoinHello>(*hello).pid == 0);
  const auto failed = connect::decode(R"({"say": "failed", "kind": 99})");
  REQUIRE(failed);
  CHECK(std::get<connect::JoinFailed>(*failed).kind == ErrorKind::bug);
}

TEST_CASE("a tunnel is shared by those who would have made the same") {
  const std::string plain = key_of({"--", "curl"});
  CHECK(key_of({"-v", "--linger", "5m", "--", "bash"}) == plain);
  CHECK(key_of({"--context", "prod", "--", "bash"}) == plain);  // the folder's name tells these
  CHECK(key_of({"--all", "--", "curl"}) != plain);
  CHECK(key_of({"--image", "other", "--", "curl"}) != plain);
  CHECK(key_of({"--labels", "a=b", "--", "curl"}) != plain);
  CHECK(key_of({"--carrier", "proxy", "--", "curl"}) != plain);
  CHECK(key_of({"--exclude", "10.0.0.0/8", "--", "curl"}) !=
        key_of({"--include", "10.0.0.0/8", "--", "curl"}));
}
