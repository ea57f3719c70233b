// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/cluster_view.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using namespace kt;
using nlohmann::json;

namespace {

std::vector<std::string> texts(const std::vector<net::Prefix>& prefixes) {
  std::vector<std::string> list;
  list.reserve(prefixes.size());
  for (const net::Prefix& prefix : prefixes) {
    list.push_back(prefix.to_string());
  }
  return list;
}

net::IpAddress address(const char* text) {
  return *net::IpAddress::parse(text);
}

mux::Address mux_address(const char* text) {
  return connect::to_mux(address(text));
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the networks are what the API's objects say") {
  CHECK(texts(connect::service_networks(
            json{{"items", {{{"spec", {{"cidrs", {"10.96.0.0/12", "fd00::/112"}}}}}}}})) ==
        Texts{"10.96.0.0/12", "fd00::/112"});
  CHECK(texts(connect::node_networks(
            json{{"items", {{{"spec", {{"podCIDRs", {"10.244.1.0/24"}}}}}}}})) ==
        Texts{"10.244.1.0/24"});
}

TEST_CASE("pods show their networks, but for those on the host's") {
  const json pods = {
      {"items",
       {{{"spec", json::object()}, {"status", {{"podIPs", {{{"ip", "10.244.3.7"}}}}}}},
        {{"spec", {{"hostNetwork", true}}}, {"status", {{"podIPs", {{{"ip", "192.0.2.9"}}}}}}},
        {{"spec", json::object()}, {"status", {{"podIPs", {{{"ip", "nonsense"}}}}}}}}}};
  CHECK(texts(connect::pod_networks(pods)) == Texts{"10.244.3.0/24"});
}

TEST_CASE("foreign JSON of any shape names no network") {
  const json nonsense = GENERATE(json(), json(1), json::array(), json{{"items", 3}},
                                 json{{"items", {nullptr, 1, "x", json::object()}}});
  CHECK(connect::service_networks(nonsense).empty());
  CHECK(connect::node_networks(nonsense).empty());
  CHECK(connect::pod_networks(nonsense).empty());
}

TEST_CASE("the refusal of an impossible Service tells the range") {
  CHECK(texts(connect::valid_range("Service is invalid: The range of valid IPs is 10.96.0.0/12")) ==
        Texts{"10.96.0.0/12"});
  CHECK(connect::valid_range("forbidden").empty());
  CHECK(connect::valid_range("The range of valid IPs is nonsense").empty());
}

TEST_CASE("the longest prefix decides whose an address is, a tie is the laptop's") {
  connect::Routes routes;
  routes.cluster.add(*net::Prefix::parse("10.0.0.0/8"));
  routes.excluded.add(*net::Prefix::parse("10.1.0.0/16"));
  routes.excluded.add(*net::Prefix::parse("10.0.0.0/8"));
  routes.cluster.add(*net::Prefix::parse("10.1.2.0/24"));
  CHECK(routes.side_of(address("10.1.2.3")) == connect::Side::cluster);
  CHECK(routes.side_of(address("10.1.3.3")) == connect::Side::laptop);
  CHECK(routes.side_of(address("10.9.9.9")) == connect::Side::laptop);
  CHECK(routes.side_of(address("8.8.8.8")) == connect::Side::laptop);
  routes.all = true;
  CHECK(routes.side_of(address("8.8.8.8")) == connect::Side::cluster);
  CHECK(routes.side_of(address("10.9.9.9")) == connect::Side::laptop);
}

TEST_CASE("the laptop's own loopback stays the laptop's, whatever is included") {
  connect::Routes routes;
  routes.all = true;
  const net::IpAddress laptop = address(connect::CaptureAddresses::laptop);
  CHECK(routes.side_of(laptop) == connect::Side::laptop);
  CHECK(connect::as_laptop_sees(laptop) == address("127.0.0.1"));
  CHECK(connect::as_laptop_sees(address("10.1.2.3")) == address("10.1.2.3"));
}

TEST_CASE("without any right the agent's own view still gives networks and domain") {
  mux::Welcome welcome;
  welcome.pod_addresses = {mux_address("10.244.5.6")};
  welcome.nameservers = {mux_address("10.96.0.10")};
  welcome.search = {"shop.svc.corp.test", "svc.corp.test", "corp.test"};
  const connect::Routes routes = connect::make_routes({}, {}, welcome);
  CHECK(routes.side_of(address("10.244.5.99")) == connect::Side::cluster);
  CHECK(routes.side_of(address("10.96.0.10")) == connect::Side::cluster);
  CHECK(routes.side_of(address("10.96.0.11")) == connect::Side::laptop);
  CHECK(connect::cluster_domain(welcome).to_text() == "corp.test");
  CHECK(connect::cluster_domain({}).to_text() == "cluster.local");
}
