// SPDX-License-Identifier: Apache-2.0
// Everything that CMD sends, from its namespace's TUN to the cluster or to the laptop's network.
#pragma once

#include "kubectl-kt-connect/datagram_flows.h"
#include "kubectl-kt-connect/tcp_flows.h"

namespace kt::connect {

// The descriptors that CMD's namespace gave us.
struct CaptureDescriptors {
  UniqueFd tun;
  UniqueFd listener_v4;
  UniqueFd listener_v6;  // may be empty
};

// What answers it; all outlive the task.
struct CaptureServices {
  const CurrentTunnel& tunnel;
  dns::Forwarder& dns;
  const Routes& routes;
};

// Runs until cancelled.
io::Task<> capture(CaptureDescriptors descriptors, CaptureServices services);

}  // namespace kt::connect
