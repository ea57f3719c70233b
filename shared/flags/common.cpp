// SPDX-License-Identifier: Apache-2.0
#include "flags/common.h"

#include "base/error.h"
#include "kube/client.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace kt::flags {
namespace {

using cli::Option;
using cli::ParsedOptions;

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

}  // namespace

void refuse(std::string_view flag, const std::string& value, std::string_view why) {
  throw Error(ErrorKind::usage, fmt::format("--{} '{}': {}", flag, value, why));
}

std::vector<Option> joined(std::vector<Option> first, const std::vector<Option>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

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

std::vector<Option> link_options(const std::string& topic) {
  return {
      {"carrier", 0, "auto|proxy|port-forward", "How links reach the cluster", topic, "auto"},
      {"links", 0, "N", "Data links beside the first", topic, "2"},
  };
}

std::optional<cluster::Carrier> carrier_of(const ParsedOptions& parsed) {
  constexpr std::array<std::optional<cluster::Carrier>, 3> carriers{
      std::nullopt, cluster::Carrier::proxy, cluster::Carrier::port_forward};
  return carriers.at(parsed.choice("carrier", {"auto", "proxy", "port-forward"}));
}

int links_of(const ParsedOptions& parsed) {
  return static_cast<int>(parsed.number("links", 0, 8));
}

std::vector<Option> shadow_options() {
  return {
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

cluster::ShadowOptions shadow_of(const ParsedOptions& parsed, const std::string& default_image) {
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
  shadow.grace = duration_of(parsed, "grace", std::chrono::seconds(1));
  return shadow;
}

std::vector<Option> talk_options(const std::string& topic) {
  return {
      {"verbose", 'v', "", "Say more; twice: say everything", topic, "", true},
      {"quiet", 'q', "", "Say nothing but warnings and errors", topic, ""},
      {"help", 'h', "", "This text", topic, ""},
  };
}

log::Level verbosity_of(const ParsedOptions& parsed) {
  if (parsed.is_on("quiet")) {
    return log::Level::warn;
  }
  const std::size_t count = parsed.count("verbose");
  return count == 0 ? log::Level::info : count == 1 ? log::Level::debug : log::Level::trace;
}

std::chrono::seconds duration_of(const ParsedOptions& parsed, std::string_view flag,
                                 std::chrono::seconds least) {
  const std::string& value = parsed.value(flag);
  const auto duration = kube::parse_duration(value);
  if (!duration || *duration < least || *duration > std::chrono::hours(24)) {
    refuse(flag, value, fmt::format("a duration from {}s to 24h, like 30s or 2m", least.count()));
  }
  return std::chrono::duration_cast<std::chrono::seconds>(*duration);
}

Output output_of(const ParsedOptions& parsed) {
  return static_cast<Output>(parsed.choice("output", {"yaml", "json"}));
}

DryRun dry_run_of(const ParsedOptions& parsed) {
  return static_cast<DryRun>(parsed.choice("dry-run", {"none", "client", "server"}));
}

}  // namespace kt::flags
