// SPDX-License-Identifier: Apache-2.0
// The few rtnetlink(7) requests that give an interface its link, addresses and routes, in the
// calling process's network namespace.
#pragma once

#include "base/unique_fd.h"

#include <cstdint>
#include <string>

namespace kt::host {

struct InterfaceAddress {
  std::string address;    // "198.18.77.1" or "fd00:6b74::1"
  int prefix_length = 0;  // 30
};

// Each request waits for the kernel's answer, which comes at once. They throw Error denied without
// CAP_NET_ADMIN, config for any other refusal.
class Netlink {
 public:
  Netlink();

  void set_up(const std::string& interface);
  void set_up(const std::string& interface, int mtu);  // bytes
  // Without duplicate address detection: the address can be used at once.
  void add_address(const std::string& interface, const InterfaceAddress& address);
  enum class Family { v4, v6 };
  void add_default_route(const std::string& interface, Family family);

 private:
  class Request;
  void execute(Request& request, const std::string& doing);
  [[nodiscard]] int acknowledgement();  // an errno, or 0

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace kt::host
