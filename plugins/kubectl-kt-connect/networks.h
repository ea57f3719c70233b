// SPDX-License-Identifier: Apache-2.0
// Which networks are the cluster's, as far as the user's rights let us see.
#pragma once

#include "kube/client.h"
#include "net/prefix.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::connect {

struct Networks {
  std::vector<net::Prefix> services;
  std::vector<net::Prefix> pods;
  bool by_node = false;              // `pods` are what the nodes have, not what pods were seen in
  std::vector<std::string> missing;  // what could not be asked, for status and -v
};

// Services: the ServiceCIDR API, else the answer to an impossible Service (dry run). Pods: the
// nodes, else the networks (/24, /64) of pods seen in `namespace_`. Throws only when the API is
// gone.
io::Task<Networks> discover_networks(kube::Client& client, std::string namespace_);

// Tells of each node's or pod's network, those that are there and those that come, until cancelled:
// nodes' when Networks::by_node and the rights allow to watch them, else pods' in `namespace_`.
// Ends when the rights allow neither. `client` outlives the task.
io::Task<> follow_pod_networks(kube::Client& client, std::string namespace_, bool by_node,
                               std::function<void(const net::Prefix&)> on_network);

// Pure parts.
[[nodiscard]] std::vector<net::Prefix> service_networks(const nlohmann::json& service_cidr_list);
[[nodiscard]] std::vector<net::Prefix> node_networks(const nlohmann::json& node_list);
[[nodiscard]] std::vector<net::Prefix> pod_networks(const nlohmann::json& pod_list);
// "… The range of valid IPs is 10.96.0.0/12" → the prefix.
[[nodiscard]] std::vector<net::Prefix> valid_range(std::string_view server_message);

}  // namespace kt::connect
