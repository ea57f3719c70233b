// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/options.h"

#include "base/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace kt::exchange {
namespace {

using cli::Option;
using cli::ParsedOptions;
using std::chrono::seconds;

std::vector<Option> exchange_flags() {
  return {
      {"mode", 0, "scale|selector", "scale: the originals go to 0", "Exchange", "scale"},
      {"hold", 0, "DURATION", "Patience with a local program that refuses", "Exchange", "5s"},
      {"grace", 0, "DURATION", "Patience with a lost way", "Exchange", "30s"},
      {"timeout", 0, "DURATION", "Limit of the start", "Exchange", "0"},
  };
}

std::vector<Option> all_flags() {
  using flags::joined;
  std::vector<Option> all = joined(exchange_flags(), flags::link_options("Exchange"));
  all = joined(std::move(all), flags::talk_options("Exchange"));
  all = joined(std::move(all), flags::shadow_options());
  return joined(std::move(all), flags::connection_options());
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number > 0 && number < 65536 ? std::optional(static_cast<std::uint16_t>(number))
                                               : std::nullopt;
}

PortWords port_words(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string local = text.substr(0, colon);
  const std::string remote = colon == std::string::npos ? local : text.substr(colon + 1);
  const auto number = port_number(local);
  if (!number || remote.empty()) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is no port: want LOCAL or LOCAL:REMOTE", text),
                "8080, 8080:80 or 8080:http");
  }
  return {*number, remote};
}

std::string list(const std::vector<ContainerPort>& ports) {
  std::vector<std::string> texts;
  for (const ContainerPort& port : ports) {
    texts.push_back(port.name.empty() ? fmt::format("{}", port.number)
                                      : fmt::format("{} ({})", port.number, port.name));
  }
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

ContainerPort find_port(const std::string& remote, const Workload& workload) {
  const std::vector<ContainerPort> ports = workload.tcp_ports();
  const auto number = port_number(remote);
  for (const ContainerPort& port : ports) {
    if (port.name == remote || port.number == number) {
      return port;
    }
  }
  if (number && ports.empty()) {
    return {*number, {}};  // Kubernetes does not ask for a list
  }
  for (const ContainerPort& port : workload.other_ports()) {
    if (port.name == remote || port.number == number) {
      throw Error(ErrorKind::usage, fmt::format("port {} of {} is not TCP: only TCP is exchanged",
                                                remote, workload.title()));
    }
  }
  throw Error(ErrorKind::usage, fmt::format("{} has no port {}", workload.title(), remote),
              "its ports: " + list(ports));
}

}  // namespace

const cli::OptionTable& exchange_table() {
  static const cli::OptionTable table(
      {"A workload of the cluster is answered by this laptop; at the end everything is as it was.",
       {"# requests to deployment foo reach local port 8080", "{} deploy/foo 8080:80",
        "# beside the originals, which keep their replicas", "{} foo 8080:http --mode selector",
        "# who exchanges what; put back what a crash left", "{} list", "{} restore deploy/foo"},
       "{} TYPE/NAME [LOCAL[:REMOTE]]… [flags]",
       "It stands on a running kt-connect to the same cluster. kubectl's own connection flags work "
       "as "
       "in kubectl."},
      all_flags());
  return table;
}

WorkloadName workload_name(std::vector<std::string>& words) {
  if (words.empty()) {
    throw Error(ErrorKind::usage, "which workload?", "deploy/NAME, sts/NAME, svc/NAME or NAME");
  }
  const std::string first = words.front();
  words.erase(words.begin());
  const std::size_t slash = first.find('/');
  WorkloadName name;
  if (slash != std::string::npos) {
    name = {first.substr(0, slash), first.substr(slash + 1)};
  } else if (!words.empty() && (resource_of(first) || is_service_type(first))) {
    name = {first, words.front()};
    words.erase(words.begin());
  } else {
    name = {"", first};
  }
  if (name.name.empty() || (slash != std::string::npos && name.type.empty())) {
    throw Error(ErrorKind::usage, fmt::format("'{}' names no workload", first), "deploy/NAME");
  }
  return name;
}

ExchangeOptions to_exchange_options(const ParsedOptions& parsed, const std::string& default_image) {
  ExchangeOptions options;
  options.connection = flags::connection_flags_of(parsed);
  options.shadow = flags::shadow_of(parsed, default_image);
  options.carrier = flags::carrier_of(parsed);
  options.links = flags::links_of(parsed);
  options.scales = parsed.choice("mode", {"scale", "selector"}) == 0;
  options.hold = flags::duration_of(parsed, "hold", seconds(0));
  options.timeout = flags::duration_of(parsed, "timeout", seconds(0));
  options.verbosity = flags::verbosity_of(parsed);
  std::vector<std::string> words = parsed.words();
  options.workload = workload_name(words);
  std::ranges::transform(words, std::back_inserter(options.ports), port_words);
  return options;
}

MappedPorts map_ports(const std::vector<PortWords>& words, const Workload& workload) {
  MappedPorts mapped;
  const auto add = [&](const ContainerPort& port, std::uint16_t local) {
    if (!mapped.local.emplace(port.number, local).second) {
      throw Error(ErrorKind::usage, fmt::format("port {} is named twice", port.number));
    }
    mapped.front.push_back({port.number, port.name});
  };
  for (const PortWords& word : words) {
    add(find_port(word.remote, workload), word.local);
  }
  if (words.empty()) {
    for (const ContainerPort& port : workload.tcp_ports()) {
      add(port, port.number);
    }
  }
  if (mapped.local.empty()) {
    throw Error(ErrorKind::usage, workload.title() + " lists no TCP port",
                "name it: LOCAL:REMOTE, like 8080:80");
  }
  return mapped;
}

}  // namespace kt::exchange
