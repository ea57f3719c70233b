// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/networks.h"

#include "base/log.h"
#include "kube/api_error.h"
#include "kube/json_fields.h"
#include "kube/watch.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace kt::connect {
namespace {

using io::Task;
using kube::field;
using nlohmann::json;

// A pod network seen through one pod: the usual size of a node's share.
constexpr int seen_length_v4 = 24;
constexpr int seen_length_v6 = 64;

void add_text(std::vector<net::Prefix>& to, const json& value) {
  const auto prefix =
      value.is_string() ? net::Prefix::parse(value.get<std::string>()) : std::nullopt;
  if (prefix) {
    to.push_back(*prefix);
  }
}

void add_networks_of_node(std::vector<net::Prefix>& to, const json& node) {
  for (const json& cidr : field(field(node, "spec"), "podCIDRs")) {
    add_text(to, cidr);
  }
}

void add_networks_of_pod(std::vector<net::Prefix>& to, const json& pod) {
  if (field(field(pod, "spec"), "hostNetwork") == json(true)) {
    return;
  }
  for (const json& entry : field(field(pod, "status"), "podIPs")) {
    const json ip = field(entry, "ip");
    const auto address =
        ip.is_string() ? net::IpAddress::parse(ip.get<std::string>()) : std::nullopt;
    if (address) {
      to.emplace_back(*address, address->is_v6() ? seen_length_v6 : seen_length_v4);
    }
  }
}

json items(const json& list) {
  return list.is_object() ? list.value("items", json::array()) : json::array();
}

struct ImpossibleAddress {
  const char* family;
  const char* address;
};

// That no Service can have (RFC 5737, RFC 3849), so that the server tells which it could.
constexpr std::array<ImpossibleAddress, 2> impossible_addresses{
    {{"IPv4", "192.0.2.255"}, {"IPv6", "2001:db8::ffff"}}};

json impossible_service(const ImpossibleAddress& impossible) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"generateName", "kt-probe-"}}},
          {"spec",
           {{"clusterIP", impossible.address},
            {"ipFamilies", {impossible.family}},
            {"ports", {{{"port", 80}}}}}}};
}

// A family that the cluster has not gives no range.
Task<std::vector<net::Prefix>> probe_service_networks(kube::Client& client,
                                                      std::string namespace_) {
  std::vector<net::Prefix> networks;
  for (const ImpossibleAddress& impossible : impossible_addresses) {
    try {
      co_await client.create(kube::services, namespace_, impossible_service(impossible),
                             kube::DryRun::server);
    } catch (const kube::ApiError& e) {
      const std::vector<net::Prefix> range = valid_range(e.server_message());
      networks.insert(networks.end(), range.begin(), range.end());
    }
  }
  co_return networks;
}

// nullopt and a line in `missing` when the rights do not allow it, or the API lacks it.
Task<std::optional<json>> list_if_allowed(kube::Client& client, kube::Resource resource,
                                          std::string namespace_, Networks& networks) {
  try {
    co_return co_await client.list(resource, std::move(namespace_));
  } catch (const kube::ApiError& e) {
    networks.missing.push_back(fmt::format("list {}: {}", resource.plural, e.server_message()));
  }
  co_return std::nullopt;
}

using AddNetworks = void (*)(std::vector<net::Prefix>& to, const json& object);

// True when the rights allow it.
Task<bool> follow(kube::Client& client, kube::WatchScope scope, AddNetworks add,
                  const std::function<void(const net::Prefix&)>& on_network) {
  try {
    co_await kube::watch(client, std::move(scope), [&](kube::Change change, const json& object) {
      std::vector<net::Prefix> networks;
      if (change == kube::Change::set) {
        add(networks, object);
      }
      std::ranges::for_each(networks, on_network);
      return kube::Watching::go_on;
    });
  } catch (const kube::ApiError& e) {
    log::debug("networks", "{}", e.message());
    co_return false;
  }
  co_return true;
}

}  // namespace

std::vector<net::Prefix> service_networks(const json& service_cidr_list) {
  std::vector<net::Prefix> networks;
  for (const json& item : items(service_cidr_list)) {
    for (const json& cidr : field(field(item, "spec"), "cidrs")) {
      add_text(networks, cidr);
    }
  }
  return networks;
}

std::vector<net::Prefix> node_networks(const json& node_list) {
  std::vector<net::Prefix> networks;
  for (const json& item : items(node_list)) {
    add_networks_of_node(networks, item);
  }
  return networks;
}

std::vector<net::Prefix> pod_networks(const json& pod_list) {
  std::vector<net::Prefix> all;
  for (const json& item : items(pod_list)) {
    add_networks_of_pod(all, item);
  }
  net::PrefixSet seen;
  std::ranges::for_each(all, [&](const net::Prefix& prefix) { seen.add(prefix); });
  return seen.prefixes();
}

std::vector<net::Prefix> valid_range(std::string_view server_message) {
  constexpr std::string_view words = "range of valid IPs is ";
  const std::size_t at = server_message.find(words);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = server_message.substr(at + words.size());
  const auto prefix =
      net::Prefix::parse(rest.substr(0, rest.find_first_not_of("0123456789abcdef.:/")));
  return prefix ? std::vector{*prefix} : std::vector<net::Prefix>{};
}

Task<> follow_pod_networks(kube::Client& client, std::string namespace_, bool by_node,
                           std::function<void(const net::Prefix&)> on_network) {
  if (by_node &&
      co_await follow(client, {kube::nodes, {}, {}}, &add_networks_of_node, on_network)) {
    co_return;
  }
  co_await follow(client, {kube::pods, std::move(namespace_), {}}, &add_networks_of_pod,
                  on_network);
}

Task<Networks> discover_networks(kube::Client& client, std::string namespace_) {
  Networks networks;
  const auto cidrs = co_await list_if_allowed(client, kube::service_cidrs, {}, networks);
  if (cidrs) {
    networks.services = service_networks(*cidrs);
  }
  if (networks.services.empty()) {
    networks.services = co_await probe_service_networks(client, namespace_);
  }
  const auto nodes = co_await list_if_allowed(client, kube::nodes, {}, networks);
  if (nodes) {
    networks.pods = node_networks(*nodes);
    networks.by_node = !networks.pods.empty();
  }
  if (!networks.by_node) {
    const auto pods = co_await list_if_allowed(client, kube::pods, namespace_, networks);
    networks.pods = pods ? pod_networks(*pods) : std::vector<net::Prefix>{};
  }
  co_return networks;
}

}  // namespace kt::connect
