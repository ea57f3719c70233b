// SPDX-License-Identifier: Apache-2.0
// What is exchanged: found by the words that kubectl takes, looked at, and refused where an
// exchange would harm it. Pure, but for find_workload().
#pragma once

#include "kube/client.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kt::exchange {

// TYPE/NAME, TYPE NAME or a bare NAME, as typed.
struct WorkloadName {
  std::string type;  // as kubectl's: deploy, deployments, sts, …; empty: a bare name
  std::string name;
};

struct ContainerPort {
  std::uint16_t number = 0;
  std::string name;  // may be empty
};

struct Workload {
  kube::ObjectRef ref;
  std::shared_ptr<nlohmann::json> object;  // as the API server has it

  [[nodiscard]] std::string title() const;  // "deployment.apps/foo", as kubectl prints it
  [[nodiscard]] std::string uid() const;
  [[nodiscard]] int replicas() const;
  [[nodiscard]] std::map<std::string, std::string> pod_labels() const;
  [[nodiscard]] std::vector<ContainerPort> tcp_ports() const;
  [[nodiscard]] std::vector<ContainerPort> other_ports() const;  // UDP, SCTP
};

// The kind that a type word means; nullopt for one that is unknown or cannot be exchanged.
[[nodiscard]] std::optional<kube::Resource> resource_of(const std::string& type);
[[nodiscard]] bool is_service_type(const std::string& type);

// Whether a Service's selector picks pods with these labels; one without a selector picks none.
[[nodiscard]] bool selects(const nlohmann::json& service,
                           const std::map<std::string, std::string>& pod_labels);

// Throws Error config with the reason, and what to do instead, where an exchange would harm: owned
// by something that would scale it back, nothing to exchange, storage that goes with the pods.
void check_exchangeable(const Workload& workload, bool scales);

// Asks the API server. Throws Error not_found (with near names), usage for a type that cannot be
// exchanged, or an ambiguous bare name. `client` is owned by the caller's frame.
io::Task<Workload> find_workload(kube::Client& client, std::string namespace_, WorkloadName name);

// All Services of the namespace whose selector picks the workload's pods.
io::Task<std::vector<nlohmann::json>> services_of(kube::Client& client, std::string namespace_,
                                                  std::map<std::string, std::string> pod_labels);

}  // namespace kt::exchange
