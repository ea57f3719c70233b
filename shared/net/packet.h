// SPDX-License-Identifier: Apache-2.0
// IPv4, IPv6, TCP, UDP and ICMP headers: bounds-checked parsers and the checksums. The parsers take
// foreign bytes and answer nothing for what is cut short or contradicts itself.
#pragma once

#include "base/bytes.h"
#include "net/address.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace kt::net {

// Assigned internet protocol numbers.
enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, icmpv6 = 58 };

// The biggest IP packet that we read or write, and the TUN's MTU.
inline constexpr std::size_t max_packet = 65'535;

inline constexpr std::size_t ipv4_header_size = 20;  // without options
inline constexpr std::size_t ipv6_header_size = 40;
inline constexpr std::size_t tcp_header_size = 20;  // without options
inline constexpr std::size_t udp_header_size = 8;
inline constexpr std::size_t icmp_header_size = 8;

struct IpHeader {
  IpAddress source;
  IpAddress destination;
  Protocol protocol{};            // may be a number that has no name here
  std::size_t header_length = 0;  // bytes; IPv4 options included
  std::size_t packet_length = 0;  // bytes, as the header says; what follows is padding
};

// Nothing for fragments and for IPv6 extension headers too: a kernel sends neither into a TUN whose
// MTU is max_packet, but for multicast listener reports.
[[nodiscard]] std::optional<IpHeader> parse_ip(BytesView packet);

// What follows the IP header. `packet` must have passed parse_ip.
[[nodiscard]] BytesView ip_payload(BytesView packet, const IpHeader& ip);

namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01;
inline constexpr std::uint8_t syn = 0x02;
inline constexpr std::uint8_t rst = 0x04;
inline constexpr std::uint8_t ack = 0x10;
}  // namespace tcp_flag

struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = 0;         // tcp_flag
  std::size_t header_length = 0;  // bytes; options included

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

struct UdpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::size_t length = 0;  // bytes; header and payload
};

// ICMP or ICMPv6 echo request or reply (RFC 792, RFC 4443).
struct EchoHeader {
  bool request = false;
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;
};

// `payload` is ip_payload().
[[nodiscard]] std::optional<TcpHeader> parse_tcp(BytesView payload);
[[nodiscard]] std::optional<UdpHeader> parse_udp(BytesView payload);
[[nodiscard]] std::optional<EchoHeader> parse_echo(BytesView payload, Protocol protocol);

// Gives a TCP packet new endpoints of its own family, in place, and corrects its checksums
// incrementally (RFC 1624). The packet must have passed parse_ip and parse_tcp.
void rewrite_endpoints(MutableBytes packet, const IpHeader& ip, const Endpoint& source,
                       const Endpoint& destination);

// Computes the IPv4 header's and the TCP, UDP or ICMP checksum in full and stores them. The packet
// must pass parse_ip and hold the whole header of its protocol.
void store_checksums(MutableBytes packet);

// True when those checksums hold. A UDP checksum of zero means none (RFC 768) and holds.
[[nodiscard]] bool checksums_hold(BytesView packet);

}  // namespace kt::net
