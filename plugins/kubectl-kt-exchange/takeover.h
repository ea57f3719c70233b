// SPDX-License-Identifier: Apache-2.0
// The patches of an exchange, and what the cluster has made of them. Pure. Each patch tests what it
// changes and the version that was read, so that it changes nothing that somebody else has changed.
#pragma once

#include "kubectl-kt-exchange/plan.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace kt::exchange {

// JSON patches (RFC 6902); nullopt: there is nothing to do, or what is there is not what was
// planned.

// A Service to the shadow alone: its selector gets one key more.
[[nodiscard]] std::optional<nlohmann::json> to_shadow(const nlohmann::json& service,
                                                      const PlannedService& planned,
                                                      const std::string& session);
// And back: that key is taken away, whatever else was changed meanwhile.
[[nodiscard]] std::optional<nlohmann::json> to_originals(const nlohmann::json& service,
                                                         const std::string& session);

// A patch of its own, behind all others: takes our entries out of managedFields, so that the
// owner's next server-side apply meets no conflict. (In one patch with the change it has no
// effect.)
[[nodiscard]] std::optional<nlohmann::json> drop_ownership(const nlohmann::json& object);

// `scale` is the target's scale subresource.
[[nodiscard]] std::optional<nlohmann::json> to_zero(const nlohmann::json& scale, const Plan& plan);
// Only where the 0 is a scale's, as ours: whoever wrote it into the target itself (apply, edit) is
// recorded in its managedFields, and a write through the scale subresource is not (tried on v1.34).
[[nodiscard]] std::optional<nlohmann::json> to_replicas(const nlohmann::json& scale,
                                                        const nlohmann::json& target,
                                                        const Plan& plan);
// One address behind a Service.
struct Endpoint {
  std::string address;
  bool ready = false;
};
[[nodiscard]] std::vector<Endpoint> endpoints_of(const nlohmann::json& slice_list);

// The shadow is listed and ready; nobody else is listed at all; somebody else is ready.
[[nodiscard]] bool lists_shadow(const std::vector<Endpoint>& endpoints, const std::string& shadow);
[[nodiscard]] bool lists_shadow_alone(const std::vector<Endpoint>& endpoints,
                                      const std::string& shadow);
[[nodiscard]] bool lists_originals(const std::vector<Endpoint>& endpoints,
                                   const std::string& shadow);

}  // namespace kt::exchange
