// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "support/catch.h"
#include "tls/psk_engine.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

using namespace kt;

namespace {

constexpr tls::Identity session = {std::byte{1}};
constexpr tls::Key key = {std::byte{42}};

std::optional<tls::Key> knows_session(BytesView identity) {
  return std::ranges::equal(identity, session) ? std::optional(key) : std::nullopt;
}

// Two ends whose bytes go through the test's hands.
struct Pair {
  tls::PskEngine client{session, key};
  tls::PskEngine server{knows_session};
  Bytes hello;         // what the client said first
  Bytes last_flight;   // and second
  Bytes server_extra;  // what the server said once both had proved the key

  void shake_hands() {
    CHECK_FALSE(client.handshake());
    hello = client.take_output();
    server.feed(hello);
    CHECK_FALSE(server.handshake());
    const Bytes answer = server.take_output();
    client.feed(answer);
    CHECK(client.handshake());
    last_flight = client.take_output();
    server.feed(last_flight);
    CHECK(server.handshake());
    server_extra = server.take_output();
  }
};

// The extensions of a ClientHello record, RFC 8446 §4.1.2, by type.
std::map<unsigned, Bytes> extensions(BytesView record) {
  ByteReader reader(record);
  reader.skip(5 + 4 + 2 + 32);  // record and message header, version, random
  reader.skip(reader.u8());     // session id
  reader.skip(reader.u16());    // cipher suites
  reader.skip(reader.u8());     // compression methods
  ByteReader list(reader.take(reader.u16()));
  std::map<unsigned, Bytes> found;
  while (list.ok() && !list.rest().empty()) {
    const unsigned type = list.u16();
    const BytesView body = list.take(list.u16());
    found[type] = Bytes(body.begin(), body.end());
  }
  CHECK(reader.ok());
  CHECK(list.ok());
  return found;
}

std::string decrypted(tls::PskEngine& engine, BytesView record) {
  std::array<std::byte, 1000> plain{};
  engine.feed(record);
  return to_string(BytesView(plain).first(engine.decrypt(plain)));
}

Bytes encrypted(tls::PskEngine& engine, std::string_view text) {
  engine.encrypt(as_bytes(text));
  return engine.take_output();
}

}  // namespace

TEST_CASE("a key exchange goes with every use of the key, and no data goes before it") {
  constexpr unsigned early_data = 42;
  constexpr unsigned psk_key_exchange_modes = 45;
  constexpr std::byte psk_dhe_ke{1};
  tls::PskEngine client(session, key);
  CHECK_FALSE(client.handshake());
  const std::map<unsigned, Bytes> offered = extensions(client.take_output());
  CHECK(offered.at(psk_key_exchange_modes) == Bytes{std::byte{1}, psk_dhe_ke});
  CHECK(offered.count(early_data) == 0);
}

TEST_CASE("the server gives out no tickets") {
  Pair pair;
  pair.shake_hands();
  CHECK(pair.server_extra.empty());
}

TEST_CASE("a handshake that somebody recorded proves nothing when it is played again") {
  Pair pair;
  pair.shake_hands();
  tls::PskEngine server(knows_session);
  server.feed(pair.hello);
  CHECK_FALSE(server.handshake());
  server.feed(pair.last_flight);
  CHECK_THROWS_AS(server.handshake(), Error);
}

TEST_CASE("bytes that were changed on the way break the stream") {
  const std::size_t at = GENERATE(0U, 3U, 5U, 12U, 30U);
  Pair pair;
  pair.shake_hands();
  Bytes record = encrypted(pair.client, "hello, world");
  record[at] ^= std::byte{1};
  // Changed lengths may first ask for more.
  record.resize(70'000);
  CHECK_THROWS_AS(decrypted(pair.server, record), Error);
}

TEST_CASE("a record that is played again breaks the stream") {
  Pair pair;
  pair.shake_hands();
  const Bytes record = encrypted(pair.client, "hello");
  CHECK(decrypted(pair.server, record) == "hello");
  CHECK_THROWS_AS(decrypted(pair.server, record), Error);
}

TEST_CASE("bytes may come one by one") {
  Pair pair;
  pair.shake_hands();
  const Bytes record = encrypted(pair.server, "hello");
  std::string text;
  for (const std::byte& byte : record) {
    text += decrypted(pair.client, BytesView(&byte, 1));
    CHECK(pair.client.all_consumed());
    CHECK(pair.client.inside_record() == (&byte != &record.back()));
  }
  CHECK(text == "hello");
}
