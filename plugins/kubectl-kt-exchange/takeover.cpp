// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/takeover.h"

#include "cluster/names.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace kt::exchange {
namespace {

namespace names = cluster::names;
using kube::field;
using kube::text_at;
using nlohmann::json;

// RFC 6901: the label's slash is written ~1.
std::string session_pointer() {
  std::string name(names::session_label);
  name.replace(name.find('/'), 1, "~1");
  return "/spec/selector/" + name;
}

json test(const std::string& path, json value) {
  return {{"op", "test"}, {"path", path}, {"value", std::move(value)}};
}

json test_version(const json& object) {
  return test("/metadata/resourceVersion", field(field(object, "metadata"), "resourceVersion"));
}

json selector_of(const json& service) {
  return field(field(service, "spec"), "selector");
}

// autoscaling/v1 leaves a 0 out.
int replicas_of(const json& scale) {
  const json count = field(field(scale, "spec"), "replicas");
  return count.is_number_integer() ? count.get<int>() : 0;
}

// The version stands for the replicas that were read with it: a 0 cannot be tested by its path.
json set_replicas(const json& scale, const Plan& plan, int to) {
  return json::array({test("/metadata/uid", plan.uid),
                      test_version(scale),
                      {{"op", "add"}, {"path", "/spec/replicas"}, {"value", to}}});
}

bool is_target(const json& scale, const Plan& plan) {
  return text_at(field(scale, "metadata"), "uid") == plan.uid;
}

bool owns_replicas(const json& entry) {
  return field(field(field(entry, "fieldsV1"), "f:spec"), "f:replicas").is_object();
}

bool is_v6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

}  // namespace

std::optional<json> to_shadow(const json& service, const PlannedService& planned,
                              const std::string& session) {
  const json selector = selector_of(service);
  if (selector != json(planned.selector)) {
    return std::nullopt;
  }
  return json::array({test_version(service),
                      test("/spec/selector", selector),
                      {{"op", "add"}, {"path", session_pointer()}, {"value", session}}});
}

std::optional<json> to_originals(const json& service, const std::string& session) {
  if (text_at(selector_of(service), std::string(names::session_label).c_str()) != session) {
    return std::nullopt;
  }
  return json::array(
      {test(session_pointer(), session), {{"op", "remove"}, {"path", session_pointer()}}});
}

std::optional<json> drop_ownership(const json& object) {
  const json entries = field(field(object, "metadata"), "managedFields");
  json patch = json::array({test_version(object)});
  for (std::size_t i = entries.is_array() ? entries.size() : 0; i > 0; --i) {
    if (text_at(entries[i - 1], "manager") == names::field_manager) {
      patch.push_back(
          {{"op", "remove"}, {"path", fmt::format("/metadata/managedFields/{}", i - 1)}});
    }
  }
  return patch.size() > 1 ? std::optional(patch) : std::nullopt;
}

std::optional<json> to_zero(const json& scale, const Plan& plan) {
  if (!is_target(scale, plan) || replicas_of(scale) != plan.replicas) {
    return std::nullopt;
  }
  return set_replicas(scale, plan, 0);
}

std::optional<json> to_replicas(const json& scale, const json& target, const Plan& plan) {
  if (!is_target(scale, plan) || replicas_of(scale) != 0) {
    return std::nullopt;
  }
  const json entries = field(field(target, "metadata"), "managedFields");
  const bool other = entries.is_array() && std::ranges::any_of(entries, owns_replicas);
  return other ? std::nullopt : std::optional(set_replicas(scale, plan, plan.replicas));
}

std::vector<Endpoint> endpoints_of(const json& slice_list) {
  std::vector<Endpoint> endpoints;
  for (const json& slice : field(slice_list, "items")) {
    for (const json& endpoint : field(slice, "endpoints")) {
      // Unset means true (discovery.k8s.io/v1, EndpointConditions).
      const bool ready = field(field(endpoint, "conditions"), "ready") != json(false);
      for (const json& address : field(endpoint, "addresses")) {
        endpoints.push_back({address.is_string() ? address.get<std::string>() : "", ready});
      }
    }
  }
  return endpoints;
}

bool lists_shadow(const std::vector<Endpoint>& endpoints, const std::string& shadow) {
  return std::ranges::any_of(
      endpoints, [&](const Endpoint& each) { return each.ready && each.address == shadow; });
}

// A dual-stack Service lists the pod's other address too, in slices of its own: one family tells.
bool lists_shadow_alone(const std::vector<Endpoint>& endpoints, const std::string& shadow) {
  return lists_shadow(endpoints, shadow) && std::ranges::none_of(endpoints, [&](const auto& each) {
           return is_v6(each.address) == is_v6(shadow) && each.address != shadow;
         });
}

bool lists_originals(const std::vector<Endpoint>& endpoints, const std::string& shadow) {
  return std::ranges::any_of(endpoints, [&](const Endpoint& each) {
    return each.ready && is_v6(each.address) == is_v6(shadow) && each.address != shadow;
  });
}

}  // namespace kt::exchange
