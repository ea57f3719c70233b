// SPDX-License-Identifier: Apache-2.0
#include "dns/cache.h"

#include <algorithm>
#include <utility>

namespace kt::dns {
namespace {

using std::chrono::seconds;

struct Lifetime {
  seconds left{0};
  std::vector<std::size_t> ttls_at;
};

seconds ttl_of(const Record& record) {
  // With the high bit set it counts as 0 (RFC 2181 §8).
  return seconds(record.ttl >> 31 == 0 ? record.ttl : 0);
}

// MINIMUM, the last field of SOA, caps how long "no" is true (RFC 2308 §4).
seconds soa_minimum(const Record& soa) {
  constexpr std::size_t shortest_soa = 22;  // two root names and five numbers
  return seconds(soa.rdata.size() < shortest_soa
                     ? 0
                     : load_u32(soa.rdata, soa.rdata.size() - sizeof(std::uint32_t)));
}

// nullopt when the reply must not be kept.
std::optional<Lifetime> lifetime_of(BytesView reply) {
  std::optional<MessageReader> reader = MessageReader::open(reply);
  if (!reader || reader->header().is_truncated() ||
      (reader->header().rcode() != Rcode::no_error &&
       reader->header().rcode() != Rcode::name_error)) {
    return std::nullopt;
  }
  Lifetime lifetime{Cache::longest_positive, {}};
  bool has_soa = false;
  while (const std::optional<Record> record = reader->next()) {
    if (record->type == Type::opt) {
      continue;
    }
    lifetime.ttls_at.push_back(record->ttl_at);
    lifetime.left = std::min(lifetime.left, ttl_of(*record));
    if (record->type == Type::soa && record->section == Section::authority) {
      has_soa = true;  // which only a negative answer has (RFC 2308 §2)
      lifetime.left = std::min({lifetime.left, soa_minimum(*record), Cache::longest_negative});
    }
  }
  const bool negative =
      reader->header().rcode() == Rcode::name_error || reader->header().answer_count == 0;
  if (!reader->ok() || (negative && !has_soa) || lifetime.left == seconds(0)) {
    return std::nullopt;
  }
  return lifetime;
}

}  // namespace

std::string cache_key(BytesView query, Transport transport) {
  std::string key = to_string(query);
  key[0] = static_cast<char>(transport);  // in the id's place
  key[1] = '\0';
  return key;
}

std::optional<Bytes> Cache::find(const std::string& key, io::TimePoint now) {
  const auto found = index_.find(key);
  if (found == index_.end()) {
    return std::nullopt;
  }
  if (now >= found->second->expires) {
    erase(found->second);
    return std::nullopt;
  }
  const Entry& entry = *found->second;
  const auto age = std::chrono::duration_cast<seconds>(now - entry.stored);
  Bytes reply = entry.reply;
  for (const std::size_t at : entry.ttls_at) {
    store_u32(reply, at, load_u32(reply, at) - static_cast<std::uint32_t>(age.count()));
  }
  return reply;
}

void Cache::store(std::string key, BytesView reply, io::TimePoint now) {
  std::optional<Lifetime> lifetime = lifetime_of(reply);
  if (const auto old = index_.find(key); old != index_.end()) {
    erase(old->second);
  }
  if (!lifetime || key.size() + reply.size() > capacity_) {
    return;
  }
  while (bytes_ + key.size() + reply.size() > capacity_) {
    erase(entries_.begin());
  }
  bytes_ += key.size() + reply.size();
  const auto entry = entries_.insert(
      entries_.end(), Entry{std::move(key), Bytes(reply.begin(), reply.end()),
                            std::move(lifetime->ttls_at), now, now + lifetime->left});
  index_.emplace(entry->key, entry);
}

void Cache::erase(Entries::iterator entry) {
  bytes_ -= entry->key.size() + entry->reply.size();
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace kt::dns
