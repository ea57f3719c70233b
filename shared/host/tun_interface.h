// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"

#include <string>

namespace kt::host {

// Creates the TUN `name` (IFF_TUN | IFF_NO_PI) in the calling process's network namespace; it lives
// as long as the descriptor, which is non-blocking. Needs CAP_NET_ADMIN in that namespace. Throws
// Error config when /dev/net/tun is missing or closed to this user, denied without the capability.
[[nodiscard]] UniqueFd create_tun(const std::string& name);

}  // namespace kt::host
