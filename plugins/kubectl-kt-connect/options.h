// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.h"
#include "cli/option_table.h"
#include "cluster/carrier.h"
#include "cluster/shadow.h"
#include "flags/common.h"
#include "kubectl-kt-connect/published_ports.h"
#include "net/prefix.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace kt::connect {

using flags::DryRun;
using flags::Output;

// What was asked for, as a value.
struct ConnectOptions {
  kube::ConnectionFlags connection;
  cluster::ShadowOptions shadow;
  std::optional<cluster::Carrier> carrier;  // nothing = race
  int links = 2;                            // data links beside link 0
  std::vector<net::Prefix> include;
  std::vector<net::Prefix> exclude;
  bool all = false;
  std::chrono::seconds linger{0};   // how long the tunnel outlives CMD
  std::chrono::seconds timeout{0};  // of the start, until CMD may run; 0 = none
  PublishRule publish;
  DryRun dry_run = DryRun::none;
  Output output = Output::yaml;  // of the dry run
  log::Level verbosity = log::Level::info;
  std::vector<std::string> command;
};

[[nodiscard]] const cli::OptionTable& connect_table();

// Words that may stand first instead of flags: "status", …
[[nodiscard]] const std::vector<std::string>& connect_verbs();

// Names what the options make: two commands of the same key can share one tunnel.
[[nodiscard]] std::string tunnel_key(const ConnectOptions& options, const std::string& namespace_);

// `default_image` is KT_IMAGE or the released one. Throws Error usage.
[[nodiscard]] ConnectOptions to_connect_options(const cli::ParsedOptions& parsed,
                                                const std::string& default_image);

}  // namespace kt::connect
