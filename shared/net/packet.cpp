// SPDX-License-Identifier: Apache-2.0
#include "net/packet.h"

#include <array>
#include <cstring>

namespace kt::net {
namespace {

// One's complement sums do not depend on the byte order (RFC 1071, 2B), so words are added as this
// machine reads them and the result is stored the same way.
std::uint64_t sum_words(BytesView bytes) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    sum += word;
  }
  if (at < bytes.size()) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, bytes.size() - at);
    sum += word;
  }
  return sum;
}

std::uint16_t fold(std::uint64_t sum) {
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint16_t complement(std::uint16_t value) {
  return static_cast<std::uint16_t>(~value);
}

// A checksum as it lies in memory.
std::uint16_t load_sum(BytesView bytes, std::size_t at) {
  std::uint16_t sum = 0;
  std::memcpy(&sum, bytes.data() + at, sizeof sum);
  return sum;
}

void store_sum(MutableBytes bytes, std::size_t at, std::uint16_t sum) {
  std::memcpy(bytes.data() + at, &sum, sizeof sum);
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), here with sums over all changed words.
void adjust_sum(MutableBytes bytes, std::size_t at, std::uint64_t before, std::uint64_t after) {
  const std::uint64_t sum =
      std::uint64_t{complement(load_sum(bytes, at))} + complement(fold(before)) + fold(after);
  store_sum(bytes, at, complement(fold(sum)));
}

constexpr std::size_t ipv4_sum_at = 10;
constexpr std::size_t ipv4_addresses_at = 12;
constexpr std::size_t ipv6_addresses_at = 8;
constexpr std::size_t tcp_sum_at = 16;
constexpr std::size_t ports_size = 4;

std::size_t addresses_at(const IpHeader& ip) {
  return ip.source.is_v6() ? ipv6_addresses_at : ipv4_addresses_at;
}

MutableBytes addresses_of(MutableBytes packet, const IpHeader& ip) {
  return packet.subspan(addresses_at(ip), 2 * ip.source.size());
}

std::optional<std::size_t> sum_offset(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return tcp_sum_at;
    case Protocol::udp:
      return 6;
    case Protocol::icmp:
    case Protocol::icmpv6:
      return 2;
  }
  return std::nullopt;
}

// Of the whole segment, its own checksum field included, with the pseudo-header (RFC 9293, 3.1;
// RFC 8200, 8.1). ICMP for IPv4 has none.
std::uint16_t sum_segment(BytesView packet, const IpHeader& ip) {
  const BytesView segment = ip_payload(packet, ip);
  if (ip.protocol == Protocol::icmp) {
    return fold(sum_words(segment));
  }
  std::array<std::byte, 8> tail{};  // length and protocol of the pseudo-header
  store_u32(tail, 0, static_cast<std::uint32_t>(segment.size()));
  tail[7] = static_cast<std::byte>(ip.protocol);
  return fold(sum_words(ip.source.bytes()) + sum_words(ip.destination.bytes()) + sum_words(tail) +
              sum_words(segment));
}

std::optional<IpHeader> parse_ipv4(BytesView packet) {
  if (packet.size() < ipv4_header_size) {
    return std::nullopt;
  }
  IpHeader ip;
  ip.header_length = (std::to_integer<std::size_t>(packet[0]) & 0x0fU) * 4;
  ip.packet_length = load_u16(packet, 2);
  const bool fragment = (load_u16(packet, 6) & 0x3fffU) != 0;  // more fragments, or an offset
  if (fragment || ip.header_length < ipv4_header_size || ip.packet_length < ip.header_length ||
      ip.packet_length > packet.size()) {
    return std::nullopt;
  }
  ip.protocol = static_cast<Protocol>(packet[9]);
  ip.source = IpAddress::v4(packet.subspan<12, IpAddress::v4_size>());
  ip.destination = IpAddress::v4(packet.subspan<16, IpAddress::v4_size>());
  return ip;
}

bool is_extension_header(std::byte next_header) {
  switch (std::to_integer<int>(next_header)) {
    case 0:    // hop-by-hop options
    case 43:   // routing
    case 44:   // fragment
    case 60:   // destination options
    case 135:  // mobility
      return true;
    default:
      return false;
  }
}

std::optional<IpHeader> parse_ipv6(BytesView packet) {
  if (packet.size() < ipv6_header_size || is_extension_header(packet[6])) {
    return std::nullopt;
  }
  IpHeader ip;
  ip.header_length = ipv6_header_size;
  ip.packet_length = ipv6_header_size + load_u16(packet, 4);
  if (ip.packet_length > packet.size()) {
    return std::nullopt;
  }
  ip.protocol = static_cast<Protocol>(packet[6]);
  ip.source = IpAddress::v6(packet.subspan<8, IpAddress::v6_size>());
  ip.destination = IpAddress::v6(packet.subspan<24, IpAddress::v6_size>());
  return ip;
}

bool ipv4_header_holds(BytesView packet, const IpHeader& ip) {
  return ip.source.is_v6() || fold(sum_words(packet.first(ip.header_length))) == 0xffff;
}

}  // namespace

std::optional<IpHeader> parse_ip(BytesView packet) {
  if (packet.empty()) {
    return std::nullopt;
  }
  switch (std::to_integer<int>(packet[0] >> 4)) {
    case 4:
      return parse_ipv4(packet);
    case 6:
      return parse_ipv6(packet);
    default:
      return std::nullopt;
  }
}

BytesView ip_payload(BytesView packet, const IpHeader& ip) {
  return packet.subspan(ip.header_length, ip.packet_length - ip.header_length);
}

std::optional<TcpHeader> parse_tcp(BytesView payload) {
  if (payload.size() < tcp_header_size) {
    return std::nullopt;
  }
  TcpHeader tcp;
  tcp.source_port = load_u16(payload, 0);
  tcp.destination_port = load_u16(payload, 2);
  tcp.sequence = load_u32(payload, 4);
  tcp.acknowledgement = load_u32(payload, 8);
  tcp.header_length = std::to_integer<std::size_t>(payload[12] >> 4) * 4;
  tcp.flags = std::to_integer<std::uint8_t>(payload[13]);
  if (tcp.header_length < tcp_header_size || tcp.header_length > payload.size()) {
    return std::nullopt;
  }
  return tcp;
}

std::optional<UdpHeader> parse_udp(BytesView payload) {
  if (payload.size() < udp_header_size) {
    return std::nullopt;
  }
  const UdpHeader udp{load_u16(payload, 0), load_u16(payload, 2), load_u16(payload, 4)};
  if (udp.length < udp_header_size || udp.length > payload.size()) {
    return std::nullopt;
  }
  return udp;
}

std::optional<EchoHeader> parse_echo(BytesView payload, Protocol protocol) {
  const bool v6 = protocol == Protocol::icmpv6;
  if (payload.size() < icmp_header_size || (!v6 && protocol != Protocol::icmp)) {
    return std::nullopt;
  }
  const auto type = std::to_integer<int>(payload[0]);
  const int request = v6 ? 128 : 8;
  const int reply = v6 ? 129 : 0;
  if ((type != request && type != reply) || payload[1] != std::byte{}) {
    return std::nullopt;
  }
  return EchoHeader{type == request, load_u16(payload, 4), load_u16(payload, 6)};
}

void rewrite_endpoints(MutableBytes packet, const IpHeader& ip, const Endpoint& source,
                       const Endpoint& destination) {
  const MutableBytes addresses = addresses_of(packet, ip);
  const MutableBytes tcp = packet.subspan(ip.header_length);
  const std::uint64_t addresses_before = sum_words(addresses);
  const std::uint64_t ports_before = sum_words(tcp.first(ports_size));
  std::memcpy(addresses.data(), source.address.bytes().data(), ip.source.size());
  std::memcpy(addresses.data() + ip.source.size(), destination.address.bytes().data(),
              ip.source.size());
  store_u16(tcp, 0, source.port);
  store_u16(tcp, 2, destination.port);
  const std::uint64_t addresses_after = sum_words(addresses);
  if (ip.source.is_v4()) {
    adjust_sum(packet, ipv4_sum_at, addresses_before, addresses_after);
  }
  adjust_sum(tcp, tcp_sum_at, addresses_before + ports_before,
             addresses_after + sum_words(tcp.first(ports_size)));
}

void store_checksums(MutableBytes packet) {
  const auto ip = parse_ip(packet);
  if (!ip) {
    return;
  }
  if (ip->source.is_v4()) {
    store_sum(packet, ipv4_sum_at, 0);
    store_sum(packet, ipv4_sum_at, complement(fold(sum_words(packet.first(ip->header_length)))));
  }
  const auto offset = sum_offset(ip->protocol);
  if (!offset) {
    return;
  }
  const std::size_t at = ip->header_length + *offset;
  store_sum(packet, at, 0);
  const std::uint16_t sum = complement(sum_segment(packet, *ip));
  // In UDP zero means "no checksum"; its other spelling stands in (RFC 768).
  store_sum(packet, at, sum == 0 && ip->protocol == Protocol::udp ? std::uint16_t{0xffff} : sum);
}

bool checksums_hold(BytesView packet) {
  const auto ip = parse_ip(packet);
  if (!ip || !ipv4_header_holds(packet, *ip)) {
    return false;
  }
  const auto offset = sum_offset(ip->protocol);
  const BytesView segment = ip_payload(packet, *ip);
  if (!offset || segment.size() < *offset + 2) {
    return !offset;
  }
  const bool none =
      ip->protocol == Protocol::udp && ip->source.is_v4() && load_sum(segment, *offset) == 0;
  return none || sum_segment(packet, *ip) == 0xffff;
}

}  // namespace kt::net
