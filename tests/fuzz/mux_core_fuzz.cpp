// SPDX-License-Identifier: Apache-2.0
// A hostile other end: whatever it says, memory stays bounded and the tunnel lives or ends with a
// reason. The first byte chooses what the application does between portions.
#include "mux/core.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kt;

namespace {

io::TimePoint at(int milliseconds) {
  return io::TimePoint{} + std::chrono::hours(1) + std::chrono::milliseconds(milliseconds);
}

void use(mux::Core& core, mux::StreamId id, unsigned choice, io::TimePoint now) {
  const mux::StreamState* state = core.find(id);
  if (state == nullptr) {
    return;
  }
  core.opened(id);
  core.consume(id, state->receive.peek().size(), now);
  (void)core.take_datagram(id);
  if (const MutableBytes room = core.prepare(id); !room.empty()) {
    core.commit(id, std::min<std::size_t>(room.size(), 100), now);
  }
  if (choice % 5 == 0) {
    core.finish(id);
  }
  if (choice % 7 == 0) {
    core.release(id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mux::Core::Options options;
  options.role = mux::Role::agent;
  mux::Core core(options, at(0));
  const mux::LinkHandle links[] = {*core.add_link({1, 1}, at(0)), *core.add_link({2, 1}, at(0))};
  const mux::Target target{mux::Protocol::tcp, {mux::Address{}, 80}, std::nullopt};
  const mux::StreamId ours = core.open(target, at(0));
  BytesView rest = std::as_bytes(std::span(data, size));
  Bytes out(mux::Core::min_fill);
  for (int turn = 0; !rest.empty() && turn < 4096; ++turn) {
    const auto choice = std::to_integer<unsigned>(rest[0]);
    rest = rest.subspan(1);
    const std::size_t portion = std::min<std::size_t>(rest.size(), choice / 2 + 1);
    core.receive(links[choice % 2], rest.first(portion), at(turn));
    rest = rest.subspan(portion);
    for (const mux::Event& event : core.take_events()) {
      if (event.kind == mux::EventKind::incoming || event.kind == mux::EventKind::changed) {
        use(core, event.id, choice, at(turn));
      }
    }
    use(core, ours, choice, at(turn));
    (void)core.fill(links[turn % 2], out, at(turn));
    core.advance(at(turn));
  }
  if (core.ended() && core.end_reason().empty() && !core.goaway()) {
    std::abort();
  }
  return 0;
}
