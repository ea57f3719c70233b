// SPDX-License-Identifier: Apache-2.0
// resolv.conf(5): the laptop's is read, the one for CMD's namespace is written.
#pragma once

#include "dns/name.h"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace kt::dns {

struct ResolvConf {
  std::vector<boost::asio::ip::address> nameservers;
  std::vector<Name> search;
  std::vector<std::string> options;  // "ndots:5"
};

// Never fails: lines and words that do not parse are skipped, as every resolver does. The last of
// several `search` or `domain` lines counts.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

// One `nameserver` line each, `search`, `options`, in this order.
[[nodiscard]] std::string resolv_conf_text(const ResolvConf& conf);

// What a pod of `pod_namespace` has, with the laptop's own search domains where a pod has its
// node's: search NS.svc.DOMAIN svc.DOMAIN DOMAIN laptop's…, ndots:5. Throws Error usage when
// `pod_namespace` is no DNS label.
[[nodiscard]] ResolvConf pod_resolv_conf(std::string_view pod_namespace, const Name& cluster_domain,
                                         const ResolvConf& laptop,
                                         boost::asio::ip::address nameserver);

}  // namespace kt::dns
