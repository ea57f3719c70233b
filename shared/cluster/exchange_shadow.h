// SPDX-License-Identifier: Apache-2.0
// The shadow of an exchange: a Deployment of one replica that is owned by the target and looks like
// its pods to Services, NetworkPolicies and meshes, with kt-agent as the front that owns the ports.
// Pure: options in, JSON out. Passes Pod Security `restricted`.
#pragma once

#include "cluster/shadow.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kt::cluster {

struct FrontPort {
  std::uint16_t number = 0;
  std::string name;  // may be empty
};

struct ExchangeShadow {
  std::string session;  // value of the session label
  std::vector<FrontPort> ports;
  std::chrono::seconds hold{5};  // how long a connection waits while the local program refuses
};

// The agent's port: the usual one unless the target uses it.
[[nodiscard]] std::uint16_t door_port_beside(const std::vector<FrontPort>& ports);

// `target` is the workload as the API server has it.
[[nodiscard]] nlohmann::json exchange_deployment(const ShadowRun& run, const ShadowOptions& options,
                                                 const ExchangeShadow& shadow,
                                                 const nlohmann::json& target);

// Headless, so that the front finds the originals without any right: it selects them and the shadow
// alike. Owned by the shadow's Deployment, and named as it.
[[nodiscard]] nlohmann::json originals_service(const ShadowRun& run, const nlohmann::json& shadow,
                                               const nlohmann::json& target);

}  // namespace kt::cluster
