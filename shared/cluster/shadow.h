// SPDX-License-Identifier: Apache-2.0
// The shadow of connect: a Job whose one pod runs kt-agent, and a Secret that the Job owns. Both go
// away by themselves whatever dies on the laptop: the agent exits when nobody was attached for the
// grace time, the Job's deadline ends a pod that never started, its ttl removes the Job, and the
// owner reference the Secret. Pure: options in, JSON out. Passes Pod Security `restricted`.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kt::cluster {

// What a user may say about the shadow pod; all of it is put into the pod spec as kubectl would.
struct ShadowOptions {
  std::string image;
  std::string image_pull_policy;                // empty = the cluster's default
  std::vector<std::string> image_pull_secrets;  // names in the same namespace
  std::string service_account;                  // empty = default
  std::map<std::string, std::string> node_selector;
  std::vector<std::string> tolerations;  // KEY[=VALUE][:EFFECT]; "*" tolerates everything
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::map<std::string, std::string> requests = {{"cpu", "10m"}, {"memory", "32Mi"}};
  std::map<std::string, std::string> limits = {{"memory", "256Mi"}};
  std::chrono::seconds grace{120};

  friend bool operator==(const ShadowOptions&, const ShadowOptions&) = default;
};

// One run: who makes it, and its fresh name and keys.
struct ShadowRun {
  std::string name;  // of Job and Secret, e.g. kt-connect-x7k2m9qd
  std::string namespace_;
  std::string user;  // for people to see; as the laptop says
  std::string host;
  std::string host_key;         // OpenSSH private key file of the pod's sshd
  std::string authorized_keys;  // the laptop's public key line
};

// As many characters as `random` has bytes, as in Kubernetes' own generated names.
[[nodiscard]] std::string fresh_suffix(const std::vector<std::uint8_t>& random);

[[nodiscard]] nlohmann::json shadow_job(const ShadowRun& run, const ShadowOptions& options);

// What its pods are made from; the agent is the first container.
[[nodiscard]] nlohmann::json shadow_pod_spec(const ShadowRun& run, const ShadowOptions& options,
                                             std::uint16_t door_port);
[[nodiscard]] nlohmann::json shadow_annotations(const ShadowRun& run, const ShadowOptions& options,
                                                std::uint16_t door_port);

// Who owns what was made for a run: it goes away with its owner. All four from the owner itself.
[[nodiscard]] nlohmann::json owner_reference(const nlohmann::json& owner);

// Owned by the shadow, the Job or Deployment of the run.
[[nodiscard]] nlohmann::json shadow_secret(const ShadowRun& run, const nlohmann::json& shadow);

// Merge patch that moves the dead man's switch: the Job ends `left` after now. `running_for` is the
// API server's Date minus the Job's status.startTime.
[[nodiscard]] nlohmann::json renew_deadline(std::chrono::seconds running_for,
                                            std::chrono::seconds left);

// "{KEY[=VALUE][:EFFECT]}" as a toleration of a pod spec; throws Error usage on a bad effect.
[[nodiscard]] nlohmann::json toleration(const std::string& text);

}  // namespace kt::cluster
