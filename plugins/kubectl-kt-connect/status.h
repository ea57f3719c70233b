// SPDX-License-Identifier: Apache-2.0
// What is true now of a running connect: written into its status.json by the one, read and printed
// by `kubectl kt-connect status`. Pure.
#pragma once

#include "kubectl-kt-connect/networks.h"
#include "mux/tunnel.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace kt::connect {

// What does not change during a run.
struct StatusFacts {
  std::string user;  // of the laptop
  std::string host;
  std::string context;
  std::string namespace_;
  std::string domain;
  std::string folder;
  int pid = 0;  // of the process that holds the tunnel
  Networks networks;
  std::chrono::system_clock::time_point since;
};

struct LinkCarrier {
  std::uint16_t number = 0;
  std::string carrier;  // "pods/proxy", "port-forward"
};

// Who uses the tunnel.
struct JoinedCommand {
  int pid = 0;  // of the kubectl-kt-connect that runs it
  std::vector<std::string> command;
  std::chrono::system_clock::time_point since;
};

// What does.
struct StatusNow {
  std::string job;
  std::string pod;
  mux::TunnelStatus tunnel;
  std::vector<LinkCarrier> carriers;  // of the links that carry
  std::string why_not_proxy;          // empty when nothing is known against it
  std::string why_not_port_forward;
  std::vector<JoinedCommand> commands;
  io::TimePoint time;
};

// One object; times in RFC 3339, durations in milliseconds. docs/status.md names the fields.
[[nodiscard]] nlohmann::json status_json(const StatusFacts& facts, const StatusNow& now);

// False while no link carries: open connections wait, new ones too.
[[nodiscard]] bool is_connected(const nlohmann::json& status);

// What a watcher is told between two looks, in the words of Kubernetes' own watches: a list of
// {"type": "ADDED" | "MODIFIED" | "DELETED", "object": status}. A change is what a person would
// notice, not each echo.
[[nodiscard]] nlohmann::json status_events(const std::vector<nlohmann::json>& before,
                                           const std::vector<nlohmann::json>& now);

// `statuses` as status_json() made them, or something foreign: what is missing is <none>.
[[nodiscard]] std::string status_table(const std::vector<nlohmann::json>& statuses, bool wide,
                                       std::chrono::system_clock::time_point now);

}  // namespace kt::connect
