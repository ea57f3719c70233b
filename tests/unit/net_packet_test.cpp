// SPDX-License-Identifier: Apache-2.0
#include "net/packet.h"
#include "net/packet_builder.h"
#include "support/catch.h"
#include "unit/net_segment.h"

#include <random>

namespace kt::net {
namespace {

const Endpoint app4{*IpAddress::parse("198.18.77.1"), 40000};
const Endpoint service4{*IpAddress::parse("10.96.3.4"), 80};
const Endpoint app6{*IpAddress::parse("fd00:6b74::1"), 40000};
const Endpoint service6{*IpAddress::parse("fd00:10::3"), 80};

IpHeader header_of(const Bytes& packet) {
  return parse_ip(packet).value();
}
TcpHeader tcp_of(const Bytes& packet) {
  return parse_tcp(ip_payload(packet, header_of(packet))).value();
}
std::uint32_t number(std::mt19937& random) {
  return static_cast<std::uint32_t>(random());
}
Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  for (std::byte& b : bytes) {
    b = static_cast<std::byte>(random());
  }
  return bytes;
}

}  // namespace

TEST_CASE("a packet is read as it was written") {
  const Bytes udp = udp_packet(service4, app4, as_bytes("hello")).value();
  const IpHeader ip = header_of(udp);
  CHECK(ip.source == service4.address);
  CHECK(ip.destination == app4.address);
  CHECK(ip.packet_length == 33);
  const UdpHeader header = parse_udp(ip_payload(udp, ip)).value();
  CHECK(header.source_port == 80);
  CHECK(header.destination_port == 40000);
  CHECK(header.length == 13);
  CHECK(checksums_hold(udp));
}

TEST_CASE("a known packet has the known checksum") {
  // 198.51.100.1:1 → 192.0.2.1:2 "hi"; sums by an independent program.
  const Bytes udp = udp_packet({*IpAddress::parse("198.51.100.1"), 1},
                               {*IpAddress::parse("192.0.2.1"), 2}, as_bytes("hi"))
                        .value();
  CHECK(to_hex(BytesView(udp).subspan(10, 2)) == "4e99");
  CHECK(to_hex(BytesView(udp).subspan(26, 2)) == "ab37");
}

TEST_CASE("a cut packet is nothing") {
  for (const auto& [source, destination] : {std::pair(app4, service4), std::pair(app6, service6)}) {
    const Bytes whole = test::segment(source, destination, {tcp_flag::syn, 1, 0}, {});
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CHECK_FALSE(parse_ip(BytesView(whole).first(size)));
    }
  }
}

TEST_CASE("fragments and extension headers are nothing") {
  Bytes fragment = test::segment(app4, service4, {tcp_flag::ack, 1, 1}, {});
  store_u16(fragment, 6, 0x2000);  // more fragments
  CHECK_FALSE(parse_ip(fragment));
  store_u16(fragment, 6, 0x0001);  // an offset
  CHECK_FALSE(parse_ip(fragment));
  Bytes hop_by_hop = test::segment(app6, service6, {tcp_flag::ack, 1, 1}, {});
  hop_by_hop[6] = std::byte{0};
  CHECK_FALSE(parse_ip(hop_by_hop));
}

TEST_CASE("bytes behind the packet do not belong to it") {
  Bytes padded = udp_packet(service4, app4, as_bytes("hello")).value();
  const std::size_t size = padded.size();
  padded.resize(size + 20);
  CHECK(ip_payload(padded, header_of(padded)).size() == size - ipv4_header_size);
  CHECK(checksums_hold(padded));
}

TEST_CASE("rewritten endpoints keep the checksums right") {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    const bool v6 = i % 2 == 0;
    const auto endpoint = [&] {
      return Endpoint{*IpAddress::from_bytes(random_bytes(random, v6 ? 16 : 4)),
                      static_cast<std::uint16_t>(random())};
    };
    Bytes packet =
        test::segment(endpoint(), endpoint(), {tcp_flag::ack, number(random), number(random)},
                      random_bytes(random, random() % 200));
    const Endpoint source = endpoint();
    const Endpoint destination = endpoint();
    rewrite_endpoints(packet, header_of(packet), source, destination);
    REQUIRE(checksums_hold(packet));
    const IpHeader ip = header_of(packet);
    REQUIRE(Endpoint{ip.source, tcp_of(packet).source_port} == source);
    REQUIRE(Endpoint{ip.destination, tcp_of(packet).destination_port} == destination);
  }
}

TEST_CASE("a rewrite does not repair a broken checksum") {
  Bytes packet = test::segment(app4, service4, {tcp_flag::ack, 1, 1}, as_bytes("data"));
  packet.back() ^= std::byte{1};
  rewrite_endpoints(packet, header_of(packet), service4, app4);
  CHECK_FALSE(checksums_hold(packet));
}

TEST_CASE("a SYN is refused by RST and ACK of it") {
  for (const auto& [source, destination] : {std::pair(app4, service4), std::pair(app6, service6)}) {
    const Bytes syn = test::segment(source, destination, {tcp_flag::syn, 0xffffffff, 0}, {});
    const Bytes reset = reset_for(syn).value();
    CHECK(checksums_hold(reset));
    CHECK(header_of(reset).source == destination.address);
    CHECK(header_of(reset).destination == source.address);
    CHECK(tcp_of(reset).flags == (tcp_flag::rst | tcp_flag::ack));
    CHECK(tcp_of(reset).source_port == destination.port);
    CHECK(tcp_of(reset).sequence == 0);
    CHECK(tcp_of(reset).acknowledgement == 0);  // sequence + 1, wrapped
  }
}

TEST_CASE("a segment with ACK is refused by RST at the acknowledged place") {
  const Bytes data = test::segment(app4, service4, {tcp_flag::ack, 5, 77}, as_bytes("data"));
  const Bytes reset = reset_for(data).value();
  CHECK(tcp_of(reset).flags == tcp_flag::rst);
  CHECK(tcp_of(reset).sequence == 77);
}

TEST_CASE("a RST is never answered") {
  CHECK_FALSE(reset_for(test::segment(app4, service4, {tcp_flag::rst, 5, 0}, {})));
  CHECK_FALSE(reset_for(udp_packet(app4, service4, {}).value()));
}

TEST_CASE("an unreachable error quotes the packet's beginning") {
  const Bytes sent = udp_packet(app4, service4, Bytes(3000)).value();
  const Bytes error = unreachable_for(sent, Unreachable::port).value();
  CHECK(checksums_hold(error));
  CHECK(error.size() == 576);
  CHECK(error[20] == std::byte{3});
  CHECK(error[21] == std::byte{3});
  CHECK(std::equal(error.begin() + 28, error.end(), sent.begin()));
}

TEST_CASE("an ICMPv6 unreachable error has the codes of RFC 4443") {
  const Bytes sent = udp_packet(app6, service6, Bytes(3000)).value();
  const auto code = [&](Unreachable why) {
    const Bytes error = unreachable_for(sent, why).value();
    CHECK(checksums_hold(error));
    CHECK(error.size() == 1280);
    CHECK(error[40] == std::byte{1});
    return std::to_integer<int>(error[41]);
  };
  CHECK(code(Unreachable::network) == 0);
  CHECK(code(Unreachable::prohibited) == 1);
  CHECK(code(Unreachable::host) == 3);
  CHECK(code(Unreachable::port) == 4);
}

TEST_CASE("a datagram is as long as a packet may be, and no longer") {
  CHECK(checksums_hold(udp_packet(service4, app4, Bytes(65'507)).value()));
  CHECK_FALSE(udp_packet(service4, app4, Bytes(65'508)));
  CHECK(checksums_hold(udp_packet(service6, app6, Bytes(65'487)).value()));
  CHECK_FALSE(udp_packet(service6, app6, Bytes(65'488)));
  CHECK_FALSE(udp_packet(service6, app4, {}));
}

TEST_CASE("an echo reply is read as it was written") {
  for (const auto& [from, to] : {std::pair(service4, app4), std::pair(service6, app6)}) {
    const Bytes reply =
        echo_packet(from.address, to.address, {false, 7, 9}, as_bytes("payload")).value();
    const IpHeader ip = header_of(reply);
    const EchoHeader echo = parse_echo(ip_payload(reply, ip), ip.protocol).value();
    CHECK(checksums_hold(reply));
    CHECK_FALSE(echo.request);
    CHECK(echo.id == 7);
    CHECK(echo.sequence == 9);
    CHECK(to_string(ip_payload(reply, ip).subspan(icmp_header_size)) == "payload");
  }
}

}  // namespace kt::net
