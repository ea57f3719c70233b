// SPDX-License-Identifier: Apache-2.0
#include "cluster/pod_tunnel.h"

namespace kt::cluster {
namespace {

using io::Task;

mux::Tunnel::Options tunnel_options(io::Duration grace) {
  mux::Tunnel::Options options;
  options.role = mux::Role::laptop;
  options.grace = grace;
  return options;
}

}  // namespace

PodTunnel::PodTunnel(const io::Executor& executor, Options options, const Credentials& credentials)
    : executor_(executor),
      options_(std::move(options)),
      credentials_(credentials),
      tunnel_(executor, tunnel_options(options_.grace)) {}

Task<mux::Welcome> PodTunnel::attach(kube::PodPort door, io::Duration api_round_trip) {
  carriers_.emplace(executor_,
                    Carriers::Options{options_.kubectl, options_.api_socket, std::move(door),
                                      options_.carrier, options_.proxy_configured, api_round_trip});
  links_.emplace(executor_, *carriers_, tunnel_, credentials_, options_.links);
  co_return co_await links_->connect();
}

Task<std::string> PodTunnel::run() {
  io::TaskGroup links(executor_);
  links.spawn(links_->keep());
  std::string why;
  co_await links.stop_after(run_tunnel(why));
  co_return why;
}

Task<> PodTunnel::run_tunnel(std::string& why) {
  why = co_await tunnel_.run();
}

Task<> PodTunnel::stop() {
  if (carriers_) {
    co_await carriers_->stop();
  }
}

std::optional<Carrier> PodTunnel::carrier_of(std::uint16_t link) const {
  return links_ ? links_->carrier_of(link) : std::nullopt;
}

std::string PodTunnel::why_not(Carrier carrier) const {
  return carriers_ ? carriers_->why_not(carrier) : std::string();
}

}  // namespace kt::cluster
