// SPDX-License-Identifier: Apache-2.0
// The laptop's end of an exchange: streams that the front opens reach local ports. Only what was
// mapped at the start can be reached, whatever the pod asks for.
#pragma once

#include "io/task_group.h"
#include "mux/tunnel.h"

#include <cstdint>
#include <map>

namespace kt::exchange {

using PortMap =
    std::map<std::uint16_t, std::uint16_t>;  // port of the workload → port of the laptop

// Whether something accepts on 127.0.0.1 or ::1 now.
io::Task<bool> is_listening(std::uint16_t port);

// Serves what the tunnel's other end opens, until the tunnel has ended.
io::Task<> serve_local_ports(mux::Tunnel& tunnel, const PortMap& ports);

}  // namespace kt::exchange
