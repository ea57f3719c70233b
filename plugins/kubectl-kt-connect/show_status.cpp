// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/show_status.h"

#include "cli/option_table.h"
#include "cluster/running_connect.h"
#include "kube/yaml.h"
#include "kubectl-kt-connect/status.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace kt::connect {
namespace {

using nlohmann::json;

// A running connect writes its own once a second.
constexpr std::chrono::seconds look_every{1};

enum class Form { json, yaml, wide, table };  // the first three in the order of --output's words

const cli::OptionTable& status_flags() {
  static const cli::OptionTable table(
      {"Shows the connects that run on this laptop: where to, over what, how much.",
       {"# is there one, and does it carry?", "{} status && echo connected"},
       "{} status [-o json|yaml|wide] [-w]",
       "Exit code 0: connected; 1: none runs, or one has lost its way to the cluster."},
      {{"output", 'o', "json|yaml|wide", "How it is printed", "Status", ""},
       {"watch", 'w', "", "Print what changes, until interrupted", "Status", ""},
       {"help", 'h', "", "This text", "Status", ""}});
  return table;
}

Form form_of(const cli::ParsedOptions& parsed) {
  return !parsed.value("output").empty()
             ? static_cast<Form>(parsed.choice("output", {"json", "yaml", "wide"}))
             : Form::table;
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

void print_once(const std::vector<json>& statuses, Form form) {
  const json document = {{"items", statuses}};
  if (form == Form::json) {
    fmt::print("{}\n", document.dump(2, ' ', false, json::error_handler_t::replace));
  } else if (form == Form::yaml) {
    fmt::print("{}", kube::to_yaml(document));
  } else if (statuses.empty()) {
    fmt::print(stderr, "no connect is running\n");
  } else {
    fmt::print("{}", status_table(statuses, form == Form::wide, std::chrono::system_clock::now()));
  }
}

void print_events(const json& events, Form form, bool& headed) {
  std::vector<json> rows;
  for (const json& event : events) {
    if (form == Form::json) {
      fmt::print("{}\n", event.dump(-1, ' ', false, json::error_handler_t::replace));
    } else if (form == Form::yaml) {
      fmt::print("---\n{}", kube::to_yaml(event));
    } else if (event["type"] != "DELETED") {
      rows.push_back(event["object"]);
    }
  }
  if (!rows.empty()) {
    const std::string table =
        status_table(rows, form == Form::wide, std::chrono::system_clock::now());
    fmt::print("{}", headed ? table.substr(table.find('\n') + 1) : table);
    headed = true;
  }
  (void)std::fflush(stdout);  // whoever reads the other end of a pipe waits for it
}

io::Task<> print_changes(std::string runtime_folder, Form form) {
  std::vector<json> before;
  bool headed = false;
  while (true) {
    const std::vector<json> now = read_all(runtime_folder);
    print_events(status_events(before, now), form, headed);
    before = now;
    co_await io::sleep_for(look_every);
  }
}

}  // namespace

io::Task<int> show_status(cli::Invocation invocation, std::string runtime_folder) {
  const cli::ParsedOptions parsed =
      status_flags().parse({invocation.arguments.begin() + 1, invocation.arguments.end()});
  if (parsed.is_on("help")) {
    fmt::print("{}", status_flags().help(invocation.program));
    co_return cli::done;
  }
  const Form form = form_of(parsed);
  if (parsed.is_on("watch")) {
    co_await print_changes(runtime_folder, form);
  }
  const std::vector<json> statuses = read_all(runtime_folder);
  print_once(statuses, form);
  const bool connected = !statuses.empty() && std::ranges::all_of(statuses, &is_connected);
  co_return connected ? cli::done : cli::failed;
}

}  // namespace kt::connect
