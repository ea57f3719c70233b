// SPDX-License-Identifier: Apache-2.0
// What the command lines of several plugins have in common, and how it is read. All throw Error
// usage.
#pragma once

#include "base/log.h"
#include "cli/option_table.h"
#include "cluster/carrier.h"
#include "cluster/shadow.h"
#include "kube/connection_flags.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::flags {

enum class Output { yaml, json };            // in the order of --output's words
enum class DryRun { none, client, server };  // of --dry-run's

// kubectl's own connection flags, for every verb's table, and back.
[[nodiscard]] std::vector<cli::Option> connection_options();
[[nodiscard]] kube::ConnectionFlags connection_flags_of(const cli::ParsedOptions& parsed);

// --carrier and --links, under the heading `topic`.
[[nodiscard]] std::vector<cli::Option> link_options(const std::string& topic);
[[nodiscard]] std::optional<cluster::Carrier> carrier_of(const cli::ParsedOptions& parsed);
[[nodiscard]] int links_of(const cli::ParsedOptions& parsed);

// What a user may say about the shadow pod. `default_image` is KT_IMAGE or the released one.
[[nodiscard]] std::vector<cli::Option> shadow_options();
[[nodiscard]] cluster::ShadowOptions shadow_of(const cli::ParsedOptions& parsed,
                                               const std::string& default_image);

// -v, -q and -h, under the heading `topic`.
[[nodiscard]] std::vector<cli::Option> talk_options(const std::string& topic);
[[nodiscard]] log::Level verbosity_of(const cli::ParsedOptions& parsed);

// "30s", "2m", from `least` to 24 hours.
[[nodiscard]] std::chrono::seconds duration_of(const cli::ParsedOptions& parsed,
                                               std::string_view flag, std::chrono::seconds least);
[[nodiscard]] Output output_of(const cli::ParsedOptions& parsed);
[[nodiscard]] DryRun dry_run_of(const cli::ParsedOptions& parsed);

// "--flag 'value': why".
[[noreturn]] void refuse(std::string_view flag, const std::string& value, std::string_view why);

// `first`, then `more`.
[[nodiscard]] std::vector<cli::Option> joined(std::vector<cli::Option> first,
                                              const std::vector<cli::Option>& more);

}  // namespace kt::flags
