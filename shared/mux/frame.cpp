// SPDX-License-Identifier: Apache-2.0
#include "mux/frame.h"

#include <fmt/format.h>

#include <algorithm>

namespace kt::mux {
namespace {

constexpr std::size_t max_list = 32;      // addresses or names in a WELCOME
constexpr std::size_t max_reason = 1024;  // bytes of a GOAWAY's text

// {u8 family: 0 none, 4, 6} {address} {u16 port}
void put_endpoint(ByteWriter& writer, const std::optional<Endpoint>& endpoint) {
  if (!endpoint) {
    writer.u8(0);
    return;
  }
  writer.u8(endpoint->address.is_v6() ? 6 : 4);
  writer.bytes(endpoint->address.bytes());
  writer.u16(endpoint->port);
}

std::optional<Address> take_address(ByteReader& reader, unsigned family) {
  if (family != 4 && family != 6) {
    return std::nullopt;
  }
  return Address::from_bytes(reader.take(family == 4 ? 4 : 16));
}

void put_addresses(ByteWriter& writer, const std::vector<Address>& addresses) {
  const std::size_t count = std::min(addresses.size(), max_list);
  writer.u8(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    writer.u8(addresses[i].is_v6() ? 6 : 4);
    writer.bytes(addresses[i].bytes());
  }
}

bool take_addresses(ByteReader& reader, std::vector<Address>& into) {
  const std::size_t count = reader.u8();
  for (std::size_t i = 0; i < count && i < max_list; ++i) {
    const std::optional<Address> address = take_address(reader, reader.u8());
    if (!address) {
      return false;
    }
    into.push_back(*address);
  }
  return reader.ok() && count <= max_list;
}

void put_names(ByteWriter& writer, const std::vector<std::string>& names) {
  const std::size_t count = std::min(names.size(), max_list);
  writer.u8(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view name = std::string_view(names[i]).substr(0, 255);
    writer.u8(static_cast<std::uint8_t>(name.size()));
    writer.text(name);
  }
}

bool take_names(ByteReader& reader, std::vector<std::string>& into) {
  const std::size_t count = reader.u8();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    into.push_back(to_string(reader.take(reader.u8())));
  }
  return reader.ok() && count <= max_list;
}

Bytes frame(FrameType type, const Bytes& body) {
  Bytes whole(header_size);
  store_header(whole, 0, type, body.size());
  whole.insert(whole.end(), body.begin(), body.end());
  return whole;
}

template <std::size_t size>
std::array<std::byte, size> take_array(ByteReader& reader) {
  std::array<std::byte, size> array{};
  const BytesView bytes = reader.take(size);
  std::copy(bytes.begin(), bytes.end(), array.begin());
  return array;
}

bool is_known(std::uint8_t protocol) {
  switch (static_cast<Protocol>(protocol)) {
    case Protocol::icmp_echo:
    case Protocol::front:
    case Protocol::tcp:
    case Protocol::udp:
      return true;
  }
  return false;
}

}  // namespace

Header decode_header(std::span<const std::byte, header_size> bytes) {
  const std::uint32_t word = load_u32(bytes, 4);
  return {load_u32(bytes, 0), static_cast<std::uint8_t>(word >> 24), word & 0xFFFFFF};
}

void store_header(MutableBytes into, StreamId stream, FrameType type, std::size_t length) {
  store_u32(into, 0, stream);
  store_u32(
      into, 4,
      std::uint32_t{static_cast<std::uint8_t>(type)} << 24 | static_cast<std::uint32_t>(length));
}

std::optional<Address> Address::from_bytes(BytesView bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    return std::nullopt;
  }
  Address address;
  address.v6_ = bytes.size() == 16;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

Bytes encode_target(const Target& target) {
  Bytes body;
  ByteWriter writer(body);
  writer.u8(static_cast<std::uint8_t>(target.protocol));
  put_endpoint(writer, target.to);
  put_endpoint(writer, target.from);
  return body;
}

std::optional<Target> decode_target(BytesView body) {
  ByteReader reader(body);
  Target target;
  const std::uint8_t protocol = reader.u8();
  const std::optional<Address> to = take_address(reader, reader.u8());
  if (!to || !is_known(protocol)) {
    return std::nullopt;
  }
  target.protocol = static_cast<Protocol>(protocol);
  target.to = {*to, reader.u16()};
  const std::uint8_t family = reader.u8();
  if (family != 0) {
    const std::optional<Address> from = take_address(reader, family);
    if (!from) {
      return std::nullopt;
    }
    target.from = Endpoint{*from, reader.u16()};
  }
  return reader.ok() ? std::optional(target) : std::nullopt;
}

Bytes encode_hello(const Hello& hello) {
  Bytes body;
  ByteWriter writer(body);
  writer.u16(hello.version);
  writer.bytes(hello.session);
  writer.u16(hello.link);
  writer.u32(hello.generation);
  if (hello.link == 0 && hello.key) {
    writer.bytes(*hello.key);
  }
  return frame(FrameType::hello, body);
}

std::optional<Hello> decode_hello(BytesView body) {
  ByteReader reader(body);
  Hello hello;
  hello.version = reader.u16();
  if (reader.ok() && hello.version != protocol_version) {
    return hello;
  }
  hello.session = take_array<16>(reader);
  hello.link = reader.u16();
  hello.generation = reader.u32();
  if (hello.link == 0) {
    hello.key = take_array<32>(reader);
  }
  return reader.ok() ? std::optional(hello) : std::nullopt;
}

Bytes encode_welcome(const Welcome& welcome) {
  Bytes body;
  ByteWriter writer(body);
  writer.u16(welcome.version);
  put_addresses(writer, welcome.pod_addresses);
  put_addresses(writer, welcome.nameservers);
  put_names(writer, welcome.search);
  return frame(FrameType::welcome, body);
}

std::optional<Welcome> decode_welcome(BytesView body) {
  ByteReader reader(body);
  Welcome welcome;
  welcome.version = reader.u16();
  if (reader.ok() && welcome.version != protocol_version) {
    return welcome;
  }
  const bool whole = take_addresses(reader, welcome.pod_addresses) &&
                     take_addresses(reader, welcome.nameservers) &&
                     take_names(reader, welcome.search);
  return whole ? std::optional(welcome) : std::nullopt;
}

Bytes encode_goaway(const Goaway& goaway) {
  Bytes body;
  ByteWriter writer(body);
  writer.u16(static_cast<std::uint16_t>(goaway.reason));
  writer.text(std::string_view(goaway.text).substr(0, max_reason));
  return frame(FrameType::goaway, body);
}

std::optional<Goaway> decode_goaway(BytesView body) {
  ByteReader reader(body);
  Goaway goaway;
  goaway.reason = static_cast<GoawayReason>(reader.u16());
  goaway.text = to_string(reader.rest().first(std::min(reader.rest().size(), max_reason)));
  return reader.ok() ? std::optional(goaway) : std::nullopt;
}

Bytes encode_ping(FrameType ping_or_pong, const Ping& ping) {
  Bytes body;
  ByteWriter writer(body);
  writer.u64(ping.time);
  writer.u32(ping.lowest_living);
  return frame(ping_or_pong, body);
}

std::optional<Ping> decode_ping(BytesView body) {
  ByteReader reader(body);
  const std::uint64_t time = reader.u64();
  const StreamId lowest = reader.u32();
  return reader.ok() ? std::optional(Ping{time, lowest}) : std::nullopt;
}

std::string version_mismatch(std::uint16_t laptop, std::uint16_t agent) {
  return fmt::format("the laptop speaks mux version {}, the agent {}", laptop, agent);
}

}  // namespace kt::mux
