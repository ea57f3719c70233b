// SPDX-License-Identifier: Apache-2.0
#include "kube/access_review.h"
#include "kube/client.h"
#include "support/catch.h"
#include "support/fake_server.h"
#include "support/run_task.h"

#include <nlohmann/json.hpp>

namespace kt::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::answer_with;
using test::FakeServer;
using test::run_task;

const ObjectRef job{jobs, "shop", "kt-connect-x", {}};

struct Seen {
  std::vector<std::string> requests;
  std::vector<Right> missing;
  std::size_t items = 0;
  std::optional<std::chrono::sys_seconds> server_time;
  bool found = true;
  bool removed = true;
};

io::Task<> write_all_ways(io::Executor executor, Seen& seen) {
  FakeServer server(executor, [](const std::string&) { return answer_with(200, "{}"); });
  Client client(executor, server.socket_path());
  co_await client.create(jobs, "shop", {{"kind", "Job"}}, DryRun::server);
  co_await client.patch(job, PatchType::merge, {{"spec", nullptr}});
  co_await client.patch(job, PatchType::json, json::array());
  seen.removed = co_await client.remove(job);
  seen.requests = server.requests();
  co_await server.stop();
}

io::Task<> look_for_missing(io::Executor executor, Seen& seen) {
  FakeServer server(executor, [](const std::string&) { return answer_with(404, "{}"); });
  Client client(executor, server.socket_path());
  seen.found = (co_await client.find(job)).has_value();
  seen.removed = co_await client.remove(job);
  co_await server.stop();
}

io::Task<> list_two_pages(io::Executor executor, Seen& seen) {
  FakeServer server(executor, [](const std::string& request) {
    return request.find("continue=") == std::string::npos
               ? answer_with(200, R"({"metadata":{"continue":"a b"},"items":[1,2]})")
               : answer_with(200, R"({"metadata":{},"items":[3]})");
  });
  Client client(executor, server.socket_path());
  const json list = co_await client.list(pods, "shop", {"app=a,b!=c", {}});
  seen.items = list["items"].size();
  seen.requests = server.requests();
  co_await server.stop();
}

io::Task<> get_job(Client& client, Seen& seen) {
  co_await client.get(job);
  seen.server_time = client.server_time();
}

io::Task<> get_one(io::Executor executor, std::string answer, Seen& seen) {
  FakeServer server(executor, [answer](const std::string&) { return answer; });
  Client client(executor, server.socket_path());
  co_await server.run(get_job(client, seen));
}

io::Task<> ask_rights(io::Executor executor, std::vector<Right> rights, Seen& seen) {
  FakeServer server(executor, [](const std::string& request) {
    const bool allowed = request.find(R"("verb":"get")") != std::string::npos;
    return answer_with(201, allowed ? R"({"status":{"allowed":true}})" : R"({"status":{}})");
  });
  Client client(executor, server.socket_path());
  seen.missing = co_await missing_rights(client, std::move(rights));
  co_await server.stop();
}

std::string first_line(const std::string& request) {
  return request.substr(0, request.find("\r\n"));
}

ApiError error_of(const std::string& answer) {
  Seen seen;
  try {
    run_task([&](io::Executor executor) { return get_one(executor, answer, seen); });
  } catch (const ApiError& e) {
    return e;
  }
  return {"no error", 0, ""};
}

}  // namespace

TEST_CASE("paths are those of the API, with names encoded") {
  CHECK(path_of(pods, "shop") == "/api/v1/namespaces/shop/pods");
  CHECK(path_of(nodes, "shop") == "/api/v1/nodes");
  CHECK(path_of(pods, "") == "/api/v1/pods");
  CHECK(path_of(job) == "/apis/batch/v1/namespaces/shop/jobs/kt-connect-x");
  CHECK(path_of(ObjectRef{pods, "a", "../x?", "log"}) == "/api/v1/namespaces/a/pods/..%2Fx%3F/log");
}

TEST_CASE("writes carry the field manager, the dry run and their patch type") {
  Seen seen;
  run_task([&](io::Executor executor) { return write_all_ways(executor, seen); });
  REQUIRE(seen.requests.size() == 4);
  CHECK(first_line(seen.requests[0]) ==
        "POST /apis/batch/v1/namespaces/shop/jobs?fieldManager=kubectl-kt&dryRun=All HTTP/1.1");
  CHECK(first_line(seen.requests[1]) ==
        "PATCH /apis/batch/v1/namespaces/shop/jobs/kt-connect-x?fieldManager=kubectl-kt HTTP/1.1");
  CHECK(seen.requests[1].find("Content-Type: application/merge-patch+json") != std::string::npos);
  CHECK(seen.requests[2].find("Content-Type: application/json-patch+json") != std::string::npos);
  CHECK(seen.requests[3].find(R"("propagationPolicy":"Background")") != std::string::npos);
  CHECK(seen.removed);
}

TEST_CASE("what is not there is no error for find and remove") {
  Seen seen;
  run_task([&](io::Executor executor) { return look_for_missing(executor, seen); });
  CHECK_FALSE(seen.found);
  CHECK_FALSE(seen.removed);
}

TEST_CASE("a list is read to its last page") {
  Seen seen;
  run_task([&](io::Executor executor) { return list_two_pages(executor, seen); });
  CHECK(seen.items == 3);
  REQUIRE(seen.requests.size() == 2);
  CHECK(first_line(seen.requests[1]) ==
        "GET /api/v1/namespaces/shop/pods?limit=500&labelSelector=app%3Da%2Cb%21%3Dc"
        "&continue=a%20b HTTP/1.1");
}

TEST_CASE("a status becomes the kind of the error") {
  CHECK(error_of(answer_with(401, "")).kind() == ErrorKind::denied);
  CHECK(error_of(answer_with(403, "")).kind() == ErrorKind::denied);
  CHECK(error_of(answer_with(404, "")).kind() == ErrorKind::not_found);
  CHECK(error_of(answer_with(409, "")).kind() == ErrorKind::conflict);
  CHECK(error_of(answer_with(422, "")).kind() == ErrorKind::config);
  CHECK(error_of(answer_with(429, "")).kind() == ErrorKind::unavailable);
  CHECK(error_of(answer_with(500, "")).kind() == ErrorKind::unavailable);
}

TEST_CASE("an error keeps the server's words and reason apart") {
  const ApiError error = error_of(answer_with(
      403, R"({"kind":"Status","reason":"Forbidden","message":"jobs is forbidden\u001b[2J"})"));
  CHECK(error.message() == "get jobs.batch 'kt-connect-x': jobs is forbidden?[2J");
  CHECK(error.server_message() == "jobs is forbidden?[2J");
  CHECK(error.reason() == "Forbidden");
  CHECK(error.status() == 403);
}

TEST_CASE("an error that is no Status object is told as one line") {
  CHECK(error_of(answer_with(500, "dial tcp:\nrefused\n")).server_message() == "dial tcp: refused");
  CHECK(error_of(answer_with(500, "dial tcp: refused")).hint() == "kubectl cluster-info");
  CHECK(error_of(answer_with(502, "")).server_message() == "the API server answered 502");
}

TEST_CASE("the server's clock is that of its latest answer") {
  Seen seen;
  run_task([&](io::Executor executor) {
    return get_one(executor,
                   "HTTP/1.1 200 OK\r\nDate: Mon, 24 Nov 2025 17:05:00 GMT\r\n"
                   "Content-Length: 2\r\n\r\n{}",
                   seen);
  });
  REQUIRE(seen.server_time.has_value());
  const auto passed = seen.server_time->time_since_epoch() - 1764003900s;
  CHECK(passed >= 0s);
  CHECK(passed < 10s);
}

TEST_CASE("missing rights are those not allowed, in order") {
  const Right get_pods{"get", "", "pods", "proxy", "shop", ""};
  const Right create_jobs{"create", "batch", "jobs", "", "shop", ""};
  const Right list_nodes{"list", "", "nodes", "", "", ""};
  Seen seen;
  run_task([&](io::Executor executor) {
    return ask_rights(executor, {create_jobs, get_pods, list_nodes}, seen);
  });
  CHECK(seen.missing == std::vector<Right>{create_jobs, list_nodes});
  CHECK(to_string(get_pods) == "get pods/proxy");
  CHECK(to_string(create_jobs) == "create jobs.batch");
}

TEST_CASE("durations are those of --request-timeout") {
  CHECK(parse_duration("0") == 0s);
  CHECK(parse_duration("30s") == 30s);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("100000h") == 100'000h);
  const std::string bad =
      GENERATE(as<std::string>{}, "", "30", "s", "1x", "-1s", "99999999h", "100000h1ms");
  CHECK_FALSE(parse_duration(bad).has_value());
}

TEST_CASE("an HTTP date has one form") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT")->time_since_epoch() == 784111777s);
  CHECK_FALSE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT").has_value());
  CHECK_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT x").has_value());
}

}  // namespace kt::kube
