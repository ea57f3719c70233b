// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "dns/message.h"
#include "dns/upstream.h"
#include "io/async.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kt::dns {

// Whatever may change a reply: the whole query but its id, and the transport. Byte-identical
// queries share an answer; a spelling, flag or EDNS option of its own has an answer of its own.
// Precondition: `query` has a header.
[[nodiscard]] std::string cache_key(BytesView query, Transport transport);

// Raw replies, as long as their TTLs allow (RFC 1035 §3.2.1, RFC 2308). Pure: time is a parameter.
class Cache {
 public:
  static constexpr std::chrono::seconds longest_positive{30};
  // As NodeLocal DNSCache: a Service that was just created must be seen soon.
  static constexpr std::chrono::seconds longest_negative{5};
  static constexpr std::size_t default_capacity = 4UL << 20;  // bytes, keys included

  explicit Cache(std::size_t capacity = default_capacity) : capacity_(capacity) {}
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // The stored reply with every TTL lowered by its age; its id is whatever it was when stored.
  [[nodiscard]] std::optional<Bytes> find(const std::string& key, io::TimePoint now);

  // Keeps a reply that may be kept: complete, NOERROR or NXDOMAIN, and with a SOA when negative.
  // The oldest go when it is full.
  void store(std::string key, BytesView reply, io::TimePoint now);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    Bytes reply;
    std::vector<std::size_t> ttls_at;
    io::TimePoint stored;
    io::TimePoint expires;
  };
  using Entries = std::list<Entry>;  // oldest first

  void erase(Entries::iterator entry);

  std::size_t capacity_;
  std::size_t bytes_ = 0;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> index_;  // views into the entries' keys
};

}  // namespace kt::dns
