// SPDX-License-Identifier: Apache-2.0
#include "dns/cache.h"
#include "support/catch.h"
#include "unit/dns_messages.h"

#include <chrono>

using namespace kt::dns;
using namespace std::chrono_literals;
using kt::Bytes;
using kt::test::a_reply;
using kt::test::negative_reply;
using kt::test::query_of;
using kt::test::question_of;

namespace {

const kt::io::TimePoint start{};
const Bytes query = query_of(7, question_of("cart.shop"));
const std::string key = cache_key(query, Transport::udp);

std::uint32_t first_ttl(const Bytes& reply) {
  return MessageReader::open(reply)->next().value().ttl;
}

}  // namespace

TEST_CASE("a cached answer is the stored one with its age taken from the TTLs") {
  Cache cache;
  const Bytes reply = a_reply(query, "10.0.0.1", 20);
  cache.store(key, reply, start);
  CHECK(cache.find(key, start) == reply);
  CHECK(cache.find(key, start + 999ms) == reply);
  CHECK(first_ttl(cache.find(key, start + 7500ms).value()) == 13);
  CHECK(cache.find(key, start + 19999ms).has_value());
  CHECK_FALSE(cache.find(key, start + 20s).has_value());
  CHECK(cache.bytes() == 0);
}

TEST_CASE("no answer is kept for more than 30 s, no denial for more than 5 s") {
  Cache cache;
  cache.store(key, a_reply(query, "10.0.0.1", 3600), start);
  CHECK(first_ttl(cache.find(key, start + 29s).value()) == 3571);
  CHECK_FALSE(cache.find(key, start + 30s).has_value());
  const Rcode rcode = GENERATE(Rcode::name_error, Rcode::no_error);
  cache.store(key, negative_reply(query, 3600, 3600, rcode), start);
  CHECK(cache.find(key, start + 4s).has_value());
  CHECK_FALSE(cache.find(key, start + 5s).has_value());
}

TEST_CASE("a denial lives as long as the shorter of SOA's TTL and MINIMUM") {
  Cache cache;
  const auto [ttl, minimum] = GENERATE(table<std::uint32_t, std::uint32_t>({{2, 60}, {60, 2}}));
  cache.store(key, negative_reply(query, ttl, minimum), start);
  CHECK(cache.find(key, start + 1s).has_value());
  CHECK_FALSE(cache.find(key, start + 2s).has_value());
}

TEST_CASE("what must not be kept is not kept") {
  Cache cache;
  const auto bare = [](Rcode rcode) { return kt::test::reply_writer(query, rcode).finish(); };
  Bytes truncated = a_reply(query, "10.0.0.1");
  kt::store_u16(truncated, 2,
                static_cast<std::uint16_t>(kt::load_u16(truncated, 2) | Header::truncated));
  Bytes cut = a_reply(query, "10.0.0.1");
  cut.pop_back();
  const Bytes reply =
      GENERATE_REF(bare(Rcode::server_failure), bare(Rcode::refused), bare(Rcode::name_error),
                   bare(Rcode::no_error), truncated, cut, a_reply(query, "10.0.0.1", 0),
                   a_reply(query, "10.0.0.1", 0x80000005));
  cache.store(key, reply, start);
  CHECK(cache.size() == 0);
}

TEST_CASE("queries share an answer only when they differ in nothing but the id") {
  CHECK(cache_key(query_of(9, question_of("cart.shop")), Transport::udp) == key);
  CHECK(cache_key(query, Transport::tcp) != key);
  CHECK(cache_key(query_of(7, question_of("Cart.shop")), Transport::udp) != key);
  CHECK(cache_key(make_query(7, question_of("cart.shop")), Transport::udp) != key);
}

TEST_CASE("a full cache forgets its oldest answers and stays within its bytes") {
  const Bytes reply = a_reply(query, "10.0.0.1", 20);
  Cache cache(3 * (key.size() + reply.size()));
  const auto key_of = [](char c) {
    std::string other = key;
    other.back() = c;
    return other;
  };
  for (const char c : {'a', 'b', 'c', 'd'}) {
    cache.store(key_of(c), reply, start);
  }
  CHECK(cache.size() == 3);
  CHECK_FALSE(cache.find(key_of('a'), start).has_value());
  CHECK(cache.find(key_of('d'), start).has_value());
  cache.store(key_of('d'), reply, start);
  CHECK(cache.size() == 3);
}
