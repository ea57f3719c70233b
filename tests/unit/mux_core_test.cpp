// SPDX-License-Identifier: Apache-2.0
#include "mux/core.h"
#include "mux/receive_half.h"
#include "support/catch.h"

#include <algorithm>
#include <cerrno>
#include <random>

using namespace kt;
using mux::Core;
using mux::LinkHandle;
using mux::StreamId;

namespace {

io::TimePoint at(int milliseconds) {
  return io::TimePoint{} + std::chrono::hours(1) + std::chrono::milliseconds(milliseconds);
}

Core::Options options(mux::Role role) {
  Core::Options made;
  made.role = role;
  return made;
}

mux::Target tcp() {
  return {mux::Protocol::tcp, {mux::Address{}, 80}, std::nullopt};
}
mux::Target udp() {
  return {mux::Protocol::udp, {mux::Address{}, 53}, std::nullopt};
}

// Two ends and the links between them; nothing moves but by move().
struct Pair {
  struct Line {
    LinkHandle laptop;
    LinkHandle agent;
  };

  Core laptop{options(mux::Role::laptop), at(0)};
  Core agent{options(mux::Role::agent), at(0)};
  std::vector<Line> lines;
  std::uint32_t generation = 0;
  int now = 0;

  void link(std::uint16_t number) {
    ++generation;
    lines.push_back({*laptop.add_link({number, generation}, at(now)),
                     *agent.add_link({number, generation}, at(now))});
  }
  // What was written and not delivered is lost, as with a dead connection.
  void cut(std::size_t index) {
    laptop.remove_link(lines[index].laptop, at(now));
    agent.remove_link(lines[index].agent, at(now));
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(index));
  }
  bool carry(Core& from, LinkHandle out, Core& to, LinkHandle in) {
    if (!from.wants_write(out)) {
      return false;
    }
    Bytes buffer(Core::min_fill);
    const std::size_t size = from.fill(out, buffer, at(now));
    to.receive(in, BytesView(buffer).first(size), at(now));
    return true;
  }
  bool step() {
    bool moved = false;
    for (const Line& line : std::vector<Line>(lines)) {
      moved = carry(laptop, line.laptop, agent, line.agent) || moved;
      moved = carry(agent, line.agent, laptop, line.laptop) || moved;
    }
    return moved;
  }
  void settle() {
    for (int turn = 0; turn < 100'000; ++turn) {
      if (!step()) {
        now += 25;  // late acknowledgements
        laptop.advance(at(now));
        agent.advance(at(now));
        if (!step()) {
          return;
        }
      }
    }
    FAIL("the two ends never come to rest");
  }
  StreamId open() {
    const StreamId id = laptop.open(tcp(), at(now));
    settle();
    agent.opened(id);
    settle();
    return id;
  }
};

std::size_t write(Core& core, StreamId id, BytesView bytes, int now) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const MutableBytes room = core.prepare(id);
    const std::size_t count = std::min(room.size(), bytes.size() - written);
    if (count == 0) {
      break;
    }
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(written), count, room.begin());
    core.commit(id, count, at(now));
    written += count;
  }
  return written;
}

Bytes read(Core& core, StreamId id, int now) {
  Bytes all;
  while (true) {
    const BytesView part = core.find(id) == nullptr ? BytesView{} : core.find(id)->receive.peek();
    if (part.empty()) {
      return all;
    }
    all.insert(all.end(), part.begin(), part.end());
    core.consume(id, part.size(), at(now));
  }
}

// Lets time pass for one end as its timer does.
void wait(Core& core, int from, int until) {
  for (int now = from; now <= until; now += 100) {
    core.advance(at(now));
  }
}

}  // namespace

TEST_CASE("a stream opens when the agent has answered, and not before") {
  Pair pair;
  pair.link(0);
  const StreamId id = pair.laptop.open(tcp(), at(0));
  pair.settle();
  REQUIRE(pair.agent.find(id) != nullptr);
  CHECK(pair.laptop.find(id)->phase == mux::Phase::opening);
  pair.agent.opened(id);
  pair.settle();
  CHECK(pair.laptop.find(id)->phase == mux::Phase::open);
}

TEST_CASE("a refusal arrives as its errno") {
  Pair pair;
  pair.link(0);
  const StreamId id = pair.laptop.open(tcp(), at(0));
  pair.settle();
  pair.agent.failed(id, ECONNREFUSED);
  pair.settle();
  CHECK(pair.laptop.find(id)->error == ECONNREFUSED);
}

TEST_CASE("a finished stream is forgotten by both ends once both have let go") {
  Pair pair;
  pair.link(1);
  const StreamId id = pair.open();
  write(pair.laptop, id, as_bytes("hello"), 0);
  pair.laptop.finish(id);
  pair.settle();
  CHECK(to_string(read(pair.agent, id, 0)) == "hello");
  CHECK(pair.agent.find(id)->receive.ended());
  pair.agent.finish(id);
  pair.settle();
  pair.laptop.release(id);
  pair.agent.release(id);
  pair.settle();
  CHECK(pair.laptop.streams() == 0);
  CHECK(pair.agent.streams() == 0);
}

TEST_CASE("a reset is no end of file") {
  Pair pair;
  pair.link(1);
  const StreamId id = pair.open();
  pair.laptop.reset(id, ECONNRESET);
  pair.settle();
  CHECK(pair.agent.find(id)->error == ECONNRESET);
  CHECK_FALSE(pair.agent.find(id)->receive.ended());
}

TEST_CASE("a reader that never reads stops its own stream only") {
  Pair pair;
  pair.link(1);
  const StreamId stalled = pair.open();
  const StreamId other = pair.open();
  const Bytes much(4 << 20);
  std::size_t taken = 0;
  for (int turn = 0; turn < 32; ++turn) {
    taken += write(pair.laptop, stalled, much, pair.now);
    pair.settle();
  }
  CHECK(taken == mux::initial_window);
  write(pair.laptop, other, as_bytes("x"), pair.now);
  pair.settle();
  CHECK(to_string(read(pair.agent, other, pair.now)) == "x");
}

TEST_CASE("many readers that never read cost their first window each, and others still move") {
  Pair pair;
  pair.link(1);
  const Bytes much(4 << 20);
  const auto stuff = [&](StreamId id) {
    std::size_t taken = 0;
    for (int turn = 0; turn < 8; ++turn) {
      taken += write(pair.laptop, id, much, pair.now);
      pair.settle();
    }
    return taken;
  };
  for (int count = 0; count < 264; ++count) {  // 64 MiB: a tunnel is crowded
    REQUIRE(stuff(pair.open()) == mux::initial_window);
  }
  const StreamId other = pair.open();
  std::size_t moved = 0;
  for (int turn = 0; turn < 64; ++turn) {
    moved += write(pair.laptop, other, much, pair.now);
    while (pair.step()) {  // credit that waits for the clock does not count
    }
    read(pair.agent, other, pair.now);
  }
  CHECK(moved >= 32 * mux::initial_window);
}

TEST_CASE("datagrams keep their boundaries and need not wait for the answer") {
  Pair pair;
  pair.link(1);
  const StreamId id = pair.laptop.open(udp(), at(0));
  CHECK(pair.laptop.send_datagram(id, as_bytes("one")));
  CHECK(pair.laptop.send_datagram(id, as_bytes("")));
  pair.settle();
  CHECK(to_string(*pair.agent.take_datagram(id)) == "one");
  CHECK(pair.agent.take_datagram(id)->empty());
  CHECK_FALSE(pair.agent.take_datagram(id));
}

TEST_CASE("credit beyond what was sent ends the tunnel with a reason") {
  Pair pair;
  pair.link(1);
  const StreamId id = pair.open();
  Bytes frame(mux::header_size);
  mux::store_header(frame, id, mux::FrameType::credit, 16);
  ByteWriter writer(frame);
  writer.u64(1000);
  writer.u64(1 << 20);
  pair.laptop.receive(pair.lines[0].laptop, frame, at(pair.now));
  CHECK(pair.laptop.ended());
  CHECK(pair.laptop.end_reason().find("CREDIT") != std::string::npos);
}

TEST_CASE("a silent link is dead after 15 s, and after 5 s when it owes an answer") {
  Pair pair;
  pair.link(1);
  pair.settle();
  const int quiet = pair.now;
  wait(pair.laptop, quiet, quiet + 14'500);
  CHECK(pair.laptop.links().size() == 1);
  wait(pair.laptop, quiet + 14'500, quiet + 15'500);
  CHECK(pair.laptop.links().empty());

  Pair owing;
  owing.link(1);
  const StreamId id = owing.open();
  owing.settle();
  write(owing.laptop, id, as_bytes("x"), owing.now);
  Bytes lost(Core::min_fill);
  (void)owing.laptop.fill(owing.lines[0].laptop, lost, at(owing.now));
  wait(owing.laptop, owing.now, owing.now + 4'900);
  CHECK(owing.laptop.links().size() == 1);
  wait(owing.laptop, owing.now + 4'900, owing.now + 5'500);
  CHECK(owing.laptop.links().empty());
}

TEST_CASE("a process that was stopped itself does not call its links dead") {
  Pair pair;
  pair.link(1);
  pair.settle();
  pair.laptop.advance(at(pair.now + 60'000));
  CHECK(pair.laptop.links().size() == 1);
}

TEST_CASE("without a link the tunnel lives for the grace time") {
  Pair pair;
  pair.link(1);
  pair.open();
  pair.cut(0);
  pair.laptop.advance(at(pair.now + 119'000));
  CHECK_FALSE(pair.laptop.ended());
  pair.laptop.advance(at(pair.now + 121'000));
  CHECK(pair.laptop.ended());
}

// Whatever the link has taken is never delivered.
void cut_with_bytes(Pair& pair, std::size_t victim) {
  Bytes lost(Core::min_fill);
  (void)pair.laptop.fill(pair.lines[victim].laptop, lost, at(pair.now));
  (void)pair.agent.fill(pair.lines[victim].agent, lost, at(pair.now));
  pair.cut(victim);
}

// One stream on which the agent sends back what it gets.
struct Echo {
  StreamId id;
  Bytes sent;
  Bytes received;  // by the agent
  Bytes returned;
  std::size_t written = 0;
  std::size_t echoed = 0;

  void turn(Pair& pair) {
    written += write(pair.laptop, id, BytesView(sent).subspan(written), pair.now);
    const Bytes got = read(pair.agent, id, pair.now);
    received.insert(received.end(), got.begin(), got.end());
    echoed += write(pair.agent, id, BytesView(received).subspan(echoed), pair.now);
    const Bytes back = read(pair.laptop, id, pair.now);
    returned.insert(returned.end(), back.begin(), back.end());
  }
};

TEST_CASE("streams survive links that die at random, byte for byte") {
  const unsigned seed = GENERATE(range(0U, 300U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto dice = [&random](unsigned sides) { return random() % sides; };
  Pair pair;
  pair.link(0);
  pair.link(1);
  pair.link(2);
  Echo echo{pair.open(), Bytes(700'000 + dice(900'000)), {}, {}};
  std::generate(echo.sent.begin(), echo.sent.end(),
                [&random] { return static_cast<std::byte>(random()); });
  for (int turn = 0; turn < 20'000 && echo.returned.size() < echo.sent.size(); ++turn) {
    echo.turn(pair);
    if (dice(6) == 0) {
      cut_with_bytes(pair, dice(static_cast<unsigned>(pair.lines.size())));
      pair.link(static_cast<std::uint16_t>(dice(4)));
    } else {
      pair.step();
    }
    if (pair.lines.empty()) {
      pair.link(1);
    }
    if (dice(10) == 0) {
      pair.now += 25;
      pair.laptop.advance(at(pair.now));
      pair.agent.advance(at(pair.now));
    }
    REQUIRE_FALSE(pair.laptop.ended());
    REQUIRE_FALSE(pair.agent.ended());
  }
  CHECK(echo.returned == echo.sent);
}

TEST_CASE("a sender that is full goes on when a link has taken bytes, without waiting for credit") {
  Pair pair;
  pair.link(1);
  const StreamId id = pair.open();
  const Bytes much(mux::initial_window);
  write(pair.laptop, id, much, 0);
  pair.settle();
  read(pair.agent, id, 0);  // earns a window of 1 MiB
  pair.settle();
  REQUIRE(write(pair.laptop, id, Bytes(4 * much.size()), 0) == mux::SendHalf::max_unsent);
  REQUIRE(pair.laptop.prepare(id).empty());
  (void)pair.laptop.take_events();
  Bytes buffer(Core::min_fill);
  (void)pair.laptop.fill(pair.lines[0].laptop, buffer, at(0));  // and nothing comes back
  const auto events = pair.laptop.take_events();
  CHECK(std::ranges::any_of(events, [&](const mux::Event& event) {
    return event.kind == mux::EventKind::changed && event.id == id;
  }));
  CHECK_FALSE(pair.laptop.prepare(id).empty());
}

// Once a quarter of the whole window had to pass first, more than was granted: then every credit
// came by the clock, 64 KiB in 50 ms.
TEST_CASE("in a crowded tunnel credit follows what is granted, not the window") {
  constexpr std::uint64_t granted = 64UL * 1024;
  mux::ChunkPool pool;
  mux::ReceiveHalf half(pool);
  const Bytes much(mux::initial_window);
  REQUIRE(half.receive(0, much));
  half.consume(much.size());
  half.said(half.credit(granted));
  const Bytes little(granted / 4);
  REQUIRE(half.receive(much.size(), little));
  half.consume(little.size());
  CHECK(half.due(granted));
}
