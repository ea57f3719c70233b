// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/takeover.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using namespace kt;
using exchange::Endpoint;
using exchange::Plan;
using exchange::PlannedService;
using nlohmann::json;

namespace {

Plan plan() {
  Plan made;
  made.session = "abcd2345";
  made.target = {kube::deployments, "shop", "cart", {}};
  made.title = "deployment.apps/cart";
  made.uid = "uid-1";
  made.replicas = 3;
  made.services = {{"cart", {{"app", "cart"}}}};
  return made;
}

json service(json selector) {
  return {{"metadata", {{"name", "cart"}, {"resourceVersion", "7"}}},
          {"spec", {{"selector", std::move(selector)}}}};
}

json scale(const std::string& uid, int replicas) {
  json made = {{"metadata", {{"uid", uid}, {"resourceVersion", "9"}}}, {"spec", json::object()}};
  if (replicas > 0) {
    made["spec"]["replicas"] = replicas;
  }
  return made;
}

json target_with_manager_of(const char* field) {
  return {
      {"metadata",
       {{"managedFields",
         {{{"manager", "kubectl-edit"}, {"fieldsV1", {{"f:spec", {{field, json::object()}}}}}}}}}}};
}

}  // namespace

TEST_CASE("a Service goes to the shadow by one key more, where it is as planned") {
  const auto patch =
      exchange::to_shadow(service({{"app", "cart"}}), plan().services[0], "abcd2345");
  REQUIRE(patch);
  json patched = service({{"app", "cart"}}).patch(*patch);
  CHECK(patched["spec"]["selector"] == json{{"app", "cart"}, {"kubectl-kt/session", "abcd2345"}});
  CHECK_THROWS(service({{"app", "other"}}).patch(*patch));
  CHECK_FALSE(exchange::to_shadow(service({{"app", "other"}}), plan().services[0], "abcd2345"));
  CHECK_FALSE(exchange::to_shadow(json(), plan().services[0], "abcd2345"));
}

TEST_CASE("and comes back without it, whatever else was changed meanwhile") {
  const json changed = service({{"app", "new"}, {"kubectl-kt/session", "abcd2345"}});
  const auto patch = exchange::to_originals(changed, "abcd2345");
  REQUIRE(patch);
  json patched = changed;
  CHECK(patched.patch(*patch)["spec"]["selector"] == json{{"app", "new"}});
  CHECK_FALSE(exchange::to_originals(changed, "another1"));
  CHECK_FALSE(exchange::to_originals(service({{"app", "cart"}}), "abcd2345"));
}

TEST_CASE("replicas go to 0 only from the planned number of the planned target") {
  const auto patch = exchange::to_zero(scale("uid-1", 3), plan());
  REQUIRE(patch);
  CHECK(scale("uid-1", 3).patch(*patch)["spec"]["replicas"] == 0);
  CHECK_THROWS(scale("uid-2", 3).patch(*patch));
  CHECK_FALSE(exchange::to_zero(scale("uid-1", 2), plan()));
  CHECK_FALSE(exchange::to_zero(scale("uid-2", 3), plan()));
}

TEST_CASE("and back only from a 0 that nobody has written into the target itself") {
  const auto patch =
      exchange::to_replicas(scale("uid-1", 0), target_with_manager_of("f:template"), plan());
  REQUIRE(patch);
  CHECK(scale("uid-1", 0).patch(*patch)["spec"]["replicas"] == 3);
  json newer = scale("uid-1", 0);
  newer["metadata"]["resourceVersion"] = "10";
  CHECK_THROWS(newer.patch(*patch));
  CHECK_FALSE(
      exchange::to_replicas(scale("uid-1", 0), target_with_manager_of("f:replicas"), plan()));
  CHECK_FALSE(exchange::to_replicas(scale("uid-1", 2), json(), plan()));
  CHECK_FALSE(exchange::to_replicas(scale("uid-2", 0), json(), plan()));
}

TEST_CASE("our entries go out of managedFields, those of others stay") {
  const auto entry = [](const char* manager) { return json{{"manager", manager}}; };
  const json mixed = {
      {"metadata",
       {{"resourceVersion", "7"},
        {"managedFields", {entry("kubectl-kt"), entry("helm"), entry("kubectl-kt")}}}}};
  const auto patch = exchange::drop_ownership(mixed);
  REQUIRE(patch);
  CHECK(mixed.patch(*patch)["metadata"]["managedFields"] == json::array({entry("helm")}));
  CHECK_FALSE(exchange::drop_ownership(json()));
}

TEST_CASE("endpoint slices tell who answers") {
  const json slices = {
      {"items",
       {{{"endpoints",
          {{{"addresses", {"10.0.0.1"}}, {"conditions", {{"ready", true}}}},
           {{"addresses", {"10.0.0.9"}}, {"conditions", {{"ready", false}}}}}}},
        {{"endpoints", {{{"addresses", {"fd00::1"}}, {"conditions", json::object()}}}}},
        {{"endpoints", nullptr}}}}};
  const std::vector<Endpoint> endpoints = exchange::endpoints_of(slices);
  REQUIRE(endpoints.size() == 3);
  CHECK(exchange::lists_shadow(endpoints, "10.0.0.1"));
  CHECK_FALSE(exchange::lists_shadow(endpoints, "10.0.0.9"));  // not ready
  CHECK_FALSE(exchange::lists_shadow_alone(endpoints, "10.0.0.1"));
  CHECK(exchange::lists_shadow_alone({{"10.0.0.1", true}, {"fd00::1", true}}, "10.0.0.1"));
  CHECK(exchange::lists_originals(endpoints, "10.0.0.9"));
  CHECK_FALSE(exchange::lists_originals({{"10.0.0.1", true}, {"10.0.0.2", false}}, "10.0.0.1"));
}
