// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/show_role.h"

#include "cluster/rights.h"
#include "flags/common.h"
#include "flags/surroundings.h"
#include "kube/config.h"
#include "kube/yaml.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::exchange {
namespace {

const cli::OptionTable& role_flags() {
  static const cli::OptionTable table(
      {"Prints the Roles that a connect and an exchange need in a namespace.",
       {"# grant them to a group (as who may)", "{} rbac -n shop | kubectl apply -f -",
        "kubectl -n shop create rolebinding kt-exchange --role kt-exchange --group devs"},
       "{} rbac [-n NAMESPACE] [-o yaml|json]",
       ""},
      flags::joined({{"output", 'o', "yaml|json", "How they are printed", "Roles", "yaml"},
                     {"help", 'h', "", "This text", "Roles", ""}},
                    flags::connection_options()));
  return table;
}

void print(const nlohmann::json& connect, const nlohmann::json& exchange, flags::Output output) {
  if (output == flags::Output::json) {
    const nlohmann::json list = {
        {"apiVersion", "v1"}, {"kind", "List"}, {"items", {connect, exchange}}};
    fmt::print("{}\n", list.dump(2));
  } else {
    fmt::print("{}---\n{}", kube::to_yaml(connect), kube::to_yaml(exchange));
  }
}

}  // namespace

io::Task<int> show_role(cli::Invocation invocation) {
  const cli::ParsedOptions parsed =
      role_flags().parse({invocation.arguments.begin() + 1, invocation.arguments.end()});
  if (parsed.is_on("help")) {
    fmt::print("{}", role_flags().help(invocation.program));
    co_return cli::done;
  }
  const flags::Output output = flags::output_of(parsed);
  const kube::Config config = co_await kube::read_config(
      {flags::surroundings(invocation).kubectl, flags::connection_flags_of(parsed)});
  print(cluster::role_of(cluster::Command::connect, config.namespace_),
        cluster::role_of(cluster::Command::exchange, config.namespace_), output);
  co_return cli::done;
}

}  // namespace kt::exchange
