// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/show_plan.h"

#include "cli/program.h"
#include "cluster/names.h"
#include "cluster/running_connect.h"
#include "cluster/shadow_login.h"
#include "kube/api_proxy.h"
#include "kube/client.h"
#include "kube/yaml.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::connect {
namespace {

using io::Task;
using nlohmann::json;

struct Plan {
  json job;
  json secret;
};

// The owner's uid is the API server's to give.
Plan plan_without_server(const cluster::ShadowRun& run, const cluster::ShadowOptions& options) {
  Plan plan{cluster::shadow_job(run, options), cluster::shadow_secret(run, json::object())};
  plan.secret["metadata"].erase("ownerReferences");
  return plan;
}

// What the API server makes of both, without keeping either.
Task<> ask_server(const kube::Kubectl& kubectl, kube::Config config, std::string runtime,
                  const cluster::ShadowRun& run, Plan& plan) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  const auto folder =
      cluster::RunningConnect::claim(runtime, kube::connection_id(config, kubectl.flags));
  kube::ApiProxy proxy(executor, kubectl, config, folder.api_socket());
  co_await proxy.start();
  std::exception_ptr failure;
  try {
    kube::Client client(executor, folder.api_socket());
    plan.job = co_await client.create(kube::jobs, config.namespace_, std::move(plan.job),
                                      kube::DryRun::server);
    plan.secret =
        co_await client.create(kube::secrets, config.namespace_,
                               cluster::shadow_secret(run, plan.job), kube::DryRun::server);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await io::ignore_cancellation();
  co_await proxy.stop();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

void print(const Plan& plan, Output output) {
  if (output == Output::json) {
    const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", {plan.job, plan.secret}}};
    fmt::print("{}\n", list.dump(2));
  } else {
    fmt::print("{}---\n{}", kube::to_yaml(plan.job), kube::to_yaml(plan.secret));
  }
}

}  // namespace

Task<int> show_plan(ConnectOptions options, flags::Surroundings surroundings) {
  const kube::Kubectl kubectl{surroundings.kubectl, options.connection};
  const kube::Config config = co_await kube::read_config(kubectl);
  const cluster::ShadowLogin login = cluster::fresh_login(
      cluster::names::connect_prefix, config.namespace_, surroundings.user, surroundings.host);
  Plan plan = plan_without_server(login.run, options.shadow);
  if (options.dry_run == DryRun::server) {
    co_await ask_server(kubectl, config, surroundings.runtime_folder, login.run, plan);
  }
  print(plan, options.output);
  co_return cli::done;
}

}  // namespace kt::connect
