// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/attachment.h"

#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "cluster/shadow_pod.h"

namespace kt::connect {
namespace {

using io::Task;

// An image of some MB from a far registry; the reason is on the screen meanwhile.
constexpr std::chrono::minutes pod_limit{5};
// A server that refuses to say how the pod is: the tunnel itself tells of its end, only later.
constexpr std::chrono::seconds watch_again{10};

cluster::PodTunnel::Options tunnel_options(const Attachment::Parts& parts) {
  return {parts.kubectl,          parts.api_socket,    parts.options.carrier,
          parts.proxy_configured, parts.options.links, parts.options.shadow.grace};
}

}  // namespace

Attachment::Attachment(const io::Executor& executor, Parts parts)
    : executor_(executor),
      parts_(std::move(parts)),
      login_(cluster::fresh_login(cluster::names::connect_prefix, parts_.namespace_, parts_.user,
                                  parts_.host)),
      tunnel_(executor, tunnel_options(parts_), login_.credentials),
      lost_(executor),
      tasks_(executor) {}

Task<> Attachment::make_shadow(std::function<void(const std::string&)> on_waiting) {
  co_await cluster::create_shadow(parts_.client, login_.run, parts_.options.shadow);
  pod_ = co_await cluster::wait_for_pod(parts_.client, cluster::pods_of_job(login_.run), pod_limit,
                                        std::move(on_waiting));
}

Task<mux::Welcome> Attachment::attach() {
  mux::Welcome welcome =
      co_await tunnel_.attach({parts_.namespace_, pod_, cluster::names::door_port},
                              parts_.client.round_trip().value_or(io::Duration(0)));
  tasks_.spawn(cluster::renew_deadlines(parts_.client, login_.run, parts_.options.shadow.grace));
  tasks_.spawn(keep_tunnel());
  tasks_.spawn(watch_shadow());
  co_return welcome;
}

void Attachment::lose(const std::string& why) {
  if (why_lost_.empty()) {
    why_lost_ = why;
    lost_.notify();
  }
}

Task<> Attachment::keep_tunnel() {
  lose(co_await tunnel_.run());
}

Task<> Attachment::watch_shadow() {
  while (why_lost_.empty()) {
    try {
      lose(co_await cluster::until_pod_lost(parts_.client, cluster::pods_of_job(login_.run)));
    } catch (const Error& e) {
      log::debug("connect", "the shadow is not watched: {}", e.message());
    }
    if (why_lost_.empty()) {
      co_await io::sleep_for(watch_again);
    }
  }
}

Task<std::string> Attachment::lost() {
  while (why_lost_.empty()) {
    co_await lost_.wait();
  }
  co_return why_lost_;
}

Task<> Attachment::remove_shadow() {
  removed_ = co_await cluster::delete_shadow(parts_.client, login_.run);
}

Task<> Attachment::stop() {
  co_await tasks_.stop();
  co_await tunnel_.stop();
}

StatusNow Attachment::status() const {
  StatusNow now;
  now.job = name();
  now.pod = pod_;
  now.tunnel = tunnel_.tunnel().status();
  now.time = io::Clock::now();
  now.why_not_proxy = tunnel_.why_not(cluster::Carrier::proxy);
  now.why_not_port_forward = tunnel_.why_not(cluster::Carrier::port_forward);
  for (const mux::LinkStatus& link : now.tunnel.links) {
    if (const auto carrier = tunnel_.carrier_of(link.name.number)) {
      now.carriers.push_back({link.name.number, std::string(cluster::to_string(*carrier))});
    }
  }
  return now;
}

}  // namespace kt::connect
