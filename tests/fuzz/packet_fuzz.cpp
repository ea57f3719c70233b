// SPDX-License-Identifier: Apache-2.0
// Any bytes as a packet: what is built from it must itself be a whole packet with right checksums.
#include "net/packet.h"
#include "net/packet_builder.h"

#include <cstdlib>

using namespace kt;
using namespace kt::net;

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void check_answers(BytesView packet) {
  if (const auto reset = reset_for(packet)) {
    require(checksums_hold(*reset) && !reset_for(*reset));
  }
  for (const Unreachable why :
       {Unreachable::network, Unreachable::host, Unreachable::port, Unreachable::prohibited}) {
    if (const auto error = unreachable_for(packet, why)) {
      require(checksums_hold(*error));
    }
  }
}

// Turns a TCP packet round twice: the bytes must be the same again.
void check_rewrite(Bytes packet, const IpHeader& ip, const TcpHeader& tcp) {
  store_checksums(packet);
  const Bytes before = packet;
  const Endpoint source{ip.source, tcp.source_port};
  const Endpoint destination{ip.destination, tcp.destination_port};
  const Endpoint other{ip.source.is_v6() ? *IpAddress::parse("fd00::7") : IpAddress(), 1024};
  rewrite_endpoints(packet, ip, other, source);
  require(checksums_hold(packet));
  rewrite_endpoints(packet, *parse_ip(packet), source, destination);
  require(packet == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView packet = std::as_bytes(std::span(data, size));
  (void)checksums_hold(packet);
  check_answers(packet);
  const auto ip = parse_ip(packet);
  if (!ip) {
    return 0;
  }
  const BytesView payload = ip_payload(packet, *ip);
  (void)parse_udp(payload);
  (void)parse_echo(payload, ip->protocol);
  const auto tcp = ip->protocol == Protocol::tcp ? parse_tcp(payload) : std::nullopt;
  if (tcp) {
    check_rewrite({packet.begin(), packet.end()}, *ip, *tcp);
  }
  return 0;
}
