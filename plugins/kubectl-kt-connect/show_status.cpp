// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/show_status.h"

#include "cli/option_table.h"
#include "cluster/running_connect.h"
#include "kubectl-kt-connect/status.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace kt::connect {
namespace {

using nlohmann::json;

const cli::OptionTable& status_flags() {
  static const cli::OptionTable table(
      {"Shows the connects that run on this laptop: where to, over what, how much.",
       {"# is there one, and does it carry?", "{} status && echo connected"},
       "{} status [-o json|wide]",
       "Exit code 0: connected; 1: none runs, or one has lost its way to the cluster."},
      {{"output", 'o', "json|wide", "How it is printed", "Status", ""},
       {"help", 'h', "", "This text", "Status", ""}});
  return table;
}

std::string output_of(const cli::ParsedOptions& parsed) {
  const std::string& output = parsed.value("output");
  if (!output.empty() && output != "json" && output != "wide") {
    throw Error(ErrorKind::usage, fmt::format("--output '{}': one of json and wide", output));
  }
  return output;
}

std::vector<json> read_all(const std::string& runtime_folder) {
  std::vector<json> statuses;
  for (const std::string& folder : cluster::running_connects(runtime_folder)) {
    const json status = json::parse(cluster::read_status(folder), nullptr, false);
    if (status.is_object()) {  // else it has only just begun
      statuses.push_back(status);
    }
  }
  return statuses;
}

}  // namespace

int show_status(const cli::Invocation& invocation, const std::string& runtime_folder) {
  const cli::ParsedOptions parsed =
      status_flags().parse({invocation.arguments.begin() + 1, invocation.arguments.end()});
  if (parsed.is_on("help")) {
    fmt::print("{}", status_flags().help(invocation.program));
    return cli::done;
  }
  const std::string output = output_of(parsed);
  const std::vector<json> statuses = read_all(runtime_folder);
  if (output == "json") {
    fmt::print("{}\n",
               json{{"items", statuses}}.dump(2, ' ', false, json::error_handler_t::replace));
  } else if (statuses.empty()) {
    fmt::print(stderr, "no connect is running\n");
  } else {
    fmt::print("{}", status_table(statuses, output == "wide", std::chrono::system_clock::now()));
  }
  return !statuses.empty() && std::ranges::all_of(statuses, &is_connected) ? cli::done
                                                                           : cli::failed;
}

}  // namespace kt::connect
