// SPDX-License-Identifier: Apache-2.0
// The words of the mux as bytes, and back; docs/mux.md is the specification. Pure. Decoders take
// foreign bytes: they never throw, and answer nothing for what is not well-formed. They read what
// they know and ignore what follows, so that a later version may append fields.
#pragma once

#include "base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kt::mux {

inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::size_t header_size = 8;
inline constexpr std::size_t max_data = 64 * 1024;   // payload bytes of one DATA
inline constexpr std::size_t max_datagram = 65'535;  // payload bytes of one DATAGRAM
inline constexpr std::size_t data_prefix_size = 8;   // the offset in front of DATA's payload
inline constexpr std::size_t max_body = max_data + data_prefix_size;  // longer: protocol error

using StreamId = std::uint32_t;  // odd: opened by the laptop, even: by the agent, 0: control

enum class FrameType : std::uint8_t {
  hello = 1,
  welcome = 2,
  ping = 3,
  pong = 4,
  goaway = 5,
  open = 16,
  opened = 17,
  failed = 18,
  data = 19,
  credit = 20,
  fin = 21,
  reset = 22,
  done = 23,
  datagram = 24,
};

struct Header {
  StreamId stream = 0;
  std::uint8_t type = 0;     // a FrameType, or something unknown that is skipped by its length
  std::uint32_t length = 0;  // bytes behind the header, < 2^24
};

[[nodiscard]] Header decode_header(std::span<const std::byte, header_size> bytes);
void store_header(MutableBytes into, StreamId stream, FrameType type, std::size_t length);

// An IPv4 or IPv6 address in network order; a stranger to net::IpAddress, joined by bytes().
class Address {
 public:
  Address() = default;  // 0.0.0.0
  // 4 or 16 bytes; any other size is nothing.
  [[nodiscard]] static std::optional<Address> from_bytes(BytesView bytes);
  [[nodiscard]] BytesView bytes() const { return BytesView(bytes_).first(v6_ ? 16 : 4); }
  [[nodiscard]] bool is_v6() const { return v6_; }

  friend bool operator==(const Address&, const Address&) = default;

 private:
  bool v6_ = false;
  std::array<std::byte, 16> bytes_{};
};

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// IANA's protocol numbers, but for front. Streams of bytes: tcp and front. With datagram
// boundaries: the others.
enum class Protocol : std::uint8_t {
  icmp_echo = 1,  // IPv4 and IPv6; ports are 0, a datagram is an ICMP echo message
  front = 4,      // a line protocol with the agent's front; address and port are 0
  tcp = 6,
  udp = 17,
};

// What an OPEN asks the other end to reach.
struct Target {
  Protocol protocol = Protocol::tcp;
  Endpoint to;
  std::optional<Endpoint> from;  // whose connection this is, as the opener saw it

  [[nodiscard]] bool is_datagram() const {
    return protocol != Protocol::tcp && protocol != Protocol::front;
  }
  friend bool operator==(const Target&, const Target&) = default;
};

[[nodiscard]] Bytes encode_target(const Target& target);  // the body of OPEN
[[nodiscard]] std::optional<Target> decode_target(BytesView body);

struct Credit {
  std::uint64_t acknowledged = 0;  // offset: all before it has come; the FIN counts as one byte
  std::uint64_t limit = 0;         // offset: the first byte that must not be sent yet
};

// PING, echoed byte for byte in PONG.
struct Ping {
  std::uint64_t time = 0;      // the sender's own clock; means nothing to the other end
  StreamId lowest_living = 0;  // all lower ids of the sender's own are over; 0: says nothing
};
inline constexpr std::size_t ping_size = 12;

enum class GoawayReason : std::uint16_t {
  shutting_down = 1,    // no new streams; the living ones go on
  busy = 2,             // another session is attached
  unknown_session = 3,  // the agent was restarted: go back to link 0
  version = 4,          // the text names both versions
  protocol_error = 5,   // the text names the rule that was broken
  ended = 6,            // an orderly end of everything, now
};

struct Goaway {
  GoawayReason reason = GoawayReason::shutting_down;
  std::string text;  // for a person; of the other end, so print it through log::harmless
};

using SessionId = std::array<std::byte, 16>;
using Key = std::array<std::byte, 32>;

// The laptop's first frame on a link.
struct Hello {
  std::uint16_t version = protocol_version;
  SessionId session{};
  std::uint16_t link = 0;        // number: 0 SSH, 1 short flows, 2… bulk
  std::uint32_t generation = 0;  // of that number; a newer one ends the older
  std::optional<Key> key;        // on link 0 only
};

// The agent's answer; of what its pod has.
struct Welcome {
  std::uint16_t version = protocol_version;
  std::vector<Address> pod_addresses;
  std::vector<Address> nameservers;
  std::vector<std::string> search;  // of resolv.conf, in its order
};

// Whole frames, header included.
[[nodiscard]] Bytes encode_hello(const Hello& hello);
[[nodiscard]] Bytes encode_welcome(const Welcome& welcome);
[[nodiscard]] Bytes encode_goaway(const Goaway& goaway);
[[nodiscard]] Bytes encode_ping(FrameType ping_or_pong, const Ping& ping);

// Bodies, without the header. Of another version only `version` is filled.
[[nodiscard]] std::optional<Hello> decode_hello(BytesView body);
[[nodiscard]] std::optional<Welcome> decode_welcome(BytesView body);
[[nodiscard]] std::optional<Goaway> decode_goaway(BytesView body);
[[nodiscard]] std::optional<Ping> decode_ping(BytesView body);

// "the laptop speaks mux version 2, the agent 1"
[[nodiscard]] std::string version_mismatch(std::uint16_t laptop, std::uint16_t agent);

}  // namespace kt::mux
