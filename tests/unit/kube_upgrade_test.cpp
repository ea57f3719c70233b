// SPDX-License-Identifier: Apache-2.0
#include "kube/api_error.h"
#include "kube/upgrade.h"
#include "support/catch.h"
#include "support/fake_server.h"
#include "support/run_task.h"

namespace kt::kube {
namespace {

using namespace std::chrono_literals;
using test::FakeServer;
using test::run_task;

const UpgradeTarget target{"shop", "kt-connect-x", 7070, "/link", "kt-mux/1"};
const char* const switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: kt-mux/1\r\n\r\n";

io::Task<> read_first(io::Executor executor, std::string answer, std::string& first) {
  FakeServer server(executor, [answer](const std::string&) { return answer; });
  const auto stream = co_await upgrade(server.socket_path(), target, 2s);
  Bytes buffer(64);
  const std::size_t count = co_await stream->read_some(buffer);
  first = to_string(BytesView(buffer).first(count));
  co_await server.stop();
}

io::Task<> upgrade_and_drop(std::string socket_path, io::Duration limit) {
  co_await upgrade(std::move(socket_path), target, limit);
}

io::Task<> try_upgrade(io::Executor executor, std::string answer, io::Duration limit) {
  FakeServer server(executor, [answer](const std::string&) { return answer; });
  co_await server.run(upgrade_and_drop(server.socket_path(), limit));
}

Error upgrade_error(const std::string& answer, io::Duration limit = 2s) {
  try {
    run_task([&](io::Executor executor) { return try_upgrade(executor, answer, limit); });
  } catch (const ApiError& e) {
    return {e.kind(), e.message(), e.reason()};
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::bug, "no error"};
}

}  // namespace

TEST_CASE("the request names pod, port and protocol, and localhost as kubectl proxy wants it") {
  CHECK(upgrade_request(target) ==
        "GET /api/v1/namespaces/shop/pods/kt-connect-x:7070/proxy/link HTTP/1.1\r\n"
        "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: kt-mux/1\r\n\r\n");
}

TEST_CASE("bytes right behind the 101 belong to the stream") {
  std::string first;
  run_task([&](io::Executor executor) {
    return read_first(executor, std::string(switching) + "hello", first);
  });
  CHECK(first == "hello");
}

TEST_CASE("a head longer than one read is read whole") {
  const std::string padding = "X-Padding: " + std::string(9000, 'x') + "\r\n";
  std::string first;
  run_task([&](io::Executor executor) {
    return read_first(executor, "HTTP/1.1 101 OK\r\n" + padding + "Upgrade: kt-mux/1\r\n\r\nhello",
                      first);
  });
  CHECK(first == "hello");
}

TEST_CASE("a refusal is an ApiError with the server's words") {
  const Error error = upgrade_error(test::answer_with(
      403, R"({"kind":"Status","reason":"Forbidden","message":"no get pods/proxy"})"));
  CHECK(error.kind() == ErrorKind::denied);
  CHECK(error.message() ==
        "upgrade to pod 'kt-connect-x' port 7070 through the API server: no get pods/proxy");
  CHECK(error.hint() == "Forbidden");
}

TEST_CASE("a silent server is an error after the limit") {
  CHECK(upgrade_error("HTTP/1.1 101 ", 50ms).message().ends_with("timed out after 0.05 s"));
}

TEST_CASE("a server that closes, rambles or speaks something else is an error") {
  CHECK(upgrade_error("").kind() == ErrorKind::unavailable);
  CHECK(upgrade_error("SSH-2.0-x\r\n\r\n").message().ends_with("the answer is not HTTP"));
  CHECK(upgrade_error(std::string(20000, 'x')).message().ends_with("the answer is not HTTP"));
  CHECK(upgrade_error("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\n\r\n")
            .message()
            .ends_with("the pod speaks another protocol"));
}

TEST_CASE("a response head is parsed up to its empty line") {
  const auto head = parse_response_head("HTTP/1.1 200 OK\r\nA-b:  c \r\n\r\nbody");
  REQUIRE(head.has_value());
  CHECK(head->status == 200);
  CHECK(head->headers == std::vector<std::pair<std::string, std::string>>{{"a-b", "c"}});
  CHECK(head->size == 29);
}

TEST_CASE("what is no response head is refused") {
  const std::string bytes = GENERATE(
      as<std::string>{}, "", "HTTP/1.1 200 OK\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "HTTP/1.1  200\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "HTTP/1.1 200 OK\r\nname: x\ny\r\n\r\n");
  CHECK_FALSE(parse_response_head(bytes).has_value());
}

}  // namespace kt::kube
