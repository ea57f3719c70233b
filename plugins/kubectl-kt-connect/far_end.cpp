// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/far_end.h"

#include "io/relay.h"
#include "io/relay_sockets.h"
#include "kubectl-kt-connect/laptop_dial.h"

namespace kt::connect {
namespace {

using io::Task;

mux::Endpoint to_mux(const net::Endpoint& endpoint) {
  return {connect::to_mux(endpoint.address), endpoint.port};
}

}  // namespace

Task<Reached> reach(const CurrentTunnel& tunnel, Side side, net::Endpoint to,
                    std::optional<net::Endpoint> from) {
  Reached reached;
  if (side == Side::laptop) {
    Dialled dialled = co_await dial_from_laptop(to);
    if (dialled.socket) {
      reached.far = std::move(*dialled.socket);
    }
    reached.error = dialled.error;
    co_return reached;
  }
  mux::Target target{mux::Protocol::tcp, to_mux(to), std::nullopt};
  if (from) {
    target.from = to_mux(*from);
  }
  mux::OpenResult opened = co_await tunnel->open(target);
  if (opened.stream != nullptr) {
    reached.far = std::move(opened.stream);
  }
  reached.error = opened.error;
  co_return reached;
}

Task<> relay_to(FarEnd far, io::Socket near) {
  if (auto* stream = std::get_if<std::unique_ptr<mux::Stream>>(&far)) {
    co_await io::relay(std::move(near), **stream);
  } else {
    co_await io::relay_sockets(std::move(near), std::move(std::get<io::Socket>(far)));
  }
}

}  // namespace kt::connect
