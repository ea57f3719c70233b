// SPDX-License-Identifier: Apache-2.0
// The running connect's socks.sock: SOCKS5 (RFC 1928) on a Unix socket, for programs that join the
// cluster's network by themselves (curl --proxy socks5h://…, ssh's ProxyCommand) and for our own.
#pragma once

#include "dns/forwarder.h"
#include "dns/resolv_conf.h"
#include "kubectl-kt-connect/current_tunnel.h"
#include "kubectl-kt-connect/routes.h"

#include <string>

namespace kt::connect {

// What answers it; all outlive the task.
struct SocksServices {
  const CurrentTunnel& tunnel;
  dns::Forwarder& dns;
  const dns::ResolvConf& resolv_conf;  // as in CMD's namespace: search domains and ndots
  const Routes& routes;
};

// Listens at `path`, for this user alone, until cancelled. Throws Error config when it cannot.
io::Task<> capture_socks(std::string path, SocksServices services);

}  // namespace kt::connect
