// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kubectl-kt-exchange/options.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using namespace kt;
using exchange::ExchangeOptions;
using exchange::PortWords;
using exchange::Workload;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

ExchangeOptions read(const Words& arguments) {
  return exchange::to_exchange_options(exchange::exchange_table().parse(arguments), "image:1");
}

std::string error_of(const Words& arguments) {
  try {
    (void)read(arguments);
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

Workload workload(json ports, json spec = json::object()) {
  spec["template"] = {{"metadata", {{"labels", {{"app", "cart"}, {"tier", "web"}}}}},
                      {"spec", {{"containers", {{{"name", "app"}, {"ports", std::move(ports)}}}}}}};
  return {{kube::deployments, "shop", "cart", {}},
          std::make_shared<json>(
              json{{"metadata", {{"name", "cart"}, {"uid", "uid-1"}}}, {"spec", std::move(spec)}})};
}

const json two_ports = {{{"containerPort", 8080}, {"name", "http"}},
                        {{"containerPort", 9000}},
                        {{"containerPort", 53}, {"protocol", "UDP"}, {"name", "dns"}}};

}  // namespace

TEST_CASE("a workload is named as kubectl takes it") {
  CHECK(read({"deploy/cart"}).workload.type == "deploy");
  CHECK(read({"deploy/cart"}).workload.name == "cart");
  CHECK(read({"deployments.apps", "cart", "8080"}).workload.name == "cart");
  CHECK(read({"svc", "cart"}).workload.type == "svc");
  CHECK(read({"cart", "8080:80"}).workload.type.empty());
  CHECK(error_of({}) == "which workload?");
  CHECK(error_of({"deploy/"}) == "'deploy/' names no workload");
  CHECK(error_of({"/cart"}) == "'/cart' names no workload");
}

TEST_CASE("ports are LOCAL or LOCAL:REMOTE, by number or name") {
  CHECK(read({"cart", "8080", "81:http"}).ports ==
        std::vector<PortWords>{{8080, "8080"}, {81, "http"}});
  CHECK(error_of({"cart", "http"}) == "'http' is no port: want LOCAL or LOCAL:REMOTE");
  CHECK(error_of({"cart", "0:80"}) == "'0:80' is no port: want LOCAL or LOCAL:REMOTE");
  CHECK(error_of({"cart", "8080:"}) == "'8080:' is no port: want LOCAL or LOCAL:REMOTE");
}

TEST_CASE("the mode and its like") {
  CHECK(read({"cart"}).scales);
  CHECK_FALSE(read({"cart", "--mode", "selector"}).scales);
  CHECK(error_of({"cart", "--mode", "mesh"}) == "--mode 'mesh': one of scale and selector");
  CHECK(read({"cart"}).shadow.grace == std::chrono::seconds(30));
  CHECK(error_of({"cart", "--hold", "soon"}) ==
        "--hold 'soon': a duration from 0s to 24h, like 30s or 2m");
}

TEST_CASE("ports meet those of the workload") {
  const auto mapped = exchange::map_ports({{18080, "http"}, {19000, "9000"}}, workload(two_ports));
  CHECK(mapped.local == exchange::PortMap{{8080, 18080}, {9000, 19000}});
  CHECK(mapped.front.at(0).name == "http");
  CHECK(exchange::map_ports({}, workload(two_ports)).local ==
        exchange::PortMap{{8080, 8080}, {9000, 9000}});
  CHECK(exchange::map_ports({{80, "80"}}, workload(json::array())).local ==
        exchange::PortMap{{80, 80}});
  const auto complaint = [](const std::vector<PortWords>& words, const Workload& of) {
    try {
      (void)exchange::map_ports(words, of);
    } catch (const Error& e) {
      return e.message() + " | " + e.hint();
    }
    return std::string("no error");
  };
  CHECK(complaint({{80, "80"}}, workload(two_ports)) ==
        "deployment.apps/cart has no port 80 | its ports: 8080 (http), 9000");
  CHECK(complaint({{53, "dns"}}, workload(two_ports)) ==
        "port dns of deployment.apps/cart is not TCP: only TCP is exchanged | ");
  CHECK(complaint({{1, "http"}, {2, "8080"}}, workload(two_ports)) ==
        "port 8080 is named twice | ");
  CHECK(complaint({}, workload(json::array())) ==
        "deployment.apps/cart lists no TCP port | name it: LOCAL:REMOTE, like 8080:80");
}

TEST_CASE("a Service picks pods by all of its selector") {
  const auto labels = workload(two_ports).pod_labels();
  const auto service = [](json selector) { return json{{"spec", {{"selector", selector}}}}; };
  CHECK(exchange::selects(service({{"app", "cart"}}), labels));
  CHECK_FALSE(exchange::selects(service({{"app", "cart"}, {"tier", "db"}}), labels));
  CHECK_FALSE(exchange::selects(service({{"other", "cart"}}), labels));
  CHECK_FALSE(exchange::selects(service(json::object()), labels));
  CHECK_FALSE(exchange::selects(json(), labels));
}

TEST_CASE("what an exchange would harm is refused") {
  CHECK_NOTHROW(exchange::check_exchangeable(workload(two_ports), true));
  CHECK_THROWS_AS(exchange::check_exchangeable(workload(two_ports, {{"replicas", 0}}), true),
                  Error);
  const json keeps_nothing = {{"persistentVolumeClaimRetentionPolicy", {{"whenScaled", "Delete"}}}};
  CHECK_THROWS_AS(exchange::check_exchangeable(workload(two_ports, keeps_nothing), true), Error);
  CHECK_NOTHROW(exchange::check_exchangeable(workload(two_ports, keeps_nothing), false));
  Workload owned = workload(two_ports);
  (*owned.object)["metadata"]["ownerReferences"] = {
      {{"kind", "Deployment"}, {"name", "x"}, {"controller", true}}};
  CHECK_THROWS_AS(exchange::check_exchangeable(owned, true), Error);
}
