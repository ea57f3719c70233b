// SPDX-License-Identifier: Apache-2.0
// One shadow and the tunnel to it. A connect has one at a time; when its pod is lost it makes
// another one, and the streams of the old tunnel are reset.
#pragma once

#include "cluster/pod_tunnel.h"
#include "cluster/shadow_login.h"
#include "io/task_group.h"
#include "kube/client.h"
#include "kubectl-kt-connect/options.h"
#include "kubectl-kt-connect/status.h"

#include <functional>
#include <string>

namespace kt::connect {

class Attachment {
 public:
  struct Parts {
    kube::Kubectl kubectl;
    kube::Client& client;  // outlives it, as do the options
    const ConnectOptions& options;
    std::string api_socket;
    std::string namespace_;
    std::string user;
    std::string host;
    bool proxy_configured = false;
  };
  Attachment(const io::Executor& executor, Parts parts);

  // Job, Secret, and a pod that runs: name() is known before the first is made. Throws as
  // cluster::create_shadow and wait_for_pod do; may be called again then, for a fresh shadow.
  io::Task<> make_shadow(std::function<void(const std::string&)> on_waiting);
  // Link 0, with the agent's answer; all other links follow by themselves.
  io::Task<mux::Welcome> attach();
  // Waits until shadow or tunnel is lost, and says why.
  io::Task<std::string> lost();

  // Deletes the shadow; removed() tells whether there was one.
  io::Task<> remove_shadow();
  [[nodiscard]] bool removed() const { return removed_; }
  // Ends the tunnel, then all that it needs on the laptop.
  void end(const std::string& why) { tunnel_.end(why); }
  io::Task<> stop();

  [[nodiscard]] const std::string& name() const { return login_.run.name; }
  [[nodiscard]] const std::string& pod() const { return pod_; }
  [[nodiscard]] mux::Tunnel& tunnel() { return tunnel_.tunnel(); }
  [[nodiscard]] StatusNow status() const;

 private:
  io::Task<> watch_shadow();
  io::Task<> keep_tunnel();
  void lose(const std::string& why);

  io::Executor executor_;
  Parts parts_;
  cluster::ShadowLogin login_;
  std::string pod_;
  bool removed_ = false;
  cluster::PodTunnel tunnel_;
  std::string why_lost_;  // empty while nothing is
  io::Event lost_;
  io::TaskGroup tasks_;
};

}  // namespace kt::connect
