// SPDX-License-Identifier: Apache-2.0
// What has to be put back, written down before anything is changed: in the Lease that is the lock,
// and once more in a ConfigMap that the target owns. Pure. tests/model/exchange.pml is the
// protocol.
#pragma once

#include "kubectl-kt-exchange/workload.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::exchange {

enum class Phase {
  prep,     // the owner prepares; nothing is changed yet
  commit,   // the owner changes, or has changed, what the plan lists
  restore,  // it is being put back
};
[[nodiscard]] std::string_view to_string(Phase phase);

struct PlannedService {
  std::string name;
  std::map<std::string, std::string> selector;  // as it was before

  friend bool operator==(const PlannedService&, const PlannedService&) = default;
};

struct Plan {
  std::string session;  // 8 characters: the value of the session label
  kube::ObjectRef target;
  std::string title;  // "deployment.apps/foo"
  std::string uid;
  int replicas = 0;
  bool scales = true;  // --mode scale
  std::vector<PlannedService> services;
  std::string user;  // for people to see; as the laptop says
  std::string host;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// Lease and copy have the same name: one a target.
[[nodiscard]] std::string claim_name(const kube::ObjectRef& target);
// The shadow's Deployment, Secret and Service have this one.
[[nodiscard]] std::string shadow_name(const std::string& session);

// Of all Leases and copies, and of one session's pods and Deployment: how they are found.
[[nodiscard]] std::string exchange_selector();
[[nodiscard]] std::string session_selector(const std::string& session);

[[nodiscard]] std::string plan_text(const Plan& plan);
// What a Lease or a copy says; nullopt when it is not ours, or of a version that we do not know.
[[nodiscard]] std::optional<Plan> plan_of(const nlohmann::json& lease_or_copy,
                                          const std::string& namespace_);

// `now` in RFC 3339 with microseconds, as a Lease wants it.
[[nodiscard]] std::string micro_time(std::chrono::system_clock::time_point now);

// `owner` is the target's object.
[[nodiscard]] nlohmann::json lease_object(const Plan& plan, const nlohmann::json& owner,
                                          const std::string& now);
[[nodiscard]] nlohmann::json copy_object(const Plan& plan, const nlohmann::json& owner);

[[nodiscard]] std::optional<Phase> phase_of(const nlohmann::json& lease);
[[nodiscard]] nlohmann::json with_plan(nlohmann::json lease, const Plan& plan);
[[nodiscard]] nlohmann::json with_phase(nlohmann::json lease, Phase phase);
[[nodiscard]] nlohmann::json renewed(nlohmann::json lease, const std::string& now);

}  // namespace kt::exchange
