// SPDX-License-Identifier: Apache-2.0
// IP addresses as values: no sockets, no resolver, no allocation.
#pragma once

#include "base/bytes.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kt::net {

// An IPv4 or IPv6 address. IPv4 sorts before IPv6. An IPv4-mapped IPv6 address (::ffff:1.2.3.4) is
// an IPv6 address; a zone (%eth0) is not accepted.
class IpAddress {
 public:
  static constexpr std::size_t v4_size = 4;
  static constexpr std::size_t v6_size = 16;

  IpAddress() = default;  // 0.0.0.0

  // "10.96.0.1" or "fd00::1", exactly as inet_pton(3) accepts them.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  // In network order.
  [[nodiscard]] static IpAddress v4(std::span<const std::byte, v4_size> bytes);
  [[nodiscard]] static IpAddress v6(std::span<const std::byte, v6_size> bytes);
  // 4 or 16 bytes; any other size is nothing.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(BytesView bytes);

  [[nodiscard]] bool is_v4() const { return !v6_; }
  [[nodiscard]] bool is_v6() const { return v6_; }
  [[nodiscard]] std::size_t size() const { return v6_ ? v6_size : v4_size; }
  [[nodiscard]] BytesView bytes() const { return BytesView(bytes_).first(size()); }
  [[nodiscard]] std::string to_string() const;

  // A destination that one host answers: not unspecified, multicast or 255.255.255.255.
  [[nodiscard]] bool is_unicast() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool v6_ = false;
  std::array<std::byte, v6_size> bytes_{};  // IPv4 uses the first 4, the rest is zero
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "10.96.0.1:80" or "[fd00::1]:80"
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace kt::net

template <>
struct std::hash<kt::net::IpAddress> {
  std::size_t operator()(const kt::net::IpAddress& address) const noexcept;
};
template <>
struct std::hash<kt::net::Endpoint> {
  std::size_t operator()(const kt::net::Endpoint& endpoint) const noexcept;
};
