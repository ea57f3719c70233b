// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/exchange_shadow.h"
#include "flags/common.h"
#include "kubectl-kt-exchange/local_ports.h"
#include "kubectl-kt-exchange/workload.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace kt::exchange {

// LOCAL[:REMOTE] as typed; the remote one may be a name of the workload's.
struct PortWords {
  std::uint16_t local = 0;
  std::string remote;

  friend bool operator==(const PortWords&, const PortWords&) = default;
};

// What was asked for, as a value.
struct ExchangeOptions {
  kube::ConnectionFlags connection;
  cluster::ShadowOptions shadow;
  std::optional<cluster::Carrier> carrier;  // nothing = race
  int links = 2;
  WorkloadName workload;
  std::vector<PortWords> ports;     // empty: every port of the workload to the same local one
  bool scales = true;               // --mode scale
  std::chrono::seconds hold{5};     // how long a connection waits while the local program refuses
  std::chrono::seconds timeout{0};  // of the start; 0 = none
  log::Level verbosity = log::Level::info;
};

[[nodiscard]] const cli::OptionTable& exchange_table();

// Throws Error usage.
[[nodiscard]] ExchangeOptions to_exchange_options(const cli::ParsedOptions& parsed,
                                                  const std::string& default_image);

// `words` of the command line → workload and ports. Throws Error usage.
[[nodiscard]] WorkloadName workload_name(std::vector<std::string>& words);

struct MappedPorts {
  PortMap local;                          // port of the workload → local port
  std::vector<cluster::FrontPort> front;  // the front listens on
};
// Throws Error usage when the workload has no such port (lists those that it has), or none at all.
[[nodiscard]] MappedPorts map_ports(const std::vector<PortWords>& words, const Workload& workload);

}  // namespace kt::exchange
