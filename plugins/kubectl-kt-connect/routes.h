// SPDX-License-Identifier: Apache-2.0
// Which side an address is on, for the packets of CMD. Pure.
#pragma once

#include "mux/frame.h"
#include "net/address.h"
#include "net/prefix.h"

namespace kt::connect {

enum class Side { cluster, laptop };

struct Routes {
  net::PrefixSet cluster;   // Services, pods, --include, and what the cluster's DNS has named
  net::PrefixSet excluded;  // --exclude
  bool all = false;         // --all: everything that is not excluded

  // The longest prefix decides; a tie is the laptop's.
  [[nodiscard]] Side side_of(const net::IpAddress& address) const;
};

// Where the namespace's resolv.conf points: RFC 7335's 192.0.0.0/29, which no cluster and no laptop
// uses for anything that a program could mean.
struct CaptureAddresses {
  static constexpr const char* interface_v4 = "192.0.0.2";
  static constexpr const char* nameserver = "192.0.0.1";
  static constexpr int prefix_length = 30;
  // The laptop's own loopback, as CMD names it: host.kt.internal.
  static constexpr const char* laptop = "192.0.0.5";
  static constexpr const char* laptop_name = "host.kt.internal";
  static constexpr const char* interface_v6 = "fd6b:7400::2";
};

// Where the laptop itself finds what CMD calls `address`.
[[nodiscard]] net::IpAddress as_laptop_sees(const net::IpAddress& address);

[[nodiscard]] mux::Address to_mux(const net::IpAddress& address);
[[nodiscard]] net::IpAddress to_net(const mux::Address& address);

}  // namespace kt::connect
