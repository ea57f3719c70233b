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
  std::string group;
  std::string resource;
  std::string subresource;
  std::vector<std::string> verbs;
};
using Rules = std::vector<Rule>;

const Rules& connect_rules() {
  static const Rules rules = {
      {"batch", "jobs", "", {"create", "get", "list", "watch", "patch", "delete"}},
      {"", "pods", "", {"get", "list", "watch"}},
      {"", "secrets", "", {"create"}},
  };
  return rules;
}

// Those of the laptop that patches by itself, for a target of any kind that we know.
const Rules& exchange_rules() {
  static const Rules rules = {
      {"apps", "deployments", "", {"create", "get", "list", "delete"}},
      {"apps", "statefulsets", "", {"get", "list"}},
      {"apps", "replicasets", "", {"get", "list"}},
      {"apps", "deployments", "scale", {"get", "patch"}},
      {"apps", "statefulsets", "scale", {"get", "patch"}},
      {"apps", "replicasets", "scale", {"get", "patch"}},
      {"", "services", "", {"create", "get", "list", "patch"}},
      {"discovery.k8s.io", "endpointslices", "", {"list"}},
      {"coordination.k8s.io", "leases", "", {"create", "get", "list", "update", "delete"}},
      {"", "configmaps", "", {"create", "get", "list", "delete"}},
      {"", "pods", "", {"get", "list", "watch"}},
      {"", "secrets", "", {"create"}},
  };
  return rules;
}

const Rules& rules_of(Command command) {
  return command == Command::connect ? connect_rules() : exchange_rules();
}

Rule carrier_rule(Carrier carrier) {
  return carrier == Carrier::proxy ? Rule{"", "pods", "proxy", {"get"}}
                                   : Rule{"", "pods", "portforward", {"create"}};
}

json to_json(const Rule& rule) {
  return {{"apiGroups", {rule.group}},
          {"resources",
           {rule.subresource.empty() ? rule.resource : rule.resource + "/" + rule.subresource}},
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

[[noreturn]] void throw_denied(Command command, const std::string& namespace_,
                               const std::string& missing, const std::string& program) {
  throw Error(ErrorKind::denied,
              fmt::format("namespace '{}': these rights are missing: {}", namespace_, missing),
              fmt::format("{} rbac --namespace {}   prints this Role, for who may grant it:\n{}",
                          program, namespace_, kube::to_yaml(role_of(command, namespace_))));
}

}  // namespace

std::vector<Right> rights_of(Command command, const std::string& namespace_) {
  std::vector<Right> rights;
  for (const Rule& rule : rules_of(command)) {
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

json role_of(Command command, const std::string& namespace_) {
  json rules = json::array();
  for (const Rule& rule : rules_of(command)) {
    rules.push_back(to_json(rule));
  }
  rules.push_back(to_json(carrier_rule(Carrier::proxy)));
  rules.push_back(to_json(carrier_rule(Carrier::port_forward)));
  rules.push_back(to_json({"", "events", "", {"list"}}));  // optional: why a pod does not come
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "Role"},
          {"metadata",
           {{"name", command == Command::connect ? "kt-connect" : "kt-exchange"},
            {"namespace", namespace_}}},
          {"rules", rules}};
}

Task<> check_rights(kube::Client& client, Command command, std::string namespace_,
                    std::optional<Carrier> only, std::string program,
                    std::vector<std::string> unused) {
  const std::vector<Right> ways = carrier_rights(only, namespace_);
  std::vector<Right> asked = rights_of(command, namespace_);
  std::erase_if(asked, [&](const Right& right) {
    return std::ranges::count(unused, right.resource) > 0 ||
           std::ranges::count(unused, right.resource + "/" + right.subresource) > 0;
  });
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
    throw_denied(command, namespace_, text, program);
  }
}

}  // namespace kt::cluster
