// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cli/program.h"
#include "flags/surroundings.h"
#include "kubectl-kt-exchange/exchange.h"
#include "kubectl-kt-exchange/list.h"
#include "kubectl-kt-exchange/restore.h"
#include "kubectl-kt-exchange/show_role.h"

#include <fmt/format.h>

namespace {

kt::io::Task<int> exchange_task(kt::cli::Invocation invocation) {
  const kt::cli::OptionTable& table = kt::exchange::exchange_table();
  const kt::cli::ParsedOptions parsed = table.parse(invocation.arguments);
  if (parsed.is_on("help")) {
    fmt::print("{}", table.help(invocation.program));
    co_return kt::cli::done;
  }
  if (parsed.has_command()) {
    throw kt::Error(kt::ErrorKind::usage, "a command behind -- is not there yet",
                    "run it beside, in kubectl kt-connect -- CMD");
  }
  kt::flags::Surroundings found = kt::flags::surroundings(invocation);
  kt::exchange::ExchangeOptions options = kt::exchange::to_exchange_options(parsed, found.image);
  kt::log::set_level(options.verbosity);
  co_return co_await kt::exchange::exchange(std::move(options), std::move(found),
                                            *invocation.interrupts);
}

kt::io::Task<int> main_task(kt::cli::Invocation invocation) {
  const std::string verb = invocation.arguments.empty() ? "" : invocation.arguments.front();
  if (verb == "list") {
    co_return co_await kt::exchange::show_list(std::move(invocation));
  }
  if (verb == "rbac") {
    co_return co_await kt::exchange::show_role(std::move(invocation));
  }
  if (verb == "restore") {
    co_return co_await kt::exchange::restore(std::move(invocation));
  }
  co_return co_await exchange_task(std::move(invocation));
}

}  // namespace

int main(int argc, char** argv) {
  return kt::cli::run(argc, argv, main_task);
}
