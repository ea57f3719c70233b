// SPDX-License-Identifier: Apache-2.0
// Which side a name belongs to: the cluster's DNS or the laptop's resolver. Pure.
//
// Two rules hold whatever is configured: a name under a cluster domain never goes to the laptop's
// resolver, and a name that nobody claimed for the cluster never goes to the cluster. Short names
// need no rule here: the client expands them by resolv.conf's search list, as in a pod.
#pragma once

#include "dns/message.h"
#include "dns/name.h"

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::dns {

enum class Side { cluster, laptop };
[[nodiscard]] std::string to_text(Side side);

// Addresses whose first `length` bits are those of `address`; length 0 to 32 or 128.
struct AddressPrefix {
  boost::asio::ip::address address;
  unsigned length = 0;
};

struct SplitConfig {
  Name cluster_domain;                  // cluster.local
  std::vector<AddressPrefix> networks;  // the cluster's: PTR questions about them are its own
  std::vector<Name> include;  // further suffixes for the cluster; the root means all names
  std::vector<Name> exclude;  // suffixes for the laptop: wins over `include`, `networks` and
                              // NAME.NS.svc, never over `cluster_domain`
};

// In this order: under `cluster_domain` → cluster; `exclude` → laptop; `include` → cluster; a
// reverse name (RFC 1035 §3.5, RFC 3596 §2.5) wholly inside one of `networks` → cluster;
// NAME.NAMESPACE.svc and deeper (svc is no top-level domain) → cluster; else → laptop.
[[nodiscard]] Side side_of(const SplitConfig& config, const Name& name);

// The cluster's domain, taken from a pod's search list: what follows the entry's first label `svc`;
// nullopt when there is no such entry (dnsPolicy Default or None).
[[nodiscard]] std::optional<Name> cluster_domain_of(const std::vector<Name>& pod_search);

}  // namespace kt::dns
