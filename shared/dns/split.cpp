// SPDX-License-Identifier: Apache-2.0
#include "dns/split.h"

#include <algorithm>
#include <charconv>

namespace kt::dns {
namespace {

namespace ip = boost::asio::ip;

// The leading bits of an address, as a reverse name or a prefix states them.
struct LeadingBits {
  bool v6 = false;
  std::vector<bool> bits;
};

void append_bits(std::vector<bool>& bits, unsigned value, unsigned width) {
  for (unsigned i = width; i-- > 0;) {
    bits.push_back((value >> i & 1) != 0);
  }
}

// One label as a number without leading zeros, below 2^width.
std::optional<unsigned> number_of(std::string_view label, int base, unsigned width) {
  unsigned value = 0;
  const char* const end = label.data() + label.size();
  const auto [parsed_to, error] = std::from_chars(label.data(), end, value, base);
  const bool canonical = label.size() == 1 || label[0] != '0';
  if (error != std::errc() || parsed_to != end || value >> width != 0 || !canonical) {
    return std::nullopt;
  }
  return value;
}

// "3.96.10.in-addr.arpa" → 10.96.3/24; nullopt for what is no reverse name.
std::optional<LeadingBits> reverse_bits(const Name& name) {
  static const Name v4_zone = Name::from_text("in-addr.arpa").value();
  static const Name v6_zone = Name::from_text("ip6.arpa").value();
  const bool v6 = name.is_subdomain_of(v6_zone);
  if (!v6 && !name.is_subdomain_of(v4_zone)) {
    return std::nullopt;
  }
  const unsigned width = v6 ? 4 : 8;
  LeadingBits leading{v6, {}};
  for (std::size_t i = name.label_count() - 2; i-- > 0;) {
    const std::optional<unsigned> value = number_of(name.label(i), v6 ? 16 : 10, width);
    if (!value) {
      return std::nullopt;
    }
    append_bits(leading.bits, *value, width);
  }
  return leading;
}

template <class RawBytes>
std::vector<bool> bits_of(const RawBytes& raw) {
  std::vector<bool> bits;
  for (const unsigned char octet : raw) {
    append_bits(bits, octet, 8);
  }
  return bits;
}

bool is_inside(const LeadingBits& reverse, const AddressPrefix& prefix) {
  const bool v6 = prefix.address.is_v6();
  const std::vector<bool> network =
      v6 ? bits_of(prefix.address.to_v6().to_bytes()) : bits_of(prefix.address.to_v4().to_bytes());
  const std::size_t length = std::min<std::size_t>(prefix.length, network.size());
  return reverse.v6 == v6 && reverse.bits.size() >= length &&
         std::equal(network.begin(), network.begin() + static_cast<std::ptrdiff_t>(length),
                    reverse.bits.begin());
}

bool is_reverse_of_any(const Name& name, const std::vector<AddressPrefix>& networks) {
  const std::optional<LeadingBits> reverse = reverse_bits(name);
  return reverse && std::any_of(networks.begin(), networks.end(), [&](const AddressPrefix& prefix) {
           return is_inside(*reverse, prefix);
         });
}

bool is_service_name(const Name& name) {
  static const Name svc = Name::from_text("svc").value();
  return name.label_count() >= 3 && name.is_subdomain_of(svc);
}

bool is_under_any(const Name& name, const std::vector<Name>& suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const Name& suffix) { return name.is_subdomain_of(suffix); });
}

}  // namespace

std::string to_text(Side side) {
  switch (side) {
    case Side::cluster:
      return "cluster";
    case Side::laptop:
      return "laptop";
  }
  return "?";
}

Side side_of(const SplitConfig& config, const Name& name) {
  if (name.is_subdomain_of(config.cluster_domain)) {
    return Side::cluster;
  }
  if (is_under_any(name, config.exclude)) {
    return Side::laptop;
  }
  const bool claimed = is_under_any(name, config.include) ||
                       is_reverse_of_any(name, config.networks) || is_service_name(name);
  return claimed ? Side::cluster : Side::laptop;
}

std::optional<Name> cluster_domain_of(const std::vector<Name>& pod_search) {
  static const Name svc = Name::from_text("svc").value();
  for (const Name& entry : pod_search) {
    if (entry.label_count() >= 2 && Name::join(svc, entry.parent()) == entry) {
      return entry.parent();
    }
  }
  return std::nullopt;
}

}  // namespace kt::dns
