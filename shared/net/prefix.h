// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/address.h"

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::net {

// A network in CIDR notation (RFC 4632). Host bits are cleared, so equal networks compare equal.
class Prefix {
 public:
  Prefix() = default;  // 0.0.0.0/0
  // `length` is cut to the address's size in bits.
  Prefix(const IpAddress& address, int length);

  // "10.96.0.0/12"; a bare address means the address alone (/32, /128).
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);

  [[nodiscard]] const IpAddress& address() const { return address_; }
  [[nodiscard]] int length() const { return length_; }
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool contains(const Prefix& other) const;
  [[nodiscard]] bool overlaps(const Prefix& other) const;
  [[nodiscard]] std::string to_string() const;  // "10.96.0.0/12"

  friend auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  IpAddress address_;
  int length_ = 0;
};

[[nodiscard]] std::vector<std::string> to_strings(const std::vector<Prefix>& prefixes);

// Networks, asked for the longest one that contains an address, as a routing table is. Meant for
// tens of prefixes: a look-up walks them.
class PrefixSet {
 public:
  PrefixSet() = default;
  explicit PrefixSet(const std::vector<Prefix>& prefixes);

  void add(const Prefix& prefix);  // twice is once
  [[nodiscard]] std::optional<Prefix> longest_match(const IpAddress& address) const;
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool overlaps(const Prefix& prefix) const;

  [[nodiscard]] bool empty() const { return prefixes_.empty(); }
  [[nodiscard]] const std::vector<Prefix>& prefixes() const { return prefixes_; }  // longest first

 private:
  std::vector<Prefix> prefixes_;
};

}  // namespace kt::net
