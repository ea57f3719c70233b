// SPDX-License-Identifier: Apache-2.0
// TCP connections of CMD: dialled before they are accepted, then relayed.
#pragma once

#include "dns/forwarder.h"
#include "io/task_group.h"
#include "kubectl-kt-connect/far_end.h"
#include "net/redirector.h"
#include "net/tun_device.h"

#include <map>
#include <optional>

namespace kt::connect {

// What every part of the capture works with; all outlive it.
struct CaptureParts {
  net::TunDevice& tun;
  net::Redirector& redirector;
  const CurrentTunnel& tunnel;
  dns::Forwarder& dns;
  const Routes& routes;
  net::Endpoint nameserver;
};

class TcpFlows {
 public:
  TcpFlows(const io::Executor& executor, CaptureParts& parts);

  void connect(const net::ConnectRequest& request);
  void abandon(const net::Abandoned& abandoned);

  // Accepts the redirected connections of one listener, for ever.
  io::Task<> accept(UniqueFd listener);
  io::Task<> stop() { return tasks_.stop(); }

 private:
  using Far = std::optional<FarEnd>;  // nothing: the namespace's nameserver, answered here

  io::Task<> dial(net::ConnectRequest request);
  io::Task<> carry(io::Socket near, Far far, net::FlowId flow);
  void establish(net::FlowId flow, Far far);

  io::Executor executor_;
  CaptureParts& parts_;
  std::map<net::FlowId, Far> dialled_;  // not accepted yet
  io::TaskGroup tasks_;
};

}  // namespace kt::connect
