// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.h"
#include "cli/option_table.h"
#include "cluster/carrier.h"
#include "cluster/shadow.h"
#include "kube/connection_flags.h"
#include "net/prefix.h"

#include <optional>
#include <string>
#include <vector>

namespace kt::connect {

// What was asked for, as a value.
struct ConnectOptions {
  kube::ConnectionFlags connection;
  cluster::ShadowOptions shadow;
  std::optional<cluster::Carrier> carrier;  // nothing = race
  int links = 2;                            // data links beside link 0
  std::vector<net::Prefix> include;
  std::vector<net::Prefix> exclude;
  bool all = false;
  log::Level verbosity = log::Level::info;
  std::vector<std::string> command;
};

[[nodiscard]] const cli::OptionTable& connect_table();

// kubectl's own connection flags, for every verb's table, and back.
[[nodiscard]] std::vector<cli::Option> connection_options();
[[nodiscard]] kube::ConnectionFlags connection_flags_of(const cli::ParsedOptions& parsed);

// `default_image` is KT_IMAGE or the released one. Throws Error usage.
[[nodiscard]] ConnectOptions to_connect_options(const cli::ParsedOptions& parsed,
                                                const std::string& default_image);

}  // namespace kt::connect
