// SPDX-License-Identifier: Apache-2.0
// Puts back what a crash left, from the plan in the Lease or in its copy.
#include "kubectl-kt-exchange/restore.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/terminal.h"
#include "flags/common.h"
#include "flags/surroundings.h"
#include "kube/json_fields.h"
#include "kubectl-kt-exchange/borrowed_api.h"
#include "kubectl-kt-exchange/claim.h"
#include "kubectl-kt-exchange/options.h"
#include "kubectl-kt-exchange/switch_over.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace kt::exchange {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;

// The owner renews every 5 s; no wall clocks are compared, so it is watched for longer than that.
constexpr std::chrono::seconds life_sign_limit{8};
constexpr std::chrono::milliseconds look_every{500};

const cli::OptionTable& restore_flags() {
  static const cli::OptionTable table(
      {"Puts back what an exchange has left that ended by a crash.",
       {"# one workload; all of the namespace", "{} restore deploy/foo", "{} restore --all",
        "# what would be put back", "{} restore --all --dry-run"},
       "{} restore [TYPE/NAME | --all]",
       "An exchange whose owner still shows life is left alone."},
      flags::joined({{"all", 0, "", "Every one of the namespace", "Restore", ""},
                     {"dry-run", 0, "", "Only say what would be put back", "Restore", ""},
                     {"help", 'h', "", "This text", "Restore", ""}},
                    flags::connection_options()));
  return table;
}

kube::ListOptions ours() {
  kube::ListOptions options;
  options.label_selector = exchange_selector();
  return options;
}

// One exchange that somebody has begun: its Lease, its copy, or both.
struct Remains {
  Plan plan;
  std::optional<json> lease;
};

class Restorer {
 public:
  Restorer(const io::Executor& executor, kube::Client& client, std::string namespace_)
      : client_(client),
        namespace_(std::move(namespace_)),
        steps_(executor,
               [this](const cli::Line& line) { log::say(cli::render(line, terminal_)); }) {}

  Task<std::vector<Remains>> find() {
    std::vector<Remains> found;
    const json leases = co_await client_.list(kube::leases, namespace_, ours());
    for (const json& lease : field(leases, "items")) {
      if (const auto plan = plan_of(lease, namespace_)) {
        found.push_back({*plan, lease});
      }
    }
    const json copies = co_await client_.list(kube::config_maps, namespace_, ours());
    for (const json& copy : field(copies, "items")) {
      const auto plan = plan_of(copy, namespace_);
      const auto known = [&](const Remains& each) { return each.plan.session == plan->session; };
      if (plan && std::ranges::none_of(found, known)) {
        found.push_back({*plan, std::nullopt});
      }
    }
    co_return found;
  }

  // False when its owner lives.
  Task<bool> put_back(Remains remains) {
    const Plan& plan = remains.plan;
    if (remains.lease && !co_await is_silent(*remains.lease)) {
      log::warn("restore", "{} is held by {}: left alone", plan.title, holder_of(*remains.lease));
      co_return false;
    }
    steps_.begin("restore " + plan.title);
    co_await write_restore(plan);
    co_await fence(client_, plan);
    co_await switch_to_originals(client_, plan, co_await shadow_address(plan),
                                 [this](const std::string& what) { steps_.waits_for(what); });
    co_await remove_shadow(client_, plan);
    co_await remove_copy(client_, plan);
    co_await delete_lease(plan);
    steps_.end(plan.title + " is as it was");
    fmt::print("{} restored\n", plan.title);
    std::fflush(stdout);
    co_return true;
  }

 private:
  [[nodiscard]] kube::ObjectRef lease_ref(const Plan& plan) const {
    return {kube::leases, namespace_, claim_name(plan.target), {}};
  }

  Task<bool> is_silent(json lease) {
    const std::string renewed = text_at(field(lease, "spec"), "renewTime");
    const kube::ObjectRef ref{
        kube::leases, namespace_, text_at(field(lease, "metadata"), "name"), {}};
    const io::TimePoint until = io::Clock::now() + life_sign_limit;
    steps_.begin("sign of life of " + holder_of(lease));
    while (io::Clock::now() < until) {
      co_await io::sleep_for(look_every);
      const json now = (co_await client_.find(ref)).value_or(lease);
      if (text_at(field(now, "spec"), "renewTime") != renewed) {
        co_return false;
      }
    }
    steps_.end("no sign of life");
    co_return true;
  }

  // Keeps a sleeping owner from going on: its next write names an older version.
  Task<> write_restore(const Plan& plan) {
    std::optional<json> lease = co_await client_.find(lease_ref(plan));
    if (lease && plan_of(*lease, namespace_) == plan) {
      (void)co_await client_.replace(lease_ref(plan), with_phase(*lease, Phase::restore));
    }
  }

  Task<> delete_lease(const Plan& plan) {
    const std::optional<json> lease = co_await client_.find(lease_ref(plan));
    if (lease && plan_of(*lease, namespace_) == plan) {
      (void)co_await client_.remove(lease_ref(plan),
                                    text_at(field(*lease, "metadata"), "resourceVersion"));
    }
  }

  Task<std::string> shadow_address(const Plan& plan) {
    kube::ListOptions pods;
    pods.label_selector = session_selector(plan.session);
    const json list = co_await client_.list(kube::pods, namespace_, pods);
    for (const json& pod : field(list, "items")) {
      co_return text_at(field(pod, "status"), "podIP");
    }
    co_return std::string();
  }

  kube::Client& client_;
  std::string namespace_;
  cli::Terminal terminal_ =
      cli::detect_terminal(STDERR_FILENO, std::getenv("NO_COLOR"), std::getenv("TERM"));
  cli::Steps steps_;
};

bool is_asked_for(const Plan& plan, const std::optional<WorkloadName>& name) {
  if (!name) {
    return true;
  }
  const auto resource = resource_of(name->type);
  return plan.target.name == name->name &&
         (name->type.empty() || (resource && *resource == plan.target.resource));
}

std::optional<WorkloadName> asked_name(const cli::ParsedOptions& parsed) {
  std::vector<std::string> words = parsed.words();
  if (parsed.is_on("all")) {
    return std::nullopt;
  }
  return workload_name(words);
}

}  // namespace

Task<int> restore(cli::Invocation invocation) {
  const cli::ParsedOptions parsed =
      restore_flags().parse({invocation.arguments.begin() + 1, invocation.arguments.end()});
  if (parsed.is_on("help")) {
    fmt::print("{}", restore_flags().help(invocation.program));
    co_return cli::done;
  }
  const std::optional<WorkloadName> name = asked_name(parsed);
  const flags::Surroundings found = flags::surroundings(invocation);
  const kube::ConnectionFlags connection = flags::connection_flags_of(parsed);
  const kube::Config config = co_await kube::read_config({found.kubectl, connection});
  const io::Executor executor = co_await io::asio::this_coro::executor;
  kube::Client client(executor,
                      borrow_api(found.runtime_folder, config, connection, found.program));
  Restorer restorer(executor, client, config.namespace_);
  bool any = false;
  bool whole = true;
  for (Remains& remains : co_await restorer.find()) {
    if (!is_asked_for(remains.plan, name)) {
      continue;
    }
    any = true;
    if (parsed.is_on("dry-run")) {
      fmt::print("{} would be restored to {} replicas\n", remains.plan.title,
                 remains.plan.replicas);
    } else {
      whole = co_await restorer.put_back(std::move(remains)) && whole;
    }
  }
  if (!any) {
    fmt::print(stderr, "nothing to put back\n");
  }
  co_return whole ? cli::done : cli::busy;
}

}  // namespace kt::exchange
