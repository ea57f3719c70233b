// SPDX-License-Identifier: Apache-2.0
// The tunnel to the shadow's pod, whichever pod that is: a Deployment makes another one when it is
// lost, and a connect that is lost comes again by its user. Requests are held meanwhile, or go to
// the originals where there are any.
#pragma once

#include "cli/terminal.h"
#include "cluster/pod_tunnel.h"
#include "cluster/shadow_pod.h"
#include "io/task_group.h"
#include "kubectl-kt-exchange/front_control.h"
#include "kubectl-kt-exchange/local_ports.h"

#include <list>
#include <string>

namespace kt::exchange {

class Attachment {
 public:
  struct Parts {
    kube::Client& client;  // outlives it, as does whatever is a reference
    FrontControl& front;
    cli::Steps& steps;
    cluster::ShadowPods pods;
    std::uint16_t door_port;
    cluster::PodTunnel::Options tunnel;
    const cluster::Credentials& credentials;
    PortMap ports;
  };
  Attachment(const io::Executor& executor, Parts parts);

  // Waits for the pod; throws as cluster::wait_for_pod().
  io::Task<> find_pod();
  // Throws as PodTunnel::attach().
  io::Task<> attach();
  // Follows the pod to its successors, until cancelled or lost().
  io::Task<> keep();

  // Why there will be no other pod; empty while there may.
  [[nodiscard]] const std::string& lost() const { return lost_; }
  [[nodiscard]] const std::string& address() const { return address_; }  // of the current pod

  io::Task<> stop();

 private:
  io::Task<> use(cluster::PodTunnel& tunnel);
  io::Task<> run(cluster::PodTunnel& tunnel, std::string& why);
  io::Task<> speak_with_front(cluster::PodTunnel& tunnel);
  io::Task<> watch_pod(std::string pod);
  io::Task<bool> attach_again();
  void detach(const std::string& why);

  io::Executor executor_;
  Parts parts_;
  std::string pod_;
  std::string address_;
  std::list<cluster::PodTunnel> tunnels_;  // the last one is the current pod's
  std::string why_detached_;               // from it; empty while attached
  std::string lost_;
  io::TaskGroup tasks_;
};

}  // namespace kt::exchange
