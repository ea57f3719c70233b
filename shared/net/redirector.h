// SPDX-License-Identifier: Apache-2.0
// Lets the kernel's own TCP terminate connections to addresses that are not this machine's. Pure:
// packets from a TUN in, packets for it and events out; time is a parameter.
//
//   application                     TUN                                     our listener
//   app:40000 → 10.96.3.4:80   →  SYN held, ConnectRequest, … connected()
//                                 10.96.3.4:<slot> → listener           →  accept(): peer = slot
//   app:40000 ← 10.96.3.4:80   ←  10.96.3.4:<slot> ← listener
//
// The connection is accepted only after the far end has been reached; a failure is answered as the
// far network would have answered it.
#pragma once

#include "base/bytes.h"
#include "net/address.h"
#include "net/nat_table.h"
#include "net/packet.h"
#include "net/packet_builder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

namespace kt::net {

// What to do with the packet just handled. Views point into that packet or into the Redirector and
// are valid until its next call.

// Nothing: a held SYN, a packet that nobody answers.
struct Ignore {};
// Write the packet, which was rewritten in place, back to the TUN.
struct WriteBack {};
// Write this one to the TUN: a RST for a segment of no known flow.
struct Answer {
  BytesView packet;
};
// Dial `destination`, then call connected() or failed(). Reported once a flow.
struct ConnectRequest {
  FlowId flow;
  Endpoint source;
  Endpoint destination;
};
// As WriteBack; besides, the application gave up before the handshake was done, so accept() will
// not return this flow: drop what was dialled. The Redirector has forgotten the flow.
struct Abandoned {
  FlowId flow;
};
// A UDP datagram; a reply is udp_packet(destination, source, …), a failure datagram_failure().
struct Datagram {
  Endpoint source;
  Endpoint destination;
  BytesView payload;
};
// A ping; a reply is echo_packet(destination, source, {false, id, sequence}, payload).
struct EchoRequest {
  IpAddress source;
  IpAddress destination;
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;
  BytesView payload;
};

using Outcome =
    std::variant<Ignore, WriteBack, Answer, ConnectRequest, Abandoned, Datagram, EchoRequest>;

// The owner's life with a flow:
//   ConnectRequest → dial → failed(): done, or
//                         → connected() → accept(), flow_of_peer(peer) → relay → close(fd),
//                         closed()
// Every ConnectRequest must be answered by connected() or failed(); every connected flow ends by
// Abandoned or by closed(), also one that accept() did not return within some seconds. Ids that the
// Redirector no longer knows are ignored.
class Redirector {
 public:
  struct Options {
    // Where our TCP listeners listen; a family without one gets RST for each SYN.
    std::optional<Endpoint> listener_v4;
    std::optional<Endpoint> listener_v6;
    // SYNs held at a time; further ones are dropped, and the application's kernel tries again.
    std::size_t pending_limit = 4096;
  };
  explicit Redirector(const Options& options);

  // Takes one packet read from the TUN. Never throws, whatever the bytes are.
  [[nodiscard]] Outcome handle(MutableBytes packet, TimePoint now);

  // The far end accepted: the held SYN, rewritten, for the TUN. Nothing when the flow is unknown.
  [[nodiscard]] std::optional<Bytes> connected(FlowId flow, TimePoint now);

  // The far end was not reached; `error` is an errno of connect(2). What to write to the TUN:
  // ECONNREFUSED, ECONNRESET → RST; ENETUNREACH, EHOSTUNREACH, EACCES, EPERM → ICMP; nothing for
  // ETIMEDOUT, so that the application times out as it would in the cluster. Else → RST.
  [[nodiscard]] std::optional<Bytes> failed(FlowId flow, int error);

  // Which flow an accepted socket belongs to, by getpeername(2). Nothing for a stranger, who
  // connected to the listener directly: close the socket.
  [[nodiscard]] std::optional<FlowId> flow_of_peer(const Endpoint& peer) const;

  // The owner closed its socket. The slot is free again once no packet can use it any more.
  void closed(FlowId flow, TimePoint now);

  // When expire() has something to do; nothing while there is nothing to wait for.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  void expire(TimePoint now);

  [[nodiscard]] std::size_t flows() const { return table_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_; }

 private:
  struct Segment {
    MutableBytes packet;
    IpHeader ip;
    TcpHeader tcp;
  };

  [[nodiscard]] static Outcome handle_udp(BytesView packet, const IpHeader& ip);
  [[nodiscard]] static Outcome handle_echo(BytesView packet, const IpHeader& ip);
  [[nodiscard]] Outcome handle_tcp(MutableBytes packet, const IpHeader& ip, TimePoint now);
  [[nodiscard]] Outcome from_listener(const Segment& segment, TimePoint now);
  [[nodiscard]] Outcome from_application(const Segment& segment, TimePoint now);
  [[nodiscard]] Outcome first_syn(const Segment& segment, const FlowKey& key, TimePoint now);
  [[nodiscard]] Outcome forward(Flow& flow, const Segment& segment, TimePoint now);
  [[nodiscard]] Outcome reset(BytesView packet);
  static void hold(Flow& flow, const Segment& segment);
  void erase_when_over(Flow& flow, TimePoint now);
  [[nodiscard]] const std::optional<Endpoint>& listener_for(const IpAddress& address) const;
  [[nodiscard]] FlowKey to_listener(const Flow& flow) const;

  Options options_;
  NatTable table_;
  std::size_t pending_ = 0;
  Bytes answer_;
};

// The ICMP error, if any, that a sent datagram or ping meets when the far end answered `error`, an
// errno: ECONNREFUSED is port unreachable; the others as in Redirector::failed, ETIMEDOUT and
// unknown ones are nothing.
[[nodiscard]] std::optional<Bytes> datagram_failure(const Endpoint& source,
                                                    const Endpoint& destination, int error);
// Does not look at the request's payload.
[[nodiscard]] std::optional<Bytes> echo_failure(const EchoRequest& request, int error);

}  // namespace kt::net
