// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/status.h"

#include "cli/table.h"
#include "cli/terminal.h"
#include "kube/json_fields.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <iomanip>
#include <sstream>

namespace kt::connect {
namespace {

using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::system_clock;

std::string rfc3339(system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(system_clock::to_time_t(time)));
}

double milliseconds(io::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string carrier_of(const StatusNow& now, std::uint16_t number) {
  const auto found = std::ranges::find(now.carriers, number, &LinkCarrier::number);
  return found == now.carriers.end() ? "" : found->carrier;
}

json links_json(const StatusNow& now) {
  json links = json::array();
  for (const mux::LinkStatus& link : now.tunnel.links) {
    links.push_back({{"number", link.name.number},
                     {"carrier", carrier_of(now, link.name.number)},
                     {"roundTripMs", milliseconds(link.round_trip)},
                     {"silentMs", milliseconds(now.time - link.last_sign_of_life)},
                     {"bytesIn", link.bytes_in},
                     {"bytesOut", link.bytes_out}});
  }
  return links;
}

json commands_json(const std::vector<JoinedCommand>& joined) {
  json commands = json::array();
  for (const JoinedCommand& one : joined) {
    commands.push_back({{"pid", one.pid}, {"command", one.command}, {"since", rfc3339(one.since)}});
  }
  return commands;
}

// The quickest echo there was: what the way costs, not what a busy link makes of it.
json round_trip(const mux::TunnelStatus& tunnel) {
  io::Duration least = io::Duration::max();
  for (const mux::LinkStatus& link : tunnel.links) {
    least = link.round_trip > io::Duration(0) ? std::min(least, link.round_trip) : least;
  }
  return least == io::Duration::max() ? json() : json(milliseconds(least));
}

std::string duration_since(const std::string& time, system_clock::time_point now) {
  std::tm parts{};
  std::istringstream in(time);
  in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
  if (in.fail()) {
    return {};
  }
  const auto since = system_clock::from_time_t(::timegm(&parts));
  return cli::render_duration(std::max(now - since, system_clock::duration(0)));
}

std::string bytes_at(const json& status, const char* name) {
  const json value = field(status, name);
  return value.is_number_unsigned() ? cli::render_bytes(value.get<unsigned long long>()) : "";
}

std::string joined(const json& list, const char* between) {
  std::vector<std::string> words;
  for (const json& entry : list) {
    words.push_back(entry.is_string() ? entry.get<std::string>() : entry.dump());
  }
  return fmt::format("{}", fmt::join(words, between));
}

std::string carriers_of(const json& status) {
  std::vector<std::string> words;
  for (const json& link : field(status, "links")) {
    const std::string carrier = text_at(link, "carrier");
    if (std::ranges::find(words, carrier) == words.end()) {
      words.push_back(carrier);
    }
  }
  return words.empty() ? "none (lost)" : fmt::format("{}", fmt::join(words, ","));
}

std::string commands_of(const json& status) {
  std::vector<std::string> commands;
  for (const json& one : field(status, "commands")) {
    commands.push_back(joined(field(one, "command"), " "));
  }
  return commands.empty() ? "none (lingers)" : fmt::format("{}", fmt::join(commands, "; "));
}

std::vector<json>::const_iterator same_folder(const std::vector<json>& among, const json& status) {
  return std::ranges::find_if(among, [&](const json& other) {
    return text_at(other, "folder") == text_at(status, "folder");
  });
}

// Echoes go on all the time, so what they change is left out: round trips, silence, their bytes.
json noticeable(const json& status) {
  return {carriers_of(status), field(status, "commands"), field(status, "shadow"),
          field(status, "networks"), field(status, "streamsEver")};
}

cli::Row row_of(const json& status, bool wide, system_clock::time_point now) {
  const json trip = field(status, "roundTripMs");
  cli::Row row = {text_at(status, "context"),
                  text_at(status, "namespace"),
                  text_at(field(status, "shadow"), "job"),
                  carriers_of(status),
                  trip.is_number() ? fmt::format("{:.1f} ms", trip.get<double>()) : "",
                  bytes_at(status, "bytesIn"),
                  bytes_at(status, "bytesOut"),
                  duration_since(text_at(status, "since"), now)};
  if (wide) {
    const json networks = field(status, "networks");
    const json streams = field(status, "streams");
    row.push_back(text_at(status, "user") + "@" + text_at(status, "host"));
    row.push_back(joined(field(networks, "services"), ","));
    row.push_back(joined(field(networks, "pods"), ","));
    row.push_back(streams.dump());
    row.push_back(std::to_string(field(status, "links").size()));
    row.push_back(commands_of(status));
  }
  return row;
}

}  // namespace

json status_json(const StatusFacts& facts, const StatusNow& now) {
  return {
      {"user", facts.user},
      {"host", facts.host},
      {"context", facts.context},
      {"namespace", facts.namespace_},
      {"shadow", {{"job", now.job}, {"pod", now.pod}}},
      {"domain", facts.domain},
      {"folder", facts.folder},
      {"networks",
       {{"services", net::to_strings(facts.networks.services)},
        {"pods", net::to_strings(facts.networks.pods)},
        {"unknown", facts.networks.missing}}},
      {"pid", facts.pid},
      {"commands", commands_json(now.commands)},
      {"since", rfc3339(facts.since)},
      {"roundTripMs", round_trip(now.tunnel)},
      {"bytesIn", now.tunnel.bytes_in},
      {"bytesOut", now.tunnel.bytes_out},
      {"streams", now.tunnel.streams},
      {"streamsEver", now.tunnel.streams_ever},
      {"lostForMs", now.tunnel.without_link_since
                        ? json(milliseconds(now.time - *now.tunnel.without_link_since))
                        : json()},
      {"whyNot", {{"pods/proxy", now.why_not_proxy}, {"port-forward", now.why_not_port_forward}}},
      {"links", links_json(now)}};
}

bool is_connected(const json& status) {
  return !field(status, "links").empty();
}

json status_events(const std::vector<json>& before, const std::vector<json>& now) {
  json events = json::array();
  for (const json& status : before) {
    if (same_folder(now, status) == now.end()) {
      events.push_back({{"type", "DELETED"}, {"object", status}});
    }
  }
  for (const json& status : now) {
    const auto old = same_folder(before, status);
    if (old == before.end()) {
      events.push_back({{"type", "ADDED"}, {"object", status}});
    } else if (noticeable(*old) != noticeable(status)) {
      events.push_back({{"type", "MODIFIED"}, {"object", status}});
    }
  }
  return events;
}

std::string status_table(const std::vector<json>& statuses, bool wide,
                         system_clock::time_point now) {
  std::vector<cli::Row> rows = {
      {"CONTEXT", "NAMESPACE", "SHADOW", "CARRIER", "ROUND TRIP", "IN", "OUT", "SINCE"}};
  if (wide) {
    for (const char* heading : {"WHO", "SERVICES", "PODS", "STREAMS", "LINKS", "COMMANDS"}) {
      rows[0].emplace_back(heading);
    }
  }
  for (const json& status : statuses) {
    rows.push_back(row_of(status, wide, now));
  }
  return cli::table(rows);
}

}  // namespace kt::connect
