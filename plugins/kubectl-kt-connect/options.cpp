// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/options.h"

#include "base/error.h"
#include "kube/client.h"

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
      {"carrier", 0, "auto|proxy|port-forward", "How links reach the cluster", "Connect", "auto"},
      {"links", 0, "N", "Data links beside the first", "Connect", "2"},
      {"include", 0, "CIDR", "A further network of the cluster", "Connect", "", true},
      {"exclude", 0, "CIDR", "A network that stays the laptop's", "Connect", "", true},
      {"all", 0, "", "Everything goes through the cluster", "Connect", ""},
      {"publish", 0, "auto|none|PORT[:PORT],…", "CMD's ports on 127.0.0.1", "Connect", "auto"},
      {"linger", 0, "DURATION", "The tunnel outlives CMD", "Connect", "0"},
      {"grace", 0, "DURATION", "Patience with a lost way", "Connect", "2m"},
      {"timeout", 0, "DURATION", "Limit of the start", "Connect", "0"},
      {"dry-run", 0, "none|client|server", "Only print what would be made", "Connect", "none"},
      {"output", 'o', "yaml|json", "How --dry-run prints it", "Connect", "yaml"},
      {"verbose", 'v', "", "Say more; twice: say everything", "Connect", "", true},
      {"quiet", 'q', "", "Say nothing but warnings and errors", "Connect", ""},
      {"help", 'h', "", "This text", "Connect", ""},
      {"image", 0, "IMAGE", "Its image (default: KT_IMAGE)", "Shadow pod", ""},
      {"image-pull-policy", 0, "POLICY", "Always, IfNotPresent or Never", "Shadow pod", ""},
      {"image-pull-secret", 0, "NAME", "Secret to pull the image with", "Shadow pod", "", true},
      {"service-account", 0, "NAME", "Its service account", "Shadow pod", ""},
      {"node-selector", 0, "KEY=VALUE,…", "Nodes it may run on", "Shadow pod", "", true},
      {"toleration", 0, "KEY[=V][:EFFECT]", "Taints it tolerates", "Shadow pod", "", true},
      {"labels", 0, "KEY=VALUE,…", "Further labels", "Shadow pod", "", true},
      {"annotations", 0, "KEY=VALUE,…", "Further annotations", "Shadow pod", "", true},
      {"requests", 0, "NAME=QUANTITY,…", "Resource requests", "Shadow pod", "", true},
      {"limits", 0, "NAME=QUANTITY,…", "Resource limits", "Shadow pod", "", true},
  };
}

std::vector<Option> all_flags() {
  std::vector<Option> flags = connect_flags();
  const std::vector<Option> connection = connection_options();
  flags.insert(flags.end(), connection.begin(), connection.end());
  return flags;
}

[[noreturn]] void refuse(std::string_view flag, const std::string& value, std::string_view why) {
  throw Error(ErrorKind::usage, fmt::format("--{} '{}': {}", flag, value, why));
}

// "a=1,b=2" of all values of a flag.
void read_pairs(const ParsedOptions& parsed, std::string_view flag,
                std::map<std::string, std::string>& into) {
  for (const std::string& value : parsed.values(flag)) {
    std::size_t at = 0;
    while (at <= value.size()) {
      const std::size_t comma = std::min(value.find(',', at), value.size());
      const std::string pair = value.substr(at, comma - at);
      const std::size_t equals = pair.find('=');
      if (equals == std::string::npos || equals == 0) {
        refuse(flag, value, "not KEY=VALUE");
      }
      into[pair.substr(0, equals)] = pair.substr(equals + 1);
      at = comma + 1;
    }
  }
}

std::vector<net::Prefix> read_prefixes(const ParsedOptions& parsed, std::string_view flag) {
  std::vector<net::Prefix> prefixes;
  for (const std::string& value : parsed.values(flag)) {
    const auto prefix = net::Prefix::parse(value);
    if (!prefix) {
      refuse(flag, value, "not a network like 10.96.0.0/12");
    }
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

std::optional<cluster::Carrier> read_carrier(const ParsedOptions& parsed) {
  constexpr std::array<std::optional<cluster::Carrier>, 3> carriers{
      std::nullopt, cluster::Carrier::proxy, cluster::Carrier::port_forward};
  return carriers.at(parsed.choice("carrier", {"auto", "proxy", "port-forward"}));
}

std::chrono::seconds read_duration(const ParsedOptions& parsed, std::string_view flag,
                                   std::chrono::seconds least) {
  const std::string& value = parsed.value(flag);
  const auto duration = kube::parse_duration(value);
  if (!duration || *duration < least || *duration > std::chrono::hours(24)) {
    refuse(flag, value, fmt::format("a duration from {}s to 24h, like 30s or 2m", least.count()));
  }
  return std::chrono::duration_cast<std::chrono::seconds>(*duration);
}

cluster::ShadowOptions read_shadow(const ParsedOptions& parsed, const std::string& default_image) {
  cluster::ShadowOptions shadow;
  shadow.image = parsed.given("image") ? parsed.value("image") : default_image;
  shadow.image_pull_policy = parsed.value("image-pull-policy");
  shadow.image_pull_secrets = parsed.values("image-pull-secret");
  shadow.service_account = parsed.value("service-account");
  shadow.tolerations = parsed.values("toleration");
  for (const std::string& text : shadow.tolerations) {
    (void)cluster::toleration(text);  // refuses bad ones before anything is created
  }
  read_pairs(parsed, "node-selector", shadow.node_selector);
  read_pairs(parsed, "labels", shadow.labels);
  read_pairs(parsed, "annotations", shadow.annotations);
  read_pairs(parsed, "requests", shadow.requests);
  read_pairs(parsed, "limits", shadow.limits);
  shadow.grace = read_duration(parsed, "grace", std::chrono::seconds(1));
  return shadow;
}

PublishRule read_publish(const ParsedOptions& parsed) {
  const std::string& value = parsed.value("publish");
  const auto rule = parse_publish_rule(value);
  if (!rule) {
    refuse("publish", value, "auto, none, or ports like 8080 or 8080:80");
  }
  return *rule;
}

log::Level read_verbosity(const ParsedOptions& parsed) {
  if (parsed.is_on("quiet")) {
    return log::Level::warn;
  }
  const std::size_t count = parsed.count("verbose");
  return count == 0 ? log::Level::info : count == 1 ? log::Level::debug : log::Level::trace;
}

}  // namespace

std::vector<Option> connection_options() {
  std::vector<Option> flags;
  for (const kube::ConnectionFlag& flag : kube::connection_flags()) {
    // kubectl's own help has the words; here they would fill the screen.
    flags.push_back({std::string(flag.name), flag.short_name, flag.takes_value ? "VALUE" : "",
                     std::string(flag.help), "", "", flag.repeatable});
  }
  return flags;
}

kube::ConnectionFlags connection_flags_of(const ParsedOptions& parsed) {
  kube::ConnectionFlags flags;
  for (const kube::ConnectionFlag& flag : kube::connection_flags()) {
    for (const std::string& value : parsed.values(flag.name)) {
      flags.add(std::string(flag.name), value);
    }
  }
  return flags;
}

Output output_of(const ParsedOptions& parsed) {
  return static_cast<Output>(parsed.choice("output", {"yaml", "json"}));
}

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
  options.connection = connection_flags_of(parsed);
  options.shadow = read_shadow(parsed, default_image);
  options.carrier = read_carrier(parsed);
  options.links = static_cast<int>(parsed.number("links", 0, 8));
  options.include = read_prefixes(parsed, "include");
  options.exclude = read_prefixes(parsed, "exclude");
  options.all = parsed.is_on("all");
  options.linger = read_duration(parsed, "linger", std::chrono::seconds(0));
  options.timeout = read_duration(parsed, "timeout", std::chrono::seconds(0));
  options.publish = read_publish(parsed);
  options.dry_run = static_cast<DryRun>(parsed.choice("dry-run", {"none", "client", "server"}));
  options.output = output_of(parsed);
  options.verbosity = read_verbosity(parsed);
  options.command = parsed.command();
  return options;
}

}  // namespace kt::connect
