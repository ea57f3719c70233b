// SPDX-License-Identifier: Apache-2.0
// Why this machine refuses a user namespace to an ordinary user, in words a person can act on.
#pragma once

#include "base/error.h"

#include <optional>
#include <string_view>

namespace kt::host {

// What may forbid it. A sysctl that this kernel does not have is nothing.
struct UsernsFacts {
  std::optional<long> apparmor_restricts;   // kernel.apparmor_restrict_unprivileged_userns
  std::optional<long> unprivileged_clone;   // kernel.unprivileged_userns_clone (Debian, Arch)
  std::optional<long> max_user_namespaces;  // user.max_user_namespaces
  bool seccomp_filter = false;              // usual in containers
};

[[nodiscard]] UsernsFacts read_userns_facts();

// The Error (kind denied) for a system call of the set-up that failed with `error`, an errno.
[[nodiscard]] Error userns_refusal(std::string_view doing, int error, const UsernsFacts& facts);

}  // namespace kt::host
