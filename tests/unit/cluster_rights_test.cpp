// SPDX-License-Identifier: Apache-2.0
#include "cluster/rights.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace kt;
using nlohmann::json;

namespace {

bool grants(const json& role, const kube::Right& right) {
  const std::string resource =
      right.subresource.empty() ? right.resource : right.resource + "/" + right.subresource;
  return std::ranges::any_of(role["rules"], [&](const json& rule) {
    const auto has = [&](const char* list, const std::string& word) {
      return std::ranges::find(rule[list], json(word)) != rule[list].end();
    };
    return has("apiGroups", right.group) && has("resources", resource) && has("verbs", right.verb);
  });
}

}  // namespace

TEST_CASE("the Role grants what the preflight asks for, in that namespace and no more than it") {
  const json role = cluster::role_of(cluster::Command::connect, "shop");
  std::vector<kube::Right> rights = cluster::rights_of(cluster::Command::connect, "shop");
  rights.push_back(cluster::carrier_right(cluster::Carrier::proxy, "shop"));
  rights.push_back(cluster::carrier_right(cluster::Carrier::port_forward, "shop"));
  for (const kube::Right& right : rights) {
    INFO(kube::to_string(right));
    CHECK(right.namespace_ == "shop");
    CHECK(grants(role, right));
  }
  std::size_t granted = 0;
  for (const json& rule : role["rules"]) {
    granted += rule["verbs"].size() * rule["resources"].size();
  }
  CHECK(granted == rights.size() + 1);  // and list events, which is optional
  CHECK(role["kind"] == "Role");
  CHECK(role["metadata"]["namespace"] == "shop");
}

TEST_CASE("the Role has no wildcard and reads no secret") {
  const std::string text = cluster::role_of(cluster::Command::connect, "shop").dump();
  CHECK(text.find('*') == std::string::npos);
  CHECK_FALSE(grants(cluster::role_of(cluster::Command::connect, "shop"),
                     {"get", "", "secrets", "", "shop", ""}));
}
