// SPDX-License-Identifier: Apache-2.0
#include "unit/net_connection.h"

#include <cerrno>
#include <random>

namespace kt::net {

using namespace test;
using std::chrono::seconds;

TEST_CASE("the first SYN asks to connect, its repetitions do not") {
  Redirector redirector = make();
  Bytes syn = segment(app, service, {tcp_flag::syn, 100, 0}, {});
  const auto asked = std::get<ConnectRequest>(redirector.handle(syn, start));
  CHECK(asked.source == app);
  CHECK(asked.destination == service);
  CHECK(std::holds_alternative<Ignore>(redirector.handle(syn, start + seconds(1))));
  CHECK(redirector.pending() == 1);
  CHECK(redirector.flows() == 1);
}

TEST_CASE("a connected SYN goes from the destination's address and the slot to the listener") {
  for (const auto& [from, to, ours] :
       {std::tuple(app, service, listener), std::tuple(app6, service6, listener6)}) {
    Redirector redirector = make();
    const FlowId flow = request(redirector, from, to);
    const Bytes syn = redirector.connected(flow, start).value();
    CHECK(ends_of(syn) == Ends{{to.address, flow.slot}, ours});
    CHECK(flags_of(syn) == tcp_flag::syn);
    CHECK(checksums_hold(syn));
    CHECK(redirector.flow_of_peer({to.address, flow.slot}) == flow);
    CHECK_FALSE(redirector.connected(flow, start));
  }
}

TEST_CASE("the latest of repeated SYNs is the one that is let through") {
  Redirector redirector = make();
  const FlowId flow = request(redirector, app, service);
  Bytes again = segment(app, service, {tcp_flag::syn, 555, 0}, {});
  (void)redirector.handle(again, start);
  const Bytes syn = redirector.connected(flow, start).value();
  CHECK(parse_tcp(BytesView(syn).subspan(ipv4_header_size))->sequence == 555);
}

TEST_CASE("segments of a connection are rewritten both ways with right checksums") {
  std::mt19937 random(3);
  for (const auto& [from, to, ours] :
       {std::tuple(app, service, listener), std::tuple(app6, service6, listener6)}) {
    Redirector redirector = make();
    const Connection connection = Connection(redirector, from, to).establish();
    for (int i = 0; i < 500; ++i) {
      Bytes data(random() % 3000);
      std::ranges::generate(data, [&] { return static_cast<std::byte>(random()); });
      Bytes out = segment(from, to, {tcp_flag::ack, 1, 2}, data);
      REQUIRE(std::holds_alternative<WriteBack>(redirector.handle(out, start)));
      REQUIRE(ends_of(out) == Ends{connection.slot(), ours});
      REQUIRE(checksums_hold(out));
      Bytes in = segment(ours, connection.slot(), {tcp_flag::ack, 1, 2}, data);
      REQUIRE(std::holds_alternative<WriteBack>(redirector.handle(in, start)));
      REQUIRE(ends_of(in) == Ends{to, from});
      REQUIRE(checksums_hold(in));
    }
  }
}

TEST_CASE("a failed dial is answered as the far network would answer it") {
  const auto answer = [](int error) {
    Redirector redirector = make();
    auto packet = redirector.failed(request(redirector, app, service), error);
    CHECK(redirector.flows() == 0);
    CHECK(redirector.pending() == 0);
    CHECK((!packet || checksums_hold(*packet)));
    return packet;
  };
  const auto icmp_code = [&](int error) { return std::to_integer<int>((*answer(error))[21]); };
  CHECK(flags_of(*answer(ECONNREFUSED)) == (tcp_flag::rst | tcp_flag::ack));
  CHECK(ends_of(*answer(ECONNREFUSED)) == Ends{service, app});
  CHECK(icmp_code(ENETUNREACH) == 0);
  CHECK(icmp_code(EHOSTUNREACH) == 1);
  CHECK(icmp_code(EACCES) == 13);
  CHECK_FALSE(answer(ETIMEDOUT));
}

TEST_CASE("after a failure the same SYN asks again") {
  Redirector redirector = make();
  const FlowId first = request(redirector, app, service);
  (void)redirector.failed(first, ETIMEDOUT);
  CHECK(request(redirector, app, service) != first);
  CHECK_FALSE(redirector.failed(first, ECONNREFUSED));
}

TEST_CASE("segments of no known connection are reset") {
  Redirector redirector = make();
  Bytes data = segment(app, service, {tcp_flag::ack, 5, 77}, as_bytes("data"));
  const Answer answer = std::get<Answer>(redirector.handle(data, start));
  CHECK(flags_of(answer.packet) == tcp_flag::rst);
  CHECK(ends_of(answer.packet) == Ends{service, app});
  Bytes stray = segment(listener, {service.address, 2000}, {tcp_flag::ack, 5, 77}, {});
  CHECK(std::holds_alternative<Answer>(redirector.handle(stray, start)));
  Bytes reset = segment(app, service, {tcp_flag::rst, 5, 0}, {});
  CHECK(std::holds_alternative<Ignore>(redirector.handle(reset, start)));
}

TEST_CASE("SYNs beyond the limit are dropped until one is decided") {
  Redirector redirector = make(2);
  const FlowId first = request(redirector, app, service);
  (void)request(redirector, {app.address, 40001}, service);
  Bytes third = segment({app.address, 40002}, service, {tcp_flag::syn, 1, 0}, {});
  CHECK(std::holds_alternative<Ignore>(redirector.handle(third, start)));
  (void)redirector.failed(first, ECONNREFUSED);
  CHECK(std::holds_alternative<ConnectRequest>(redirector.handle(third, start)));
}

TEST_CASE("a family without listener is refused") {
  Redirector redirector({listener, std::nullopt});
  Bytes syn = segment(app6, service6, {tcp_flag::syn, 1, 0}, {});
  CHECK(std::holds_alternative<Answer>(redirector.handle(syn, start)));
}

TEST_CASE("a stranger at the listener has no flow") {
  Redirector redirector = make();
  const Connection connection(redirector, app, service);
  CHECK_FALSE(redirector.flow_of_peer({app.address, connection.flow.slot}));
  CHECK_FALSE(redirector.flow_of_peer({service.address, 1}));
}

TEST_CASE("datagrams and pings are events") {
  Redirector redirector = make();
  Bytes udp = udp_packet(app, service, as_bytes("question")).value();
  const Outcome datagram = redirector.handle(udp, start);
  CHECK(std::get<Datagram>(datagram).source == app);
  CHECK(std::get<Datagram>(datagram).destination == service);
  CHECK(to_string(std::get<Datagram>(datagram).payload) == "question");
  Bytes ping = echo_packet(app6.address, service6.address, {true, 7, 9}, as_bytes("x")).value();
  const auto echo = std::get<EchoRequest>(redirector.handle(ping, start));
  CHECK(echo.destination == service6.address);
  CHECK(echo.id == 7);
  CHECK(echo.sequence == 9);
  Bytes pong = echo_packet(service.address, app.address, {false, 7, 9}, {}).value();
  CHECK(std::holds_alternative<Ignore>(redirector.handle(pong, start)));
}

TEST_CASE("nothing is done for multicast") {
  Redirector redirector = make();
  Bytes mdns = udp_packet(app, {*IpAddress::parse("224.0.0.251"), 5353}, {}).value();
  CHECK(std::holds_alternative<Ignore>(redirector.handle(mdns, start)));
}

TEST_CASE("a datagram's failure is an ICMP error, a time-out is silence") {
  const auto refused = datagram_failure(app, service, ECONNREFUSED);
  REQUIRE(refused);
  CHECK(checksums_hold(*refused));
  CHECK((*refused)[21] == std::byte{3});
  CHECK_FALSE(datagram_failure(app, service, ETIMEDOUT));
  const EchoRequest ping{app6.address, service6.address, 7, 9, {}};
  CHECK(checksums_hold(echo_failure(ping, EHOSTUNREACH).value()));
}

namespace {

// From the application, or back through one of the slots that are or were in use.
Bytes random_segment(std::mt19937& random, const std::vector<FlowId>& known) {
  const auto port = static_cast<std::uint16_t>(40000 + random() % 8);
  const auto flags = static_cast<std::uint8_t>(random() % 32);
  const Endpoint to{service.address, static_cast<std::uint16_t>(random() % 2 + 80)};
  if (!known.empty() && random() % 2 == 0) {
    const std::uint16_t slot = known[random() % known.size()].slot;
    return segment(listener, {service.address, slot}, {flags, 1, 1}, {});
  }
  return segment({app.address, port}, to, {flags, 1, 1}, {});
}

}  // namespace

TEST_CASE("random segments never confuse the flows") {
  std::mt19937 random(11);
  Redirector redirector = make(20);
  TimePoint now = start;
  std::vector<FlowId> known;
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random() % 500);
    Bytes packet = random_segment(random, known);
    const Outcome outcome = redirector.handle(packet, now);
    REQUIRE(checksums_hold(packet));
    if (const auto* asked = std::get_if<ConnectRequest>(&outcome)) {
      known.push_back(asked->flow);
      if (random() % 4 != 0) {
        REQUIRE(redirector.connected(asked->flow, now));
      } else {
        (void)redirector.failed(asked->flow, ECONNREFUSED);
      }
    }
    if (!known.empty() && random() % 3 == 0) {
      redirector.closed(known[random() % known.size()], now);
    }
    redirector.expire(now);
    REQUIRE(redirector.flows() <= known.size());
    REQUIRE(redirector.pending() == 0);
  }
  for (const FlowId flow : known) {
    redirector.closed(flow, now);
  }
  redirector.expire(now + seconds(1000));
  CHECK(redirector.flows() == 0);
}

}  // namespace kt::net
