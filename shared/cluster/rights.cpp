// SPDX-License-Identifier: Apache-2.0
#include "cluster/rights.h"

#include "base/error.h"
#include "kube/yaml.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace kt::cluster {
namespace {

using io::Task;
using kube::Right;
using nlohmann::json;

struct Rule {
  const char* group;
  const char* resource;
  const char* subresource;
  std::vector<std::string> verbs;
};

const std::vector<Rule>& connect_rules() {
  static const std::vector<Rule> rules = {
      {"batch", "jobs", "", {"create", "get", "list", "watch", "patch", "delete"}},
      {"", "pods", "", {"get", "list", "watch"}},
      {"", "secrets", "", {"create"}},
  };
  return rules;
}

Rule carrier_rule(Carrier carrier) {
  return carrier == Carrier::proxy ? Rule{"", "pods", "proxy", {"get"}}
                                   : Rule{"", "pods", "portforward", {"create"}};
}

json to_json(const Rule& rule) {
  const std::string resource = rule.resource;
  return {{"apiGroups", {rule.group}},
          {"resources", {*rule.subresource == 0 ? resource : resource + "/" + rule.subresource}},
          {"verbs", rule.verbs}};
}

// With either of both the links have a way.
std::vector<Right> carrier_rights(std::optional<Carrier> only, const std::string& namespace_) {
  std::vector<Right> rights;
  for (const Carrier carrier : {Carrier::proxy, Carrier::port_forward}) {
    if (!only || *only == carrier) {
      rights.push_back(carrier_right(carrier, namespace_));
    }
  }
  return rights;
}

// "create, get jobs.batch; list pods": the verbs of one resource together.
std::string list(const std::vector<Right>& rights, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < rights.size(); ++i) {
    const bool same = i + 1 < rights.size() && rights[i + 1].resource == rights[i].resource &&
                      rights[i + 1].subresource == rights[i].subresource;
    text += same ? rights[i].verb + ", " : kube::to_string(rights[i]);
    text += same || i + 1 == rights.size() ? "" : between;
  }
  return text;
}

[[noreturn]] void throw_denied(const std::string& namespace_, const std::string& missing,
                               const std::string& program) {
  throw Error(ErrorKind::denied,
              fmt::format("namespace '{}': these rights are missing: {}", namespace_, missing),
              fmt::format("{} rbac --namespace {}   prints this Role, for who may grant it:\n{}",
                          program, namespace_, kube::to_yaml(connect_role(namespace_))));
}

}  // namespace

std::vector<Right> connect_rights(const std::string& namespace_) {
  std::vector<Right> rights;
  for (const Rule& rule : connect_rules()) {
    for (const std::string& verb : rule.verbs) {
      rights.push_back({verb, rule.group, rule.resource, rule.subresource, namespace_, {}});
    }
  }
  return rights;
}

Right carrier_right(Carrier carrier, const std::string& namespace_) {
  const Rule rule = carrier_rule(carrier);
  return {rule.verbs.front(), rule.group, rule.resource, rule.subresource, namespace_, {}};
}

json connect_role(const std::string& namespace_) {
  json rules = json::array();
  for (const Rule& rule : connect_rules()) {
    rules.push_back(to_json(rule));
  }
  rules.push_back(to_json(carrier_rule(Carrier::proxy)));
  rules.push_back(to_json(carrier_rule(Carrier::port_forward)));
  rules.push_back(to_json({"", "events", "", {"list"}}));  // optional: why a pod does not come
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "Role"},
          {"metadata", {{"name", "kt-connect"}, {"namespace", namespace_}}},
          {"rules", rules}};
}

Task<> check_connect_rights(kube::Client& client, std::string namespace_,
                            std::optional<Carrier> only, std::string program) {
  const std::vector<Right> ways = carrier_rights(only, namespace_);
  std::vector<Right> asked = connect_rights(namespace_);
  asked.insert(asked.end(), ways.begin(), ways.end());
  std::vector<Right> missing;
  try {
    missing = co_await kube::missing_rights(client, std::move(asked));
  } catch (Error& e) {
    e.add_context("ask the API server for your rights");
    throw;
  }
  const auto is_way = [&](const Right& right) { return std::ranges::count(ways, right) > 0; };
  const bool no_way = std::ranges::count_if(missing, is_way) == std::ssize(ways);
  std::erase_if(missing, is_way);
  std::string text = list(missing, "; ");
  if (no_way) {
    text += (text.empty() ? "" : "; ") + list(ways, " or ");
  }
  if (!text.empty()) {
    throw_denied(namespace_, text, program);
  }
}

}  // namespace kt::cluster
