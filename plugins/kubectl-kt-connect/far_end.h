// SPDX-License-Identifier: Apache-2.0
// The other end of a TCP connection, on the side where its address is: a stream into the cluster,
// or a socket of the laptop.
#pragma once

#include "io/socket_stream.h"
#include "kubectl-kt-connect/current_tunnel.h"
#include "kubectl-kt-connect/routes.h"

#include <memory>
#include <optional>
#include <variant>

namespace kt::connect {

using FarEnd = std::variant<std::unique_ptr<mux::Stream>, io::Socket>;

// Exactly one of both: the open connection, or the errno of connect(2).
struct Reached {
  std::optional<FarEnd> far;
  int error = 0;
};

// `from` is what the cluster's side is told about the caller.
io::Task<Reached> reach(const CurrentTunnel& tunnel, Side side, net::Endpoint to,
                        std::optional<net::Endpoint> from);

// Copies both ways until both directions have ended; half-close and reset are kept.
io::Task<> relay_to(FarEnd far, io::Socket near);

}  // namespace kt::connect
