// SPDX-License-Identifier: Apache-2.0
#include "cluster/shadow_pod.h"

#include "base/error.h"
#include "base/log.h"
#include "cluster/job_events.h"
#include "cluster/names.h"
#include "io/task_group.h"
#include "kube/json_fields.h"
#include "kube/watch.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::cluster {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::seconds;

std::string reason_and_message(const json& state) {
  const std::string reason = text_at(state, "reason");
  const std::string message = text_at(state, "message");
  return message.empty() ? reason : fmt::format("{}: {}", reason, message);
}

std::string container_reason(const json& pod) {
  for (const json& status : field(field(pod, "status"), "containerStatuses")) {
    const json waiting = field(field(status, "state"), "waiting");
    std::string reason = reason_and_message(waiting);
    if (!reason.empty() && reason != "ContainerCreating") {
      return reason;
    }
  }
  return {};
}

// Waiting does not help: the image is not there, or a pull has failed and its retry too.
bool is_hopeless(const std::string& reason) {
  return reason.starts_with("ErrImageNeverPull") || reason.starts_with("InvalidImageName") ||
         reason.starts_with("ImagePullBackOff");
}

// An injected sidecar may run on without it, and the pod's phase tells of all containers together.
json agent_state(const json& pod) {
  for (const json& status : field(field(pod, "status"), "containerStatuses")) {
    if (text_at(status, "name") == names::agent_container) {
      return field(status, "state");
    }
  }
  return {};
}

std::string scheduling_reason(const json& pod) {
  for (const json& condition : field(field(pod, "status"), "conditions")) {
    if (text_at(condition, "type") == "PodScheduled" && text_at(condition, "status") == "False") {
      return reason_and_message(condition);
    }
  }
  return {};
}

// What the watchers have learnt, shared with the waiting task by reference.
struct Wait {
  explicit Wait(const io::Executor& executor) : watchers(executor) {}

  void over() { watchers.cancel(); }  // it runs, or never will

  std::string pod;
  PodState state;
  std::function<void(const std::string&)> on_waiting;
  io::TaskGroup watchers;
};

// A pod that may not exist will not exist a second later either; a full quota may become free.
bool is_forbidden(const std::string& warning) {
  return warning.find("is forbidden: ") != std::string::npos &&
         warning.find("exceeded quota") == std::string::npos;
}

// `Error creating: pods "kt-connect-x-5fjbz" is forbidden: …`: each try has another name.
std::string without_pod_name(std::string warning) {
  const std::size_t begin = warning.find("pods \"");
  const std::size_t end = begin == std::string::npos ? begin : warning.find("\" ", begin + 6);
  return end == std::string::npos ? warning : warning.replace(begin, end + 2 - begin, "its pod ");
}

kube::WatchScope scope_of(const ShadowPods& pods) {
  const std::string name = pods.name.empty() ? "" : "metadata.name=" + pods.name;
  return {kube::pods, pods.owner.namespace_, {pods.selector, name}};
}

bool is_being_deleted(const json& pod) {
  return !text_at(field(pod, "metadata"), "deletionTimestamp").empty();
}

// Empty while nothing is wrong with it.
std::string loss_of(const json& pod) {
  if (is_being_deleted(pod)) {
    return "it is being deleted";
  }
  const PodState state = pod_state(pod);
  return !state.ended ? "" : state.reason.empty() ? "it has ended" : state.reason;
}

Task<> watch_pod(kube::Client& client, ShadowPods pods, Wait& wait) {
  co_await kube::watch(client, scope_of(pods), [&](kube::Change change, const json& pod) {
    if (change != kube::Change::set || is_being_deleted(pod)) {
      return kube::Watching::go_on;
    }
    wait.pod = text_at(field(pod, "metadata"), "name");
    wait.state = pod_state(pod);
    if (!wait.state.reason.empty()) {
      wait.on_waiting(wait.state.reason);
    }
    return wait.state.running || wait.state.ended ? kube::Watching::stop : kube::Watching::go_on;
  });
  wait.over();
}

Task<> watch_owner(kube::Client& client, ShadowPods pods, Wait& wait) {
  co_await tell_warnings(client, pods.owner.namespace_, pods.owner.name,
                         [&](const std::string& warning) {
                           if (!wait.pod.empty()) {
                             return;  // the pod speaks for itself
                           }
                           wait.state.reason = without_pod_name(warning);
                           wait.on_waiting(wait.state.reason);
                           if (is_forbidden(warning)) {
                             wait.over();
                           }
                         });
}

Task<> until_over(kube::Client& client, ShadowPods pods, Wait& wait) {
  wait.watchers.spawn(watch_pod(client, pods, wait));
  wait.watchers.spawn(watch_owner(client, pods, wait));
  co_await wait.watchers.join();
}

kube::ObjectRef job_ref(const ShadowRun& run) {
  return {kube::jobs, run.namespace_, run.name, {}};
}

}  // namespace

PodState pod_state(const json& pod) {
  PodState state;
  const std::string phase = text_at(field(pod, "status"), "phase");
  const json agent = agent_state(pod);
  state.running =
      field(agent, "running").is_object() && !text_at(field(pod, "status"), "podIP").empty();
  state.ended = phase == "Failed" || phase == "Succeeded" || field(agent, "terminated").is_object();
  state.reason = state.ended ? reason_and_message(field(pod, "status")) : container_reason(pod);
  if (state.reason.empty()) {
    state.reason = scheduling_reason(pod);
  }
  state.ended = state.ended || is_hopeless(state.reason);
  return state;
}

Task<> create_shadow(kube::Client& client, ShadowRun run, ShadowOptions options) {
  const json job = co_await client.create(kube::jobs, run.namespace_, shadow_job(run, options));
  co_await client.create(kube::secrets, run.namespace_, shadow_secret(run, job));
}

ShadowPods pods_of_job(const ShadowRun& run) {
  return {"job-name=" + run.name, job_ref(run)};
}

Task<std::string> wait_for_pod(kube::Client& client, ShadowPods pods, io::Duration limit,
                               std::function<void(const std::string&)> on_waiting) {
  Wait wait(co_await io::asio::this_coro::executor);
  wait.on_waiting = std::move(on_waiting);
  bool too_late = false;
  try {
    co_await io::with_timeout(limit, "shadow pod", until_over(client, pods, wait));
  } catch (const kube::ApiError&) {
    throw;
  } catch (const Error&) {
    too_late = true;
  }
  if (!too_late && wait.state.running) {
    co_return wait.pod;
  }
  const std::string why = wait.state.reason.empty() ? "no pod was made" : wait.state.reason;
  throw Error(ErrorKind::unavailable, fmt::format("shadow pod does not run: {}", why),
              fmt::format("kubectl --namespace {} describe {} {}", pods.owner.namespace_,
                          pods.owner.resource.plural, pods.owner.name));
}

Task<std::string> until_pod_lost(kube::Client& client, ShadowPods pods) {
  std::string why;
  bool seen = false;
  co_await kube::watch(client, scope_of(pods), [&](kube::Change change, const json& pod) {
    seen = seen || change == kube::Change::set;
    why = change == kube::Change::set              ? loss_of(pod)
          : seen && change == kube::Change::synced ? ""
                                                   : "it is gone";
    return why.empty() ? kube::Watching::go_on : kube::Watching::stop;
  });
  co_return why;
}

Task<> renew_deadlines(kube::Client& client, ShadowRun run, seconds grace) {
  const io::TimePoint start = io::Clock::now();
  while (true) {
    co_await io::sleep_for(grace);
    // Our own clock since the pod's start: a little more than the server's, so never too early.
    const auto running_for = std::chrono::duration_cast<seconds>(io::Clock::now() - start) + grace;
    try {
      co_await client.patch(job_ref(run), kube::PatchType::merge,
                            renew_deadline(running_for, 3 * grace));
    } catch (const Error& e) {
      log::debug("shadow", "deadline not renewed: {}", e.message());
    }
  }
}

Task<bool> delete_shadow(kube::Client& client, ShadowRun run) {
  co_return co_await client.remove(job_ref(run));
}

}  // namespace kt::cluster
