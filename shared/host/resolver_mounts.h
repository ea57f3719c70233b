// SPDX-License-Identifier: Apache-2.0
// Puts a resolver configuration of our own over the laptop's, in a mount namespace of our own.
#pragma once

#include <string>
#include <string_view>

namespace kt::host {

// What the command finds in /etc.
struct CaptureResolver {
  std::string resolv_conf;  // the whole text
  std::string extra_hosts;  // lines to append to /etc/hosts; may be empty
};

// nsswitch.conf(5) with host names from /etc/hosts and DNS only: systemd-resolved, mDNS and others
// would answer over Unix sockets, which reach across network namespaces.
[[nodiscard]] std::string nsswitch_with_dns(std::string_view text);

// The calling process must have a mount namespace of its own, which is made a slave of the
// laptop's: later mounts come in, ours do not go out. Mounts over /etc/resolv.conf (or what it
// links to), /etc/nsswitch.conf and /etc/hosts, and hides the sockets of systemd-resolved, nscd and
// avahi. Throws Error config.
void mount_resolver(const CaptureResolver& resolver);

}  // namespace kt::host
