// SPDX-License-Identifier: Apache-2.0
// Whole packets with complete checksums: the answers that a far host or router would give.
#pragma once

#include "base/bytes.h"
#include "net/address.h"
#include "net/packet.h"

#include <optional>

namespace kt::net {

// What a host without this connection answers to a TCP segment: RST, with ACK where the segment had
// none (RFC 9293, 3.5.2). Nothing when the packet is no TCP segment or is itself a RST.
[[nodiscard]] std::optional<Bytes> reset_for(BytesView packet);

// Why a destination is not reached; the codes are those of ICMP type 3 (RFC 792, RFC 1812) or
// ICMPv6 type 1 (RFC 4443).
enum class Unreachable { network, host, port, prohibited };

// The ICMP error for `packet`, which comes from its destination and quotes its beginning. Nothing
// when the packet does not parse.
[[nodiscard]] std::optional<Bytes> unreachable_for(BytesView packet, Unreachable why);

// A UDP packet. Nothing when the endpoints are of different families or the packet would exceed
// max_packet: the payload has at most 65 507 bytes (IPv6: 65 487).
[[nodiscard]] std::optional<Bytes> udp_packet(const Endpoint& source, const Endpoint& destination,
                                              BytesView payload);

// An echo request or reply, with the limits of udp_packet.
[[nodiscard]] std::optional<Bytes> echo_packet(const IpAddress& source,
                                               const IpAddress& destination,
                                               const EchoHeader& header, BytesView payload);

}  // namespace kt::net
