// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/routes.h"

namespace kt::connect {

Side Routes::side_of(const net::IpAddress& address) const {
  const auto excluded_by = excluded.longest_match(address);
  const auto included_by = cluster.longest_match(address);
  if (!included_by) {
    return all && !excluded_by ? Side::cluster : Side::laptop;
  }
  const bool stronger = !excluded_by || included_by->length() > excluded_by->length();
  return stronger ? Side::cluster : Side::laptop;
}

mux::Address to_mux(const net::IpAddress& address) {
  return *mux::Address::from_bytes(address.bytes());
}

net::IpAddress to_net(const mux::Address& address) {
  return *net::IpAddress::from_bytes(address.bytes());
}

}  // namespace kt::connect
