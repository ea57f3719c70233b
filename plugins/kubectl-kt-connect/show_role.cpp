// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/show_role.h"

#include "cli/option_table.h"
#include "cluster/rights.h"
#include "kube/config.h"
#include "kube/yaml.h"
#include "kubectl-kt-connect/options.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::connect {
namespace {

const cli::OptionTable& role_flags() {
  static const cli::OptionTable table = [] {
    std::vector<cli::Option> flags = {
        {"output", 'o', "yaml|json", "How it is printed", "Role", "yaml"},
        {"help", 'h', "", "This text", "Role", ""}};
    const std::vector<cli::Option> connection = flags::connection_options();
    flags.insert(flags.end(), connection.begin(), connection.end());
    return cli::OptionTable(
        {"Prints the Role that a connect needs in a namespace.",
         {"# grant it to a group (as who may)", "{} rbac -n shop | kubectl apply -f -",
          "kubectl -n shop create rolebinding kt-connect --role kt-connect "
          "--group devs"},
         "{} rbac [-n NAMESPACE] [-o yaml|json]",
         ""},
        flags);
  }();
  return table;
}

}  // namespace

io::Task<int> show_role(cli::Invocation invocation, std::string kubectl) {
  const cli::ParsedOptions parsed =
      role_flags().parse({invocation.arguments.begin() + 1, invocation.arguments.end()});
  if (parsed.is_on("help")) {
    fmt::print("{}", role_flags().help(invocation.program));
    co_return cli::done;
  }
  const Output output = flags::output_of(parsed);
  const kube::Config config =
      co_await kube::read_config({std::move(kubectl), flags::connection_flags_of(parsed)});
  const nlohmann::json role = cluster::role_of(cluster::Command::connect, config.namespace_);
  fmt::print("{}", output == Output::json ? role.dump(2) + "\n" : kube::to_yaml(role));
  co_return cli::done;
}

}  // namespace kt::connect
