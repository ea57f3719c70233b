// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/plan.h"

#include "cluster/names.h"
#include "cluster/shadow.h"
#include "kube/json_fields.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace kt::exchange {
namespace {

namespace names = cluster::names;
using kube::field;
using kube::text_at;
using nlohmann::json;

constexpr int plan_version = 1;
constexpr std::array<std::string_view, 3> phases{"PREP", "COMMIT", "RESTORE"};

std::string key(std::string_view name) {
  return std::string(name);
}

json metadata_of(const Plan& plan, const json& owner) {
  return {{"name", claim_name(plan.target)},
          {"namespace", plan.target.namespace_},
          {"labels",
           {{key(names::managed_by_label), names::managed_by},
            {key(names::role_label), names::exchange_role}}},
          {"annotations", {{key(names::plan_annotation), plan_text(plan)}}},
          {"ownerReferences", json::array({cluster::owner_reference(owner)})}};
}

}  // namespace

std::string_view to_string(Phase phase) {
  return phases.at(static_cast<std::size_t>(phase));
}

std::string claim_name(const kube::ObjectRef& target) {
  return fmt::format("{}{}-{}", names::exchange_prefix, target.resource.plural, target.name);
}

std::string shadow_name(const std::string& session) {
  return fmt::format("{}{}", names::exchange_prefix, session);
}

std::string exchange_selector() {
  return fmt::format("{}={}", names::role_label, names::exchange_role);
}

std::string session_selector(const std::string& session) {
  return fmt::format("{}={}", names::session_label, session);
}

std::string plan_text(const Plan& plan) {
  json services = json::array();
  for (const PlannedService& service : plan.services) {
    services.push_back({{"name", service.name}, {"selector", service.selector}});
  }
  return json{{"version", plan_version},
              {"session", plan.session},
              {"group", plan.target.resource.group},
              {"apiVersion", plan.target.resource.version},
              {"plural", plan.target.resource.plural},
              {"name", plan.target.name},
              {"title", plan.title},
              {"uid", plan.uid},
              {"replicas", plan.replicas},
              {"scales", plan.scales},
              {"services", services},
              {"user", plan.user},
              {"host", plan.host}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Plan> plan_of(const json& lease_or_copy, const std::string& namespace_) {
  const json annotations = field(field(lease_or_copy, "metadata"), "annotations");
  const json text =
      json::parse(text_at(annotations, key(names::plan_annotation).c_str()), nullptr, false);
  if (!text.is_object() || field(text, "version") != json(plan_version) ||
      !field(text, "replicas").is_number_integer() || !field(text, "scales").is_boolean()) {
    return std::nullopt;
  }
  Plan plan;
  plan.session = text_at(text, "session");
  plan.target = {{text_at(text, "group"), text_at(text, "apiVersion"), text_at(text, "plural")},
                 namespace_,
                 text_at(text, "name"),
                 {}};
  plan.title = text_at(text, "title");
  plan.uid = text_at(text, "uid");
  plan.replicas = field(text, "replicas").get<int>();
  plan.scales = field(text, "scales").get<bool>();
  plan.user = text_at(text, "user");
  plan.host = text_at(text, "host");
  for (const json& service : field(text, "services")) {
    plan.services.push_back({text_at(service, "name"), kube::texts_at(service, "selector")});
  }
  return plan.session.empty() || plan.target.name.empty() ? std::nullopt : std::optional(plan);
}

std::string micro_time(std::chrono::system_clock::time_point now) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     std::chrono::time_point_cast<std::chrono::seconds>(now),
                     micros.count() % 1'000'000);
}

json lease_object(const Plan& plan, const json& owner, const std::string& now) {
  json metadata = metadata_of(plan, owner);
  metadata["annotations"][key(names::phase_annotation)] = to_string(Phase::prep);
  metadata["annotations"][key(names::user_annotation)] = plan.user;
  metadata["annotations"][key(names::host_annotation)] = plan.host;
  metadata["labels"][key(names::session_label)] = plan.session;
  return {{"apiVersion", "coordination.k8s.io/v1"},
          {"kind", "Lease"},
          {"metadata", metadata},
          {"spec",
           {{"holderIdentity", fmt::format("{}@{}", plan.user, plan.host)},
            {"acquireTime", now},
            {"renewTime", now}}}};
}

json copy_object(const Plan& plan, const json& owner) {
  json metadata = metadata_of(plan, owner);
  metadata["labels"][key(names::session_label)] = plan.session;
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", metadata}, {"immutable", true}};
}

std::optional<Phase> phase_of(const json& lease) {
  const json annotations = field(field(lease, "metadata"), "annotations");
  const std::string text = text_at(annotations, key(names::phase_annotation).c_str());
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (phases.at(i) == text) {
      return static_cast<Phase>(i);
    }
  }
  return std::nullopt;
}

json with_plan(json lease, const Plan& plan) {
  lease["metadata"]["annotations"][key(names::plan_annotation)] = plan_text(plan);
  return lease;
}

json with_phase(json lease, Phase phase) {
  lease["metadata"]["annotations"][key(names::phase_annotation)] = to_string(phase);
  return lease;
}

json renewed(json lease, const std::string& now) {
  lease["spec"]["renewTime"] = now;
  return lease;
}

}  // namespace kt::exchange
