// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

namespace kt::host {

// All that /proc shows now; some may be gone by the time they are looked at.
[[nodiscard]] std::vector<pid_t> running_processes();

}  // namespace kt::host
