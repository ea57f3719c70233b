// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/list.h"

#include "cli/table.h"
#include "flags/common.h"
#include "flags/surroundings.h"
#include "kube/json_fields.h"
#include "kube/yaml.h"
#include "kubectl-kt-exchange/borrowed_api.h"
#include "kubectl-kt-exchange/plan.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::exchange {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;

enum class Form { table, wide, yaml, json };

const cli::OptionTable& list_flags() {
  static const cli::OptionTable table(
      {"Shows which workloads are exchanged, by whom and since when.",
       {"# in this namespace, and in all", "{} list", "{} list -A"},
       "{} list [-A] [-o wide|json|yaml]",
       ""},
      flags::joined({{"all-namespaces", 'A', "", "In every namespace", "List", ""},
                     {"output", 'o', "table|wide|yaml|json", "How it is printed", "List", "table"},
                     {"help", 'h', "", "This text", "List", ""}},
                    flags::connection_options()));
  return table;
}

cli::Row row_of(const json& lease, bool wide) {
  const std::string space = text_at(field(lease, "metadata"), "namespace");
  const json spec = field(lease, "spec");
  const auto phase = phase_of(lease);
  const auto plan = plan_of(lease, space);
  cli::Row row{space,
               plan ? plan->title : "",
               std::string(phase ? to_string(*phase) : ""),
               text_at(spec, "holderIdentity"),
               text_at(spec, "acquireTime"),
               text_at(spec, "renewTime")};
  if (wide) {
    row.push_back(plan ? shadow_name(plan->session) : "");
    row.push_back(plan ? std::to_string(plan->replicas) : "");
  }
  return row;
}

std::string table_of(const json& list, bool wide) {
  std::vector<cli::Row> rows{{"NAMESPACE", "WORKLOAD", "PHASE", "HOLDER", "SINCE", "LAST SIGN"}};
  if (wide) {
    rows.front().insert(rows.front().end(), {"SHADOW", "REPLICAS"});
  }
  for (const json& lease : field(list, "items")) {
    rows.push_back(row_of(lease, wide));
  }
  return cli::table(rows);
}

void print(const json& list, Form form) {
  if (form == Form::json) {
    fmt::print("{}\n", list.dump(2, ' ', false, json::error_handler_t::replace));
  } else if (form == Form::yaml) {
    fmt::print("{}", kube::to_yaml(list));
  } else if (field(list, "items").empty()) {
    fmt::print(stderr, "nothing is exchanged\n");
  } else {
    fmt::print("{}", table_of(list, form == Form::wide));
  }
}

}  // namespace

Task<int> show_list(cli::Invocation invocation) {
  const cli::ParsedOptions parsed =
      list_flags().parse({invocation.arguments.begin() + 1, invocation.arguments.end()});
  if (parsed.is_on("help")) {
    fmt::print("{}", list_flags().help(invocation.program));
    co_return cli::done;
  }
  const auto form = static_cast<Form>(parsed.choice("output", {"table", "wide", "yaml", "json"}));
  const flags::Surroundings found = flags::surroundings(invocation);
  const kube::ConnectionFlags connection = flags::connection_flags_of(parsed);
  const kube::Config config = co_await kube::read_config({found.kubectl, connection});
  kube::Client client(co_await io::asio::this_coro::executor,
                      borrow_api(found.runtime_folder, config, connection, found.program));
  kube::ListOptions ours;
  ours.label_selector = exchange_selector();
  const bool all = parsed.is_on("all-namespaces");
  print(co_await client.list(kube::leases, all ? "" : config.namespace_, ours), form);
  co_return cli::done;
}

}  // namespace kt::exchange
