// SPDX-License-Identifier: Apache-2.0
// The life of a shadow in the cluster: made, waited for, kept alive, removed.
#pragma once

#include "cluster/shadow.h"
#include "kube/client.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string>

namespace kt::cluster {

// Creates the Job, then the Secret that it owns. Throws as kube::Client does, with a hint for Pod
// Security, quota and a missing namespace.
io::Task<> create_shadow(kube::Client& client, ShadowRun run, ShadowOptions options);

// By what the pods of a shadow are found, and what makes them: a Job or a Deployment.
struct ShadowPods {
  std::string selector;  // of labels
  kube::ObjectRef owner;
  std::string name = {};  // this pod alone; empty: whichever there is
};
[[nodiscard]] ShadowPods pods_of_job(const ShadowRun& run);

// Returns the pod's name once its container runs; one that is being deleted is none. Calls
// `on_waiting` with the pod's own reason
// ("ErrImagePull: …", "Unschedulable: …") whenever it changes. Throws Error unavailable when the
// pod has ended or `limit` is over, with the last reason.
io::Task<std::string> wait_for_pod(kube::Client& client, ShadowPods pods, io::Duration limit,
                                   std::function<void(const std::string&)> on_waiting);

// Returns, with the reason, when the pod of a shadow that ran is gone, going or has ended. Throws
// ApiError when the server refuses to say.
io::Task<std::string> until_pod_lost(kube::Client& client, ShadowPods pods);

// Moves the Job's deadline every grace, so that it ends 3 × grace after we do. Runs until
// cancelled.
io::Task<> renew_deadlines(kube::Client& client, ShadowRun run, std::chrono::seconds grace);

// False when it was gone already.
io::Task<bool> delete_shadow(kube::Client& client, ShadowRun run);

// Pure: what a pod says about itself.
struct PodState {
  bool running = false;
  bool ended = false;  // or it will never run: its image cannot be had
  std::string reason;  // why it does not run yet; empty: nothing known
};
[[nodiscard]] PodState pod_state(const nlohmann::json& pod);

}  // namespace kt::cluster
