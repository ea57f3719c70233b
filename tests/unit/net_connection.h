// SPDX-License-Identifier: Apache-2.0
// A Redirector, and connections through it as the kernels on both sides see them.
#pragma once

#include "net/redirector.h"
#include "support/catch.h"
#include "unit/net_segment.h"

namespace kt::net::test {

using kt::test::segment;

inline const TimePoint start{std::chrono::seconds(1000)};
inline const Endpoint app{*IpAddress::parse("198.18.77.1"), 40000};
inline const Endpoint service{*IpAddress::parse("10.96.3.4"), 80};
inline const Endpoint listener{*IpAddress::parse("198.18.77.1"), 33333};
inline const Endpoint app6{*IpAddress::parse("fd00:6b74::1"), 40000};
inline const Endpoint service6{*IpAddress::parse("fd00:10::3"), 80};
inline const Endpoint listener6{*IpAddress::parse("fd00:6b74::1"), 44444};

struct Ends {
  Endpoint source;
  Endpoint destination;

  friend bool operator==(const Ends&, const Ends&) = default;
};

inline Ends ends_of(BytesView packet) {
  const IpHeader ip = parse_ip(packet).value();
  const TcpHeader tcp = parse_tcp(ip_payload(packet, ip)).value();
  return {{ip.source, tcp.source_port}, {ip.destination, tcp.destination_port}};
}

inline std::uint8_t flags_of(BytesView packet) {
  return parse_tcp(ip_payload(packet, parse_ip(packet).value())).value().flags;
}

inline Redirector make(std::size_t pending_limit = 4096) {
  return Redirector({listener, listener6, pending_limit});
}

inline FlowId request(Redirector& redirector, const Endpoint& from, const Endpoint& to,
                      TimePoint now = start) {
  Bytes syn = segment(from, to, {tcp_flag::syn, 100, 0}, {});
  return std::get<ConnectRequest>(redirector.handle(syn, now)).flow;
}

// A connection as both kernels see it, up to the owner's hands.
struct Connection {
  Redirector& redirector;
  Endpoint from;
  Endpoint to;
  FlowId flow{};
  TimePoint now = start;

  Connection(Redirector& r, const Endpoint& source, const Endpoint& destination,
             TimePoint at = start)
      : redirector(r), from(source), to(destination), now(at) {
    flow = request(redirector, from, to, now);
    REQUIRE(redirector.connected(flow, now));
  }

  [[nodiscard]] Endpoint slot() const { return {to.address, flow.slot}; }
  Outcome from_app(std::uint8_t flags) {
    Bytes packet = segment(from, to, {flags, 101, 201}, {});
    return redirector.handle(packet, now);
  }
  Outcome from_listener(std::uint8_t flags) {
    const Endpoint& ours = to.address.is_v6() ? listener6 : listener;
    Bytes packet = segment(ours, slot(), {flags, 201, 101}, {});
    return redirector.handle(packet, now);
  }
  Connection& establish() {
    REQUIRE(std::holds_alternative<WriteBack>(from_listener(tcp_flag::syn | tcp_flag::ack)));
    REQUIRE(std::holds_alternative<WriteBack>(from_app(tcp_flag::ack)));
    return *this;
  }
  void finish_app_first() {
    (void)from_app(tcp_flag::fin | tcp_flag::ack);
    (void)from_listener(tcp_flag::fin | tcp_flag::ack);
  }
  void finish_listener_first() {
    (void)from_listener(tcp_flag::fin | tcp_flag::ack);
    (void)from_app(tcp_flag::fin | tcp_flag::ack);
  }
};

}  // namespace kt::net::test
