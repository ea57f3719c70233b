// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace kt::net {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

std::uint64_t load_u64(BytesView bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Spreads all bits of `value` over the result (the finalizer of SplitMix64).
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<std::byte, v6_size> raw{};
  // inet_pton would stop at an embedded zero byte and accept what stands before it.
  if (terminated.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  const bool v6 = text.find(':') != std::string_view::npos;
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, terminated.c_str(), raw.data()) != 1) {
    return std::nullopt;
  }
  return from_bytes(BytesView(raw).first(v6 ? v6_size : v4_size));
}

std::optional<IpAddress> IpAddress::from_bytes(BytesView bytes) {
  if (bytes.size() == v4_size) {
    return v4(bytes.first<v4_size>());
  }
  if (bytes.size() == v6_size) {
    return v6(bytes.first<v6_size>());
  }
  return std::nullopt;
}

IpAddress IpAddress::v4(std::span<const std::byte, v4_size> bytes) {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::span<const std::byte, v6_size> bytes) {
  IpAddress address;
  address.v6_ = true;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
  return text.data();
}

bool IpAddress::is_unicast() const {
  const BytesView all = bytes();
  const auto is = [](std::byte value) { return [value](std::byte b) { return b == value; }; };
  if (std::all_of(all.begin(), all.end(), is(std::byte{}))) {
    return false;
  }
  if (v6_) {
    return bytes_[0] != std::byte{0xff};  // ff00::/8, RFC 4291
  }
  const bool multicast = (bytes_[0] & std::byte{0xf0}) == std::byte{0xe0};  // 224/4, RFC 5771
  return !multicast && !std::all_of(all.begin(), all.end(), is(std::byte{0xff}));
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  const auto address = IpAddress::parse(host);
  const auto port = parse_port(text.substr(colon + 1));
  if (!address || !port || address->is_v6() != bracketed) {
    return std::nullopt;
  }
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
  return address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), port)
                         : fmt::format("{}:{}", address.to_string(), port);
}

}  // namespace kt::net

std::size_t std::hash<kt::net::IpAddress>::operator()(
    const kt::net::IpAddress& address) const noexcept {
  const kt::BytesView bytes = address.bytes();
  if (address.is_v4()) {
    return kt::net::mix(kt::load_u32(bytes, 0));
  }
  return kt::net::mix(kt::net::load_u64(bytes.first(8)) ^
                      kt::net::mix(kt::net::load_u64(bytes.last(8))));
}

std::size_t std::hash<kt::net::Endpoint>::operator()(
    const kt::net::Endpoint& endpoint) const noexcept {
  return kt::net::mix(std::hash<kt::net::IpAddress>{}(endpoint.address) + endpoint.port);
}
