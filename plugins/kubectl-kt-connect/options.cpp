// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/options.h"

#include "base/error.h"
#include "flags/common.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace kt::connect {
namespace {

using cli::Option;
using cli::ParsedOptions;

std::vector<Option> connect_flags() {
  return {
      {"include", 0, "CIDR", "A further network of the cluster", "Connect", "", true},
      {"exclude", 0, "CIDR", "A network that stays the laptop's", "Connect", "", true},
      {"all", 0, "", "Everything goes through the cluster", "Connect", ""},
      {"publish", 0, "auto|none|PORT[:PORT],…", "CMD's ports on 127.0.0.1", "Connect", "auto"},
      {"linger", 0, "DURATION", "The tunnel outlives CMD", "Connect", "0"},
      {"grace", 0, "DURATION", "Patience with a lost way", "Connect", "2m"},
      {"timeout", 0, "DURATION", "Limit of the start", "Connect", "0"},
      {"dry-run", 0, "none|client|server", "Only print what would be made", "Connect", "none"},
      {"output", 'o', "yaml|json", "How --dry-run prints it", "Connect", "yaml"},
  };
}

std::vector<Option> all_flags() {
  using flags::joined;
  std::vector<Option> all = joined(flags::link_options("Connect"), connect_flags());
  all = joined(std::move(all), flags::talk_options("Connect"));
  all = joined(std::move(all), flags::shadow_options());
  return joined(std::move(all), flags::connection_options());
}

std::vector<net::Prefix> read_prefixes(const ParsedOptions& parsed, std::string_view flag) {
  std::vector<net::Prefix> prefixes;
  for (const std::string& value : parsed.values(flag)) {
    const auto prefix = net::Prefix::parse(value);
    if (!prefix) {
      flags::refuse(flag, value, "not a network like 10.96.0.0/12");
    }
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

PublishRule read_publish(const ParsedOptions& parsed) {
  const std::string& value = parsed.value("publish");
  const auto rule = parse_publish_rule(value);
  if (!rule) {
    flags::refuse("publish", value, "auto, none, or ports like 8080 or 8080:80");
  }
  return *rule;
}

}  // namespace

const std::vector<std::string>& connect_verbs() {
  static const std::vector<std::string> verbs = {"status", "rbac"};
  return verbs;
}

const cli::OptionTable& connect_table() {
  static const cli::OptionTable table(
      {"Runs a program as if it were inside the cluster: its network, its DNS, no root.",
       {"# one request to a service", "{} -- curl http://cart.shop/", "# a shell in the cluster",
        "{} -n shop -- bash", "# what runs; the rights it needs", "{} status", "{} rbac"},
       "{} [flags] -- CMD [ARG…]",
       "kubectl's own connection flags (--context, -n, --kubeconfig, --as, …) work as in kubectl."},
      all_flags());
  return table;
}

std::string tunnel_key(const ConnectOptions& options, const std::string& namespace_) {
  const cluster::ShadowOptions& shadow = options.shadow;
  const auto carrier = options.carrier ? cluster::to_string(*options.carrier) : "auto";
  return nlohmann::json{KT_VERSION,
                        namespace_,
                        carrier,
                        options.links,
                        net::to_strings(options.include),
                        net::to_strings(options.exclude),
                        options.all,
                        shadow.image,
                        shadow.image_pull_policy,
                        shadow.image_pull_secrets,
                        shadow.service_account,
                        shadow.node_selector,
                        shadow.tolerations,
                        shadow.labels,
                        shadow.annotations,
                        shadow.requests,
                        shadow.limits,
                        shadow.grace.count()}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ConnectOptions to_connect_options(const ParsedOptions& parsed, const std::string& default_image) {
  ConnectOptions options;
  options.connection = flags::connection_flags_of(parsed);
  options.shadow = flags::shadow_of(parsed, default_image);
  options.carrier = flags::carrier_of(parsed);
  options.links = flags::links_of(parsed);
  options.include = read_prefixes(parsed, "include");
  options.exclude = read_prefixes(parsed, "exclude");
  options.all = parsed.is_on("all");
  options.linger = flags::duration_of(parsed, "linger", std::chrono::seconds(0));
  options.timeout = flags::duration_of(parsed, "timeout", std::chrono::seconds(0));
  options.publish = read_publish(parsed);
  options.dry_run = flags::dry_run_of(parsed);
  options.output = flags::output_of(parsed);
  options.verbosity = flags::verbosity_of(parsed);
  options.command = parsed.command();
  return options;
}

}  // namespace kt::connect
