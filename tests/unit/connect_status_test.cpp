// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/status.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using namespace kt;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

namespace {

const system_clock::time_point start = system_clock::from_time_t(1'795'500'000);

connect::StatusFacts facts() {
  connect::StatusFacts made;
  made.user = "ann";
  made.host = "laptop";
  made.context = "prod";
  made.namespace_ = "shop";
  made.networks.services = {*net::Prefix::parse("10.96.0.0/12")};
  made.since = start;
  return made;
}

connect::StatusNow now_with_one_link() {
  connect::StatusNow now;
  now.job = "kt-connect-x";
  now.commands = {{7, {"curl", "http://cart/"}, start}};
  now.time = io::TimePoint(std::chrono::hours(1));
  mux::LinkStatus link;
  link.name = {2, 1};
  link.round_trip = milliseconds(3);
  link.last_sign_of_life = now.time - milliseconds(40);
  now.tunnel.links = {link};
  now.tunnel.bytes_in = 12'345;
  now.carriers = {{2, "port-forward"}};
  now.why_not_proxy = "denied";
  return now;
}

}  // namespace

TEST_CASE("status says over what each link goes, how quick it is and how long it has been silent") {
  const json status = connect::status_json(facts(), now_with_one_link());
  REQUIRE(status["links"].size() == 1);
  CHECK(status["links"][0]["carrier"] == "port-forward");
  CHECK(status["links"][0]["roundTripMs"] == 3.0);
  CHECK(status["links"][0]["silentMs"] == 40.0);
  CHECK(status["roundTripMs"] == 3.0);
  CHECK(status["lostForMs"].is_null());
  CHECK(status["whyNot"]["pods/proxy"] == "denied");
  CHECK(status["since"] == "2026-11-24T06:00:00Z");
  CHECK(connect::is_connected(status));
}

TEST_CASE("a lost way is no connection") {
  connect::StatusNow now;
  now.time = io::TimePoint(std::chrono::hours(1));
  now.tunnel.without_link_since = now.time - std::chrono::seconds(7);
  const json status = connect::status_json(facts(), now);
  CHECK_FALSE(connect::is_connected(status));
  CHECK(status["lostForMs"] == 7000.0);
  CHECK(status["roundTripMs"].is_null());
  const std::string table = connect::status_table({status}, false, start);
  CHECK(table.find("none (lost)") != std::string::npos);
}

TEST_CASE("the table has one line a connect, and more columns when wide") {
  const json status = connect::status_json(facts(), now_with_one_link());
  const auto later = start + std::chrono::seconds(75);
  CHECK(connect::status_table({status}, false, later) ==
        "CONTEXT   NAMESPACE   SHADOW         CARRIER        ROUND TRIP   IN      OUT   SINCE\n"
        "prod      shop        kt-connect-x   port-forward   3.0 ms       12 kB   0 B   1 min 15 "
        "s\n");
  const std::string wide = connect::status_table({status}, true, later);
  CHECK(wide.find("10.96.0.0/12") != std::string::npos);
  CHECK(wide.find("curl http://cart/") != std::string::npos);
  CHECK(wide.find("ann@laptop") != std::string::npos);
}

TEST_CASE("a status file of any shape is shown without harm") {
  const json foreign = GENERATE(json::object(), json{{"links", 3}, {"since", 5}},
                                json{{"context", "\x1b]0;x\a"}, {"links", {1, nullptr}}});
  const std::string table = connect::status_table({foreign}, true, start);
  CHECK(table.find('\x1b') == std::string::npos);
  CHECK(table.find("CONTEXT") == 0);
}

TEST_CASE("a watcher hears of connects that come, change and go, not of each echo") {
  json one = connect::status_json(facts(), now_with_one_link());
  one["folder"] = "/run/a";
  json later = one;
  later["links"][0]["silentMs"] = 900.0;
  later["bytesIn"] = 99'999;
  CHECK(connect::status_events({one}, {later}).empty());
  later["streamsEver"] = 5;
  REQUIRE(connect::status_events({one}, {later}).size() == 1);
  CHECK(connect::status_events({one}, {later})[0]["type"] == "MODIFIED");
  CHECK(connect::status_events({}, {one})[0]["type"] == "ADDED");
  CHECK(connect::status_events({one}, {})[0]["type"] == "DELETED");
}
