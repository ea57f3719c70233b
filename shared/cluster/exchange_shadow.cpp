// SPDX-License-Identifier: Apache-2.0
#include "cluster/exchange_shadow.h"

#include "cluster/names.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace kt::cluster {
namespace {

using kube::field;
using nlohmann::json;

// kube-proxy learns of a stopping pod up to 2 s late; then the front waits for what is open.
constexpr int termination_grace = 15;  // s
constexpr std::uint16_t first_free_port = 1024;

// What asks a mesh's injector for its sidecar; anything else of the target's is not for us.
constexpr std::array<std::string_view, 6> injection_prefixes{
    "sidecar.istio.io/", "traffic.sidecar.istio.io/", "proxy.istio.io/",
    "linkerd.io/",       "config.linkerd.io/",        "dapr.io/"};

json pod_template_of(const json& target) {
  return field(field(target, "spec"), "template");
}

json labels_of(const ExchangeShadow& shadow, const json& target) {
  json labels = field(field(pod_template_of(target), "metadata"), "labels");
  labels = labels.is_object() ? labels : json::object();
  labels[std::string(names::session_label)] = shadow.session;
  return labels;
}

json annotations_of(json own, const json& target) {
  const json annotations = field(field(pod_template_of(target), "metadata"), "annotations");
  if (annotations.is_object()) {
    for (const auto& [name, value] : annotations.items()) {
      const auto asks = [&name = name](auto prefix) { return name.starts_with(prefix); };
      if (std::ranges::any_of(injection_prefixes, asks) && !own.contains(name)) {
        own[name] = value;
      }
    }
  }
  return own;
}

void add_front(json& container, const ExchangeShadow& shadow, const ShadowRun& run,
               std::uint16_t door_port) {
  for (const FrontPort& port : shadow.ports) {
    container["args"].push_back(fmt::format("--front={}", port.number));
    json entry = {{"containerPort", port.number}};
    if (!port.name.empty()) {
      entry["name"] = port.name;
    }
    container["ports"].push_back(entry);
  }
  container["args"].push_back(fmt::format("--hold={}", shadow.hold.count()));
  container["args"].push_back(fmt::format("--originals={}.{}", run.name, run.namespace_));
  container["readinessProbe"] = {
      {"httpGet", {{"path", "/readyz"}, {"port", door_port}}},
      {"periodSeconds", 1},
      {"failureThreshold", 1},
  };
}

bool has_low_port(const ExchangeShadow& shadow) {
  return std::ranges::any_of(shadow.ports,
                             [](const FrontPort& port) { return port.number < first_free_port; });
}

json pod_spec(const ShadowRun& run, const ShadowOptions& options, const ExchangeShadow& shadow,
              const json& target) {
  const std::uint16_t door_port = door_port_beside(shadow.ports);
  json spec = shadow_pod_spec(run, options, door_port);
  spec["restartPolicy"] = "Always";
  spec["terminationGracePeriodSeconds"] = termination_grace;
  add_front(spec["containers"][0], shadow, run, door_port);
  if (has_low_port(shadow)) {
    spec["securityContext"]["sysctls"].push_back(
        {{"name", "net.ipv4.ip_unprivileged_port_start"}, {"value", "0"}});  // a safe one
  }
  const json secrets = field(field(pod_template_of(target), "spec"), "imagePullSecrets");
  for (const json& secret : secrets.is_array() ? secrets : json::array()) {
    spec["imagePullSecrets"].push_back(secret);
  }
  return spec;
}

}  // namespace

std::uint16_t door_port_beside(const std::vector<FrontPort>& ports) {
  std::uint16_t port = names::door_port;
  while (std::ranges::any_of(ports, [&](const FrontPort& each) { return each.number == port; })) {
    ++port;
  }
  return port;
}

json exchange_deployment(const ShadowRun& run, const ShadowOptions& options,
                         const ExchangeShadow& shadow, const json& target) {
  const json labels = labels_of(shadow, target);
  const json own = shadow_annotations(run, options, door_port_beside(shadow.ports));
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata",
       {{"name", run.name},
        {"namespace", run.namespace_},
        {"labels",
         {{std::string(names::managed_by_label), names::managed_by},
          {std::string(names::role_label), names::exchange_role},
          {std::string(names::session_label), shadow.session}}},
        {"annotations", own},
        {"ownerReferences", json::array({owner_reference(target)})}}},
      {"spec",
       {{"replicas", 1},
        {"revisionHistoryLimit", 0},
        {"strategy", {{"type", "Recreate"}}},
        {"selector", {{"matchLabels", {{std::string(names::session_label), shadow.session}}}}},
        {"template",
         {{"metadata", {{"labels", labels}, {"annotations", annotations_of(own, target)}}},
          {"spec", pod_spec(run, options, shadow, target)}}}}},
  };
}

json originals_service(const ShadowRun& run, const json& shadow, const json& target) {
  json selector = field(field(field(target, "spec"), "selector"), "matchLabels");
  return {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata",
       {{"name", run.name},
        {"namespace", run.namespace_},
        {"labels", {{std::string(names::managed_by_label), names::managed_by}}},
        {"ownerReferences", json::array({owner_reference(shadow)})}}},
      {"spec", {{"clusterIP", "None"}, {"selector", selector}}},
  };
}

}  // namespace kt::cluster
