// SPDX-License-Identifier: Apache-2.0
#include "host/userns_refusal.h"
#include "support/catch.h"

#include <cerrno>

namespace kt::host {
namespace {

struct Said {
  std::string message;
  std::string hint;
};

Said said(int error, const UsernsFacts& facts) {
  const Error refusal = userns_refusal("create a user namespace", error, facts);
  CHECK(refusal.kind() == ErrorKind::denied);
  return {refusal.message(), refusal.hint()};
}

}  // namespace

TEST_CASE("a refusal names the sysctl that forbids user namespaces and how to change it") {
  const Said none = said(ENOSPC, {.max_user_namespaces = 0});
  CHECK(none.message == "create a user namespace: user.max_user_namespaces is 0");
  CHECK(none.hint == "sudo sysctl user.max_user_namespaces=10000");
  const Said debian = said(EPERM, {.unprivileged_clone = 0, .max_user_namespaces = 1000});
  CHECK(debian.hint == "sudo sysctl kernel.unprivileged_userns_clone=1");
}

TEST_CASE("AppArmor's rule is not to be switched off for everybody") {
  const Said ubuntu = said(EPERM, {.apparmor_restricts = 1});
  CHECK(ubuntu.message.find("apparmor_restrict_unprivileged_userns is 1") != std::string::npos);
  CHECK(ubuntu.hint.find("sysctl") == std::string::npos);
  CHECK(ubuntu.hint.find("userns,") != std::string::npos);
}

TEST_CASE("a container's filter is named only when nothing else explains the refusal") {
  CHECK(said(EPERM, {.seccomp_filter = true}).message.find("seccomp") != std::string::npos);
  CHECK(said(EPERM, {.unprivileged_clone = 0, .seccomp_filter = true}).message.find("seccomp") ==
        std::string::npos);
}

TEST_CASE("a refusal without known reason keeps the kernel's word") {
  CHECK(said(EPERM, {}).message == "create a user namespace: Operation not permitted");
}

}  // namespace kt::host
