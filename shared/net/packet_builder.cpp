// SPDX-License-Identifier: Apache-2.0
#include "net/packet_builder.h"

#include <algorithm>

namespace kt::net {
namespace {

constexpr std::byte hop_limit{64};
// An ICMP error with its quote fits everywhere: RFC 1812, 4.3.2.3 and RFC 4443, 2.4 (c).
constexpr std::size_t max_icmp_error = 576;
constexpr std::size_t max_icmpv6_error = 1280;

struct Route {
  const IpAddress& source;
  const IpAddress& destination;
};

void fill_ipv4(MutableBytes packet, const Route& route, Protocol protocol) {
  packet[0] = std::byte{0x45};  // version 4, five words of header
  store_u16(packet, 2, static_cast<std::uint16_t>(packet.size()));
  store_u16(packet, 6, 0x4000);  // don't fragment, so the id may be zero (RFC 6864)
  packet[8] = hop_limit;
  packet[9] = static_cast<std::byte>(protocol);
  std::ranges::copy(route.source.bytes(), packet.begin() + 12);
  std::ranges::copy(route.destination.bytes(), packet.begin() + 16);
}

void fill_ipv6(MutableBytes packet, const Route& route, Protocol protocol) {
  packet[0] = std::byte{0x60};
  store_u16(packet, 4, static_cast<std::uint16_t>(packet.size() - ipv6_header_size));
  packet[6] = static_cast<std::byte>(protocol);
  packet[7] = hop_limit;
  std::ranges::copy(route.source.bytes(), packet.begin() + 8);
  std::ranges::copy(route.destination.bytes(), packet.begin() + 24);
}

std::size_t header_size(const IpAddress& address) {
  return address.is_v6() ? ipv6_header_size : ipv4_header_size;
}

// An IP packet with `size` zero bytes behind its header; nothing when there is no such packet.
std::optional<Bytes> ip_packet(const Route& route, Protocol protocol, std::size_t size) {
  const bool v6 = route.source.is_v6();
  const std::size_t length = header_size(route.source) + size;
  if (v6 != route.destination.is_v6() || length > max_packet) {
    return std::nullopt;
  }
  Bytes packet(length);
  v6 ? fill_ipv6(packet, route, protocol) : fill_ipv4(packet, route, protocol);
  return packet;
}

MutableBytes payload_of(Bytes& packet, const IpAddress& source) {
  return MutableBytes(packet).subspan(header_size(source));
}

// How far `tcp` moves the sequence number: SYN and FIN count as one byte each.
std::uint32_t sequence_length(const TcpHeader& tcp, std::size_t segment_size) {
  const auto data = static_cast<std::uint32_t>(segment_size - tcp.header_length);
  return data + (tcp.has(tcp_flag::syn) ? 1U : 0U) + (tcp.has(tcp_flag::fin) ? 1U : 0U);
}

void fill_reset(MutableBytes reset, const TcpHeader& tcp, std::size_t segment_size) {
  store_u16(reset, 0, tcp.destination_port);
  store_u16(reset, 2, tcp.source_port);
  reset[12] = std::byte{0x50};  // five words of header
  if (tcp.has(tcp_flag::ack)) {
    store_u32(reset, 4, tcp.acknowledgement);
    reset[13] = std::byte{tcp_flag::rst};
    return;
  }
  store_u32(reset, 8, tcp.sequence + sequence_length(tcp, segment_size));
  reset[13] = std::byte{tcp_flag::rst | tcp_flag::ack};
}

std::byte icmp_code(Unreachable why) {
  switch (why) {
    case Unreachable::network:
      return std::byte{0};
    case Unreachable::host:
      return std::byte{1};
    case Unreachable::port:
      return std::byte{3};
    case Unreachable::prohibited:
      return std::byte{13};
  }
  return std::byte{1};
}

std::byte icmpv6_code(Unreachable why) {
  switch (why) {
    case Unreachable::network:
      return std::byte{0};
    case Unreachable::host:
      return std::byte{3};
    case Unreachable::port:
      return std::byte{4};
    case Unreachable::prohibited:
      return std::byte{1};
  }
  return std::byte{3};
}

}  // namespace

std::optional<Bytes> reset_for(BytesView packet) {
  const auto ip = parse_ip(packet);
  if (!ip || ip->protocol != Protocol::tcp) {
    return std::nullopt;
  }
  const BytesView segment = ip_payload(packet, *ip);
  const auto tcp = parse_tcp(segment);
  if (!tcp || tcp->has(tcp_flag::rst)) {
    return std::nullopt;
  }
  auto reset = ip_packet({ip->destination, ip->source}, Protocol::tcp, tcp_header_size);
  if (reset) {
    fill_reset(payload_of(*reset, ip->source), *tcp, segment.size());
    store_checksums(*reset);
  }
  return reset;
}

std::optional<Bytes> unreachable_for(BytesView packet, Unreachable why) {
  const auto ip = parse_ip(packet);
  if (!ip) {
    return std::nullopt;
  }
  const bool v6 = ip->source.is_v6();
  const std::size_t most = (v6 ? max_icmpv6_error : max_icmp_error) - header_size(ip->source);
  const BytesView quote = packet.first(std::min(ip->packet_length, most - icmp_header_size));
  auto error = ip_packet({ip->destination, ip->source}, v6 ? Protocol::icmpv6 : Protocol::icmp,
                         icmp_header_size + quote.size());
  if (error) {
    const MutableBytes icmp = payload_of(*error, ip->source);
    icmp[0] = v6 ? std::byte{1} : std::byte{3};
    icmp[1] = v6 ? icmpv6_code(why) : icmp_code(why);
    std::ranges::copy(quote, icmp.begin() + icmp_header_size);
    store_checksums(*error);
  }
  return error;
}

std::optional<Bytes> udp_packet(const Endpoint& source, const Endpoint& destination,
                                BytesView payload) {
  auto packet = ip_packet({source.address, destination.address}, Protocol::udp,
                          udp_header_size + payload.size());
  if (packet) {
    const MutableBytes udp = payload_of(*packet, source.address);
    store_u16(udp, 0, source.port);
    store_u16(udp, 2, destination.port);
    store_u16(udp, 4, static_cast<std::uint16_t>(udp.size()));
    std::ranges::copy(payload, udp.begin() + udp_header_size);
    store_checksums(*packet);
  }
  return packet;
}

std::optional<Bytes> echo_packet(const IpAddress& source, const IpAddress& destination,
                                 const EchoHeader& header, BytesView payload) {
  const bool v6 = source.is_v6();
  auto packet = ip_packet({source, destination}, v6 ? Protocol::icmpv6 : Protocol::icmp,
                          icmp_header_size + payload.size());
  if (packet) {
    const MutableBytes icmp = payload_of(*packet, source);
    icmp[0] = header.request ? (v6 ? std::byte{128} : std::byte{8})
                             : (v6 ? std::byte{129} : std::byte{0});
    store_u16(icmp, 4, header.id);
    store_u16(icmp, 6, header.sequence);
    std::ranges::copy(payload, icmp.begin() + icmp_header_size);
    store_checksums(*packet);
  }
  return packet;
}

}  // namespace kt::net
