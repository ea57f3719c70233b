// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "net/packet.h"
#include "net/packet_builder.h"

#include <algorithm>

namespace kt::test {

struct TcpFields {
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
};

// A TCP packet as a kernel would send it, without options. A UDP packet of the right size is made
// and then overwritten, so that only one place knows IP headers.
inline Bytes segment(const net::Endpoint& source, const net::Endpoint& destination,
                     const TcpFields& fields, BytesView data) {
  const std::size_t extra = net::tcp_header_size - net::udp_header_size;
  Bytes packet = net::udp_packet(source, destination, Bytes(extra + data.size())).value();
  const bool v6 = source.address.is_v6();
  packet[v6 ? 6 : 9] = static_cast<std::byte>(net::Protocol::tcp);
  const MutableBytes tcp =
      MutableBytes(packet).subspan(v6 ? net::ipv6_header_size : net::ipv4_header_size);
  store_u32(tcp, 4, fields.sequence);
  store_u32(tcp, 8, fields.acknowledgement);
  tcp[12] = std::byte{0x50};
  tcp[13] = std::byte{fields.flags};
  std::ranges::copy(data, tcp.begin() + net::tcp_header_size);
  net::store_checksums(packet);
  return packet;
}

}  // namespace kt::test
