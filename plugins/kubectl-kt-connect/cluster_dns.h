// SPDX-License-Identifier: Apache-2.0
// The cluster's nameservers, asked from inside the cluster by the agent. What their answers name is
// the cluster's: the routes learn it.
#pragma once

#include "dns/upstream.h"
#include "kubectl-kt-connect/current_tunnel.h"
#include "kubectl-kt-connect/routes.h"

#include <vector>

namespace kt::connect {

class ClusterDns final : public dns::Upstream {
 public:
  // `nameservers` of the agent's WELCOME. Both references must outlive it.
  ClusterDns(const CurrentTunnel& tunnel, Routes& routes, std::vector<mux::Address> nameservers);

  [[nodiscard]] std::size_t nameserver_count() const override { return nameservers_.size(); }
  io::Task<std::optional<Bytes>> ask(Bytes query, dns::Transport transport,
                                     std::size_t nameserver) override;

 private:
  io::Task<std::optional<Bytes>> ask_udp(Bytes query, mux::Endpoint to);
  io::Task<std::optional<Bytes>> ask_tcp(Bytes query, mux::Endpoint to);
  void learn(BytesView reply);

  const CurrentTunnel& tunnel_;
  Routes& routes_;
  std::vector<mux::Address> nameservers_;
};

}  // namespace kt::connect
