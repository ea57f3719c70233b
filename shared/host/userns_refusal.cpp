// SPDX-License-Identifier: Apache-2.0
#include "host/userns_refusal.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace kt::host {
namespace {

struct Reason {
  std::string why;
  std::string hint;
};

std::optional<long> read_sysctl(const std::string& path) {
  std::ifstream file("/proc/sys/" + path);
  long value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

bool has_seccomp_filter() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Seccomp:")) {
      return line.ends_with('2');  // SECCOMP_MODE_FILTER
    }
  }
  return false;
}

Reason reason_for(int error, const UsernsFacts& facts) {
  if (facts.max_user_namespaces == 0) {
    return {"user.max_user_namespaces is 0", "sudo sysctl user.max_user_namespaces=10000"};
  }
  if (error == ENOSPC || error == EUSERS) {
    return {"too many user namespaces", "sudo sysctl user.max_user_namespaces=100000"};
  }
  if (facts.unprivileged_clone == 0) {
    return {"kernel.unprivileged_userns_clone is 0",
            "sudo sysctl kernel.unprivileged_userns_clone=1"};
  }
  if (facts.apparmor_restricts.value_or(0) != 0) {
    return {"AppArmor forbids it (kernel.apparmor_restrict_unprivileged_userns is 1)",
            "run it with sudo -E, or install an AppArmor profile with the rule 'userns,' for this "
            "program"};
  }
  if (facts.seccomp_filter) {
    return {"a seccomp filter, as containers have, may forbid it",
            "run it outside the container, or start the container with --privileged"};
  }
  return {errno_text(error), "run it with sudo -E"};
}

}  // namespace

UsernsFacts read_userns_facts() {
  return {read_sysctl("kernel/apparmor_restrict_unprivileged_userns"),
          read_sysctl("kernel/unprivileged_userns_clone"), read_sysctl("user/max_user_namespaces"),
          has_seccomp_filter()};
}

Error userns_refusal(std::string_view doing, int error, const UsernsFacts& facts) {
  const Reason reason = reason_for(error, facts);
  return {ErrorKind::denied, fmt::format("{}: {}", doing, reason.why), reason.hint};
}

}  // namespace kt::host
