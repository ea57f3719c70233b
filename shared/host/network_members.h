// SPDX-License-Identifier: Apache-2.0
// The processes of one network namespace, found by /proc: whatever a command started in there,
// daemons too, ends with its network.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace kt::host {

// "net:[4026532345]"; empty when there is no such process or it is not ours to look at.
[[nodiscard]] std::string network_namespace_of(pid_t pid);

// Kills all of them but the caller, at once.
void kill_members(const std::string& network_namespace);

// Asks them by SIGTERM to end, and kills those that have not after `patience`. Blocks.
void end_members(const std::string& network_namespace, std::chrono::milliseconds patience);

}  // namespace kt::host
