// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "http/client.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/fake_server.h"
#include "support/run_task.h"

#include <fmt/format.h>

namespace kt::http {
namespace {

using namespace std::chrono_literals;
using test::answer_with;
using test::FakeServer;
using test::run_task;

Request get(std::string path, io::Duration timeout = 5s) {
  Request request;
  request.path = std::move(path);
  request.timeout = timeout;
  return request;
}

// What one test sees of an exchange.
struct Seen {
  std::vector<Response> responses;
  std::vector<std::string> requests;
  std::vector<std::string> chunks;
  std::string error;
  int connections = 0;
};

io::Task<> send_each(io::Executor executor, FakeServer::Answer answer,
                     std::vector<Request> requests, Seen& seen) {
  FakeServer server(executor, std::move(answer));
  Client client(executor, server.socket_path());
  for (const Request& request : requests) {
    try {
      seen.responses.push_back(co_await client.send(request));
    } catch (const Error& e) {
      seen.error = e.message();
    }
  }
  seen.requests = server.requests();
  seen.connections = server.connections();
  co_await server.stop();
}

Seen exchange(const FakeServer::Answer& answer, const std::vector<Request>& requests) {
  Seen seen;
  run_task([&](io::Executor executor) { return send_each(executor, answer, requests, seen); });
  return seen;
}

io::Task<> read_stream(io::Executor executor, FakeServer::Answer answer, Seen& seen) {
  FakeServer server(executor, std::move(answer));
  auto client = std::make_unique<Client>(executor, server.socket_path());
  const auto stream = co_await client->open(get("/watch"));
  client.reset();  // a stream may outlive it
  seen.responses.push_back({stream->status(), stream->headers(), {}});
  try {
    while (auto chunk = co_await stream->next_chunk()) {
      seen.chunks.push_back(*chunk);
    }
  } catch (const Error& e) {
    seen.error = e.message();
  }
  co_await server.stop();
}

Seen stream_of(const FakeServer::Answer& answer) {
  Seen seen;
  run_task([&](io::Executor executor) { return read_stream(executor, answer, seen); });
  return seen;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    text += part;
  }
  return text;
}

io::Task<> send_one(Client& client, Seen& seen) {
  seen.responses.push_back(co_await client.send(get("/slow")));
}

// Cancelled in flight; then the client is used again.
io::Task<> cancel_in_flight(io::Executor executor, Seen& seen) {
  const FakeServer::Answer answer = [](const std::string& request) {
    return request.starts_with("GET /slow") ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
                                            : answer_with(200, "whole");
  };
  FakeServer server(executor, answer);
  Client client(executor, server.socket_path());
  io::TaskGroup group(executor);
  group.spawn(send_one(client, seen));
  while (server.requests().empty()) {
    co_await io::sleep_for(1ms);
  }
  co_await group.stop();
  seen.responses.push_back(co_await client.send(get("/fast")));
  co_await server.stop();
}

io::Task<> send_side_by_side(io::Executor executor, Seen& seen) {
  FakeServer server(executor, [](const std::string&) { return answer_with(200, "x"); });
  Client client(executor, server.socket_path());
  io::TaskGroup group(executor);
  for (int i = 0; i < 20; ++i) {
    group.spawn(send_one(client, seen));
  }
  co_await group.join();
  co_await server.stop();
}

io::Task<> send_to_nobody(io::Executor executor) {
  Client client(executor, "/nonexistent/socket");
  co_await client.send(get("/"));
}

}  // namespace

TEST_CASE("a response has status, headers and body") {
  const Seen seen = exchange(
      [](const std::string&) {
        return "HTTP/1.1 404 Not Found\r\nX-Kind: Status\r\nContent-Length: 2\r\n\r\nno";
      },
      {get("/api/v1/pods?limit=5")});
  REQUIRE(seen.responses.size() == 1);
  CHECK(seen.responses[0].status == 404);
  CHECK(seen.responses[0].body == "no");
  CHECK(find_header(seen.responses[0].headers, "x-kind") == "Status");
  CHECK_FALSE(find_header(seen.responses[0].headers, "x-kin").has_value());
  CHECK(seen.requests[0].starts_with("GET /api/v1/pods?limit=5 HTTP/1.1\r\nHost: localhost\r\n"));
}

TEST_CASE("a body is sent with method and headers as given") {
  Request request = get("/x");
  request.method = "PATCH";
  request.body = R"({"a":1})";
  request.headers = {{"Content-Type", "application/merge-patch+json"}};
  const Seen seen = exchange([](const std::string&) { return answer_with(200, ""); }, {request});
  REQUIRE(seen.requests.size() == 1);
  CHECK(seen.requests[0].starts_with("PATCH /x HTTP/1.1\r\n"));
  CHECK(seen.requests[0].find("\r\nContent-Type: application/merge-patch+json\r\n") !=
        std::string::npos);
  CHECK(seen.requests[0].ends_with("\r\n\r\n{\"a\":1}"));
}

TEST_CASE("a connection is used again") {
  const Seen seen = exchange([](const std::string&) { return answer_with(200, "x"); },
                             {get("/1"), get("/2"), get("/3")});
  CHECK(seen.responses.size() == 3);
  CHECK(seen.connections == 1);
}

TEST_CASE("many requests go side by side") {
  Seen seen;
  run_task([&](io::Executor executor) { return send_side_by_side(executor, seen); });
  CHECK(seen.responses.size() == 20);
}

TEST_CASE("a server that is silent is an error after the limit") {
  const Seen seen =
      exchange([](const std::string&) { return "HTTP/1.1 200 OK\r\n"; }, {get("/x", 50ms)});
  CHECK(seen.error.starts_with("GET /x: "));
  CHECK(seen.error.find("timed out after") != std::string::npos);
}

TEST_CASE("a connection that breaks in the body is an error") {
  int call = 0;
  const Seen seen = exchange(
      [&call](const std::string&) {
        return ++call == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" : std::string();
      },
      {get("/x", 200ms)});
  CHECK(seen.error.starts_with("GET /x: "));
}

TEST_CASE("a body of more than 16 MiB is refused") {
  const Seen seen = exchange(
      [](const std::string&) { return answer_with(200, std::string(17UL * 1024 * 1024, 'x')); },
      {get("/x")});
  CHECK(seen.error == "GET /x: the answer is larger than 16 MiB");
}

TEST_CASE("no socket is an error that says so") {
  try {
    run_task([](io::Executor executor) { return send_to_nobody(executor); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unavailable);
    CHECK(e.message().starts_with("GET /: "));
  }
}

TEST_CASE("a cancelled request does not disturb the next one") {
  Seen seen;
  run_task([&](io::Executor executor) { return cancel_in_flight(executor, seen); });
  REQUIRE(seen.responses.size() == 1);
  CHECK(seen.responses[0].body == "whole");
}

TEST_CASE("a stream's chunks come until its end") {
  const Seen seen = stream_of([](const std::string&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n";
  });
  CHECK(seen.responses[0].status == 200);
  CHECK(joined(seen.chunks) == "onetwo");
  CHECK(seen.error.empty());
}

TEST_CASE("a stream longer than what may wait unread arrives whole") {
  const std::string body(5UL * 1024 * 1024, 'x');
  const Seen seen = stream_of([&](const std::string&) { return answer_with(200, body); });
  CHECK(joined(seen.chunks) == body);
}

TEST_CASE("a stream's broken chunk is an error") {
  const Seen seen = stream_of([](const std::string&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nzz\r\n";
  });
  CHECK(joined(seen.chunks) == "one");
  CHECK(seen.error.starts_with("GET /watch: "));
}

}  // namespace kt::http
