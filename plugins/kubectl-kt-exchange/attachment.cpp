// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/attachment.h"

#include "base/error.h"
#include "base/log.h"
#include "io/backoff.h"
#include "kube/json_fields.h"

#include <nlohmann/json.hpp>

namespace kt::exchange {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::seconds;

// An image of some MB from a far registry; the reason is on the screen meanwhile.
constexpr std::chrono::minutes pod_limit{5};
constexpr seconds first_retry{1};
constexpr seconds last_retry{5};

}  // namespace

Attachment::Attachment(const io::Executor& executor, Parts parts)
    : executor_(executor), parts_(std::move(parts)), tasks_(executor) {}

Task<> Attachment::find_pod() {
  pod_ = co_await cluster::wait_for_pod(
      parts_.client, parts_.pods, pod_limit,
      [this](const std::string& why) { parts_.steps.waits_for("pod: " + why); });
}

Task<> Attachment::attach() {
  parts_.steps.begin("link");
  const std::string space = parts_.pods.owner.namespace_;
  cluster::PodTunnel& tunnel = tunnels_.emplace_back(executor_, parts_.tunnel, parts_.credentials);
  (void)co_await tunnel.attach({space, pod_, parts_.door_port},
                               parts_.client.round_trip().value_or(io::Duration(0)));
  const json pod = co_await parts_.client.get({kube::pods, space, pod_, {}});
  address_ = text_at(field(pod, "status"), "podIP");
  why_detached_.clear();
  tasks_.spawn(use(tunnel));
  tasks_.spawn(watch_pod(pod_));
  parts_.steps.end("link up");
}

// The tunnel of a pod that is being deleted goes on beside its successor's, until it ends itself.
Task<> Attachment::use(cluster::PodTunnel& tunnel) {
  std::string why;
  io::TaskGroup users(executor_);
  users.spawn(serve_local_ports(tunnel.tunnel(), parts_.ports));
  users.spawn(speak_with_front(tunnel));
  co_await users.stop_after(run(tunnel, why));
  if (&tunnel == &tunnels_.back()) {
    detach(why);
  }
}

Task<> Attachment::run(cluster::PodTunnel& tunnel, std::string& why) {
  why = co_await tunnel.run();
}

Task<> Attachment::speak_with_front(cluster::PodTunnel& tunnel) {
  try {
    co_await parts_.front.run(tunnel.tunnel());
  } catch (const Error& e) {
    tunnel.end(e.message());
  }
}

Task<> Attachment::watch_pod(std::string pod) {
  cluster::ShadowPods this_one = parts_.pods;
  this_one.name = pod;
  try {
    const std::string why = co_await cluster::until_pod_lost(parts_.client, std::move(this_one));
    if (pod == pod_) {
      detach("shadow pod: " + why);
    }
  } catch (const Error& e) {
    log::debug("exchange", "the shadow is not watched: {}", e.message());
  }
}

void Attachment::detach(const std::string& why) {
  if (why_detached_.empty()) {
    why_detached_ = why;
    parts_.front.wake();
  }
}

Task<> Attachment::keep() {
  while (lost_.empty()) {
    while (why_detached_.empty()) {
      co_await parts_.front.changed();
    }
    parts_.steps.say("the way to the shadow is lost: " + why_detached_);
    io::Backoff backoff(first_retry, last_retry);
    while (lost_.empty() && !co_await attach_again()) {
      co_await io::sleep_for(backoff.next(0.5));
    }
  }
}

Task<bool> Attachment::attach_again() {
  try {
    if (!co_await parts_.client.find(parts_.pods.owner)) {
      lost_ = "its shadow was deleted";
      parts_.front.wake();
      co_return false;
    }
    co_await find_pod();
    co_await attach();
    co_return true;
  } catch (const Error& e) {
    parts_.steps.waits_for(e.message());
  }
  co_return false;
}

Task<> Attachment::stop() {
  for (cluster::PodTunnel& tunnel : tunnels_) {
    tunnel.end("the laptop leaves");
  }
  co_await tasks_.stop();
  for (cluster::PodTunnel& tunnel : tunnels_) {
    co_await tunnel.stop();
  }
}

}  // namespace kt::exchange
