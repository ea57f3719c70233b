// SPDX-License-Identifier: Apache-2.0
// The cluster as CMD sees it: its networks, its names, and where everything else goes.
#pragma once

#include "dns/client.h"
#include "dns/forwarder.h"
#include "dns/resolv_conf.h"
#include "kubectl-kt-connect/cluster_dns.h"
#include "kubectl-kt-connect/networks.h"
#include "kubectl-kt-connect/options.h"
#include "mux/handshake.h"

#include <string>

namespace kt::connect {

class ClusterView {
 public:
  struct Parts {
    const ConnectOptions& options;
    std::string namespace_;           // whose pods' names are short
    Networks networks;                // as discovered
    mux::Welcome welcome;             // the agent's own view
    dns::ResolvConf laptop_resolver;  // where all other names go
  };
  // The tunnel must outlive stop().
  ClusterView(const io::Executor& executor, const CurrentTunnel& tunnel, Parts parts);

  [[nodiscard]] const Networks& networks() const { return networks_; }
  [[nodiscard]] const Routes& routes() const { return routes_; }
  [[nodiscard]] const dns::Name& domain() const { return domain_; }
  [[nodiscard]] const dns::ResolvConf& resolv_conf() const { return resolv_conf_; }
  [[nodiscard]] dns::Forwarder& dns() { return forwarder_; }

  // Another shadow may stand in another pod network.
  void learn(const mux::Welcome& welcome);
  // A node or pod has come. False when its network is known already.
  bool add_pod_network(const net::Prefix& network);

  io::Task<> stop() { return forwarder_.stop(); }

 private:
  Networks networks_;
  Routes routes_;
  dns::Name domain_;
  dns::ResolvConf resolv_conf_;
  ClusterDns cluster_dns_;
  dns::Client laptop_dns_;
  dns::Forwarder forwarder_;
};

// Pure parts: the domain is the one that the agent's search list shows, else cluster.local.
[[nodiscard]] dns::Name cluster_domain(const mux::Welcome& welcome);
// The shadow's own network, and the nameservers: known even without any right to list.
void add_networks_of(const mux::Welcome& welcome, net::PrefixSet& networks);
[[nodiscard]] Routes make_routes(const ConnectOptions& options, const Networks& networks,
                                 const mux::Welcome& welcome);

}  // namespace kt::connect
