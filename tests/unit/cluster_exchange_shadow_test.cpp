// SPDX-License-Identifier: Apache-2.0
#include "cluster/exchange_shadow.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace kt;
using nlohmann::json;

namespace {

const json target = {
    {"apiVersion", "apps/v1"},
    {"kind", "Deployment"},
    {"metadata", {{"name", "cart"}, {"uid", "uid-1"}}},
    {"spec",
     {{"selector", {{"matchLabels", {{"app", "cart"}}}}},
      {"template",
       {{"metadata",
         {{"labels", {{"app", "cart"}, {"version", "7"}}},
          {"annotations", {{"sidecar.istio.io/inject", "true"}, {"example.com/secret", "x"}}}}},
        {"spec", {{"imagePullSecrets", {{{"name", "registry"}}}}}}}}}}};

json deployment(std::vector<cluster::FrontPort> ports) {
  cluster::ShadowRun run;
  run.name = "kt-exchange-abcd2345";
  run.namespace_ = "shop";
  cluster::ShadowOptions options;
  options.image = "image:1";
  return cluster::exchange_deployment(run, options, {"abcd2345", std::move(ports), {}}, target);
}

bool has(const json& list, const json& value) {
  return std::ranges::count(list, value) > 0;
}

}  // namespace

TEST_CASE("the shadow of an exchange looks like the target's pods, plus one label") {
  const json made = deployment({{8080, "http"}});
  const json metadata = made["spec"]["template"]["metadata"];
  CHECK(metadata["labels"] ==
        json{{"app", "cart"}, {"version", "7"}, {"kubectl-kt/session", "abcd2345"}});
  CHECK(made["spec"]["selector"]["matchLabels"] == json{{"kubectl-kt/session", "abcd2345"}});
  CHECK(made["metadata"]["ownerReferences"][0]["uid"] == "uid-1");
  CHECK(metadata["annotations"]["sidecar.istio.io/inject"] == "true");
  CHECK_FALSE(metadata["annotations"].contains("example.com/secret"));
  const json spec = made["spec"]["template"]["spec"];
  CHECK(has(spec["imagePullSecrets"], {{"name", "registry"}}));
  CHECK(spec["automountServiceAccountToken"] == false);
}

TEST_CASE("its front has the target's ports and is asked whether it is ready") {
  const json agent =
      deployment({{8080, "http"}, {9000, ""}})["spec"]["template"]["spec"]["containers"][0];
  CHECK(has(agent["args"], "--front=8080"));
  CHECK(has(agent["args"], "--front=9000"));
  CHECK(has(agent["ports"], {{"name", "http"}, {"containerPort", 8080}}));
  CHECK(has(agent["ports"], {{"containerPort", 9000}}));
  CHECK(agent["readinessProbe"]["httpGet"]["port"] == 7070);
}

TEST_CASE("its door keeps out of the target's ports, and low ports need a sysctl") {
  CHECK(cluster::door_port_beside({{80, ""}}) == 7070);
  CHECK(cluster::door_port_beside({{7070, ""}, {7071, ""}}) == 7072);
  const json low = deployment({{80, ""}})["spec"]["template"]["spec"]["securityContext"]["sysctls"];
  CHECK(has(low, {{"name", "net.ipv4.ip_unprivileged_port_start"}, {"value", "0"}}));
  const json high =
      deployment({{8080, ""}})["spec"]["template"]["spec"]["securityContext"]["sysctls"];
  CHECK_FALSE(has(high, {{"name", "net.ipv4.ip_unprivileged_port_start"}, {"value", "0"}}));
}
