// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/cluster_view.h"

#include "dns/split.h"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace kt::connect {
namespace {

dns::SplitConfig split_config(const dns::Name& domain, const Routes& routes) {
  dns::SplitConfig split;
  split.cluster_domain = domain;
  for (const net::Prefix& prefix : routes.cluster.prefixes()) {
    split.networks.push_back({io::asio::ip::make_address(prefix.address().to_string()),
                              static_cast<unsigned>(prefix.length())});
  }
  return split;
}

std::vector<dns::OwnName> own_names() {
  return {{*dns::Name::from_text(CaptureAddresses::laptop_name),
           io::asio::ip::make_address(CaptureAddresses::laptop)}};
}

}  // namespace

dns::Name cluster_domain(const mux::Welcome& welcome) {
  std::vector<dns::Name> search;
  for (const std::string& text : welcome.search) {
    if (const auto name = dns::Name::from_text(text)) {
      search.push_back(*name);
    }
  }
  const auto domain = dns::cluster_domain_of(search);
  return domain ? *domain : *dns::Name::from_text("cluster.local");
}

void add_networks_of(const mux::Welcome& welcome, net::PrefixSet& networks) {
  for (const mux::Address& address : welcome.pod_addresses) {
    networks.add(net::Prefix(to_net(address), address.is_v6() ? 64 : 24));
  }
  for (const mux::Address& address : welcome.nameservers) {
    networks.add(net::Prefix(to_net(address), address.is_v6() ? 128 : 32));
  }
}

Routes make_routes(const ConnectOptions& options, const Networks& networks,
                   const mux::Welcome& welcome) {
  Routes routes;
  routes.all = options.all;
  routes.excluded = net::PrefixSet(options.exclude);
  for (const auto* prefixes : {&networks.services, &networks.pods, &options.include}) {
    std::ranges::for_each(*prefixes, [&](const net::Prefix& p) { routes.cluster.add(p); });
  }
  add_networks_of(welcome, routes.cluster);
  return routes;
}

void ClusterView::learn(const mux::Welcome& welcome) {
  add_networks_of(welcome, routes_.cluster);
}

bool ClusterView::add_pod_network(const net::Prefix& network) {
  const auto covers = [&](const net::Prefix& known) { return known.contains(network); };
  if (std::ranges::any_of(routes_.cluster.prefixes(), covers)) {
    return false;
  }
  networks_.pods.push_back(network);
  routes_.cluster.add(network);
  forwarder_.set_split(split_config(domain_, routes_));
  return true;
}

ClusterView::ClusterView(const io::Executor& executor, const CurrentTunnel& tunnel, Parts parts)
    : networks_(std::move(parts.networks)),
      routes_(make_routes(parts.options, networks_, parts.welcome)),
      domain_(cluster_domain(parts.welcome)),
      resolv_conf_(dns::pod_resolv_conf(parts.namespace_, domain_, parts.laptop_resolver,
                                        io::asio::ip::make_address(CaptureAddresses::nameserver))),
      cluster_dns_(tunnel, routes_, parts.welcome.nameservers),
      laptop_dns_(parts.laptop_resolver),
      forwarder_(executor, {split_config(domain_, routes_), dns::system_random_id, {}, own_names()},
                 cluster_dns_, laptop_dns_) {}

}  // namespace kt::connect
