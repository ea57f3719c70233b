// SPDX-License-Identifier: Apache-2.0
#include "mux/finished_ids.h"
#include "mux/frame.h"
#include "mux/frame_reader.h"
#include "support/catch.h"

using namespace kt;

namespace {

mux::Address address(std::initializer_list<int> bytes) {
  Bytes raw;
  for (const int byte : bytes) {
    raw.push_back(static_cast<std::byte>(byte));
  }
  return *mux::Address::from_bytes(raw);
}

BytesView body(const Bytes& frame) {
  return BytesView(frame).subspan(mux::header_size);
}

}  // namespace

TEST_CASE("an OPEN's target comes back as it was") {
  mux::Target target;
  target.protocol = mux::Protocol::udp;
  target.to = {address({10, 96, 0, 10}), 53};
  target.from = mux::Endpoint{address({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 40'000};
  CHECK(mux::decode_target(mux::encode_target(target)) == target);
  target.from.reset();
  CHECK(mux::decode_target(mux::encode_target(target)) == target);
}

TEST_CASE("the front's line protocol is a stream of bytes") {
  const mux::Target target{mux::Protocol::front, mux::Endpoint(), std::nullopt};
  CHECK_FALSE(target.is_datagram());
  CHECK(mux::decode_target(mux::encode_target(target)) == target);
}

TEST_CASE("a target that is cut short or of an unknown protocol is nothing") {
  const Bytes whole = mux::encode_target({});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(mux::decode_target(BytesView(whole).first(size)));
  }
  Bytes strange = whole;
  strange[0] = std::byte{99};
  CHECK_FALSE(mux::decode_target(strange));
}

TEST_CASE("HELLO carries the key on link 0 only") {
  mux::Hello hello;
  hello.session[3] = std::byte{9};
  hello.generation = 5;
  hello.key = mux::Key{std::byte{7}};
  const std::optional<mux::Hello> back = mux::decode_hello(body(mux::encode_hello(hello)));
  REQUIRE(back);
  CHECK(back->session == hello.session);
  CHECK(back->key == hello.key);
  hello.link = 1;
  CHECK_FALSE(mux::decode_hello(body(mux::encode_hello(hello)))->key);
}

TEST_CASE("of another version only the version is read") {
  const Bytes future = {std::byte{0}, std::byte{2}, std::byte{1}};
  CHECK(mux::decode_hello(future)->version == 2);
  CHECK(mux::decode_welcome(future)->version == 2);
}

TEST_CASE("WELCOME comes back as it was") {
  mux::Welcome welcome;
  welcome.pod_addresses = {address({10, 1, 2, 3})};
  welcome.nameservers = {address({10, 96, 0, 10})};
  welcome.search = {"a.svc.cluster.local", "svc.cluster.local"};
  const std::optional<mux::Welcome> back = mux::decode_welcome(body(mux::encode_welcome(welcome)));
  REQUIRE(back);
  CHECK(back->pod_addresses == welcome.pod_addresses);
  CHECK(back->nameservers == welcome.nameservers);
  CHECK(back->search == welcome.search);
}

TEST_CASE("frames are found in any portions, and unknown types are skipped") {
  Bytes wire(mux::header_size + 5, std::byte{0});
  mux::store_header(wire, 0, static_cast<mux::FrameType>(200), 5);
  const Bytes ping = mux::encode_ping(mux::FrameType::ping, {42, 7});
  wire.insert(wire.end(), ping.begin(), ping.end());
  for (std::size_t portion = 1; portion <= wire.size(); ++portion) {
    mux::FrameReader reader;
    int found = 0;
    for (std::size_t at = 0; at < wire.size(); at += portion) {
      BytesView input = BytesView(wire).subspan(at, std::min(portion, wire.size() - at));
      while (const std::optional<mux::Piece> piece = reader.next(input)) {
        CHECK(mux::decode_ping(piece->body)->time == 42);
        ++found;
      }
    }
    CHECK(found == 1);
    CHECK_FALSE(reader.failed());
  }
}

TEST_CASE("a known frame that is too long fails the link") {
  Bytes wire(mux::header_size);
  mux::store_header(wire, 1, mux::FrameType::data, mux::max_body + 1);
  mux::FrameReader reader;
  BytesView input = wire;
  CHECK_FALSE(reader.next(input));
  CHECK(reader.failed());
}

TEST_CASE("finished ids are remembered as ranges") {
  mux::FinishedIds ids(1);
  for (mux::StreamId id = 5; id < 20'000; id += 2) {
    ids.add(id);
  }
  CHECK(ids.ranges() == 1);
  CHECK_FALSE(ids.contains(1));
  CHECK(ids.contains(7));
  CHECK(ids.lowest_living() == 1);
  ids.add(3);
  ids.add(1);
  CHECK(ids.ranges() == 0);
  CHECK(ids.lowest_living() == 20'001);
}
