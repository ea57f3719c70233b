// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/routes.h"

namespace kt::connect {

Side Routes::side_of(const net::IpAddress& address) const {
  if (as_laptop_sees(address) != address) {
    return Side::laptop;  // whatever is included
  }
  const auto excluded_by = excluded.longest_match(address);
  const auto included_by = cluster.longest_match(address);
  if (!included_by) {
    return all && !excluded_by ? Side::cluster : Side::laptop;
  }
  const bool stronger = !excluded_by || included_by->length() > excluded_by->length();
  return stronger ? Side::cluster : Side::laptop;
}

net::IpAddress as_laptop_sees(const net::IpAddress& address) {
  static const net::IpAddress laptop = *net::IpAddress::parse(CaptureAddresses::laptop);
  static const net::IpAddress loopback = *net::IpAddress::parse("127.0.0.1");
  return address == laptop ? loopback : address;
}

mux::Address to_mux(const net::IpAddress& address) {
  return *mux::Address::from_bytes(address.bytes());
}

net::IpAddress to_net(const mux::Address& address) {
  return *net::IpAddress::from_bytes(address.bytes());
}

}  // namespace kt::connect
