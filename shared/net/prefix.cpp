// SPDX-License-Identifier: Apache-2.0
#include "net/prefix.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace kt::net {
namespace {

int bits(const IpAddress& address) {
  return static_cast<int>(address.size()) * 8;
}

IpAddress without_host_bits(const IpAddress& address, int length) {
  const BytesView all = address.bytes();
  Bytes masked(all.begin(), all.end());
  for (int i = 0; i < static_cast<int>(masked.size()); ++i) {
    const int kept = std::clamp(length - i * 8, 0, 8);
    masked[static_cast<std::size_t>(i)] &= static_cast<std::byte>(0xff00U >> kept);
  }
  return IpAddress::from_bytes(masked).value_or(address);
}

std::optional<int> parse_length(std::string_view text, int most) {
  int length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || end != text.data() + text.size() || length < 0 || length > most) {
    return std::nullopt;
  }
  return length;
}

}  // namespace

Prefix::Prefix(const IpAddress& address, int length)
    : length_(std::clamp(length, 0, bits(address))) {
  address_ = without_host_bits(address, length_);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  if (slash == std::string_view::npos) {
    return Prefix(*address, bits(*address));
  }
  const auto length = parse_length(text.substr(slash + 1), bits(*address));
  if (!length) {
    return std::nullopt;
  }
  return Prefix(*address, *length);
}

bool Prefix::contains(const IpAddress& address) const {
  if (address.is_v6() != address_.is_v6()) {
    return false;
  }
  const BytesView ours = address_.bytes();
  const BytesView theirs = address.bytes();
  const auto whole = static_cast<std::size_t>(length_ / 8);
  if (!std::equal(ours.begin(), ours.begin() + length_ / 8, theirs.begin())) {
    return false;
  }
  const int left = length_ % 8;
  const auto mask = static_cast<std::byte>(0xff00U >> left);
  return left == 0 || (theirs[whole] & mask) == ours[whole];
}

bool Prefix::contains(const Prefix& other) const {
  return other.length_ >= length_ && contains(other.address_);
}

bool Prefix::overlaps(const Prefix& other) const {
  return contains(other) || other.contains(*this);
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", address_.to_string(), length_);
}

std::vector<std::string> to_strings(const std::vector<Prefix>& prefixes) {
  std::vector<std::string> texts;
  std::ranges::transform(prefixes, std::back_inserter(texts), &Prefix::to_string);
  return texts;
}

PrefixSet::PrefixSet(const std::vector<Prefix>& prefixes) {
  for (const Prefix& prefix : prefixes) {
    add(prefix);
  }
}

void PrefixSet::add(const Prefix& prefix) {
  const auto same = std::find(prefixes_.begin(), prefixes_.end(), prefix);
  if (same != prefixes_.end()) {
    return;
  }
  const auto shorter = std::find_if(prefixes_.begin(), prefixes_.end(),
                                    [&](const Prefix& p) { return p.length() < prefix.length(); });
  prefixes_.insert(shorter, prefix);
}

std::optional<Prefix> PrefixSet::longest_match(const IpAddress& address) const {
  const auto found = std::find_if(prefixes_.begin(), prefixes_.end(),
                                  [&](const Prefix& p) { return p.contains(address); });
  return found == prefixes_.end() ? std::nullopt : std::optional(*found);
}

bool PrefixSet::contains(const IpAddress& address) const {
  return longest_match(address).has_value();
}

bool PrefixSet::overlaps(const Prefix& prefix) const {
  return std::any_of(prefixes_.begin(), prefixes_.end(),
                     [&](const Prefix& p) { return p.overlaps(prefix); });
}

}  // namespace kt::net
