// SPDX-License-Identifier: Apache-2.0
// Two ends, links that delay, break and are noticed to be broken at different times by each end,
// and random calls of the application: in the end every stream is whole or reset, and nothing is
// left.
#include "mux/core.h"
#include "support/catch.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <random>

using namespace kt;
using mux::Core;
using mux::LinkHandle;
using mux::StreamId;

namespace {

std::byte content(StreamId id, int end, std::uint64_t offset) {
  return static_cast<std::byte>(offset * 31 + (offset >> 9) + id * 7 + static_cast<unsigned>(end));
}

// One application's end of one stream.
struct Use {
  std::uint64_t to_write = 0;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  bool finished = false;
  bool ended = false;
  int error = 0;
  bool resets = false;  // at some moment, instead of finishing
};

struct End {
  explicit End(mux::Role role, io::TimePoint now) : core(options(role), now) {}
  static Core::Options options(mux::Role role) {
    Core::Options made;
    made.role = role;
    made.grace = std::chrono::hours(1);
    return made;
  }
  Core core;
  std::map<StreamId, Use> uses;
};

// A link: what each end wrote and the other has not read.
struct Line {
  std::uint16_t number = 0;
  LinkHandle handle[2] = {0, 0};  // 0: that end has noticed its death
  std::deque<Bytes> on_the_way[2];
  bool broken = false;
};

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  void run() {
    for (int turn = 0; turn < 400; ++turn) {
      disturb();
      move();
    }
    for (int turn = 0; turn < 20'000 && !at_rest(); ++turn) {
      calm();
      move();
    }
    for (const End& end : ends_) {
      CHECK_FALSE(end.core.ended());
      CHECK(end.core.streams() == 0);
    }
    check_pairs();
  }

 private:
  unsigned dice(unsigned sides) { return static_cast<unsigned>(random_() % sides); }

  void disturb() {
    if (opened_ < 24 && dice(8) == 0) {
      open(static_cast<int>(dice(2)));
    }
    if (dice(20) == 0 && !lines_.empty()) {
      lines_[dice(static_cast<unsigned>(lines_.size()))].broken = true;
    }
    if (lines_.size() < 4 && dice(6) == 0) {
      link(static_cast<std::uint16_t>(dice(4)));
    }
    notice(6);
  }

  void calm() {
    notice(1);
    if (lines_.empty()) {
      link(1);
      link(2);
    }
    now_ += std::chrono::milliseconds(dice(4) == 0 ? 300 : 10);
  }

  // Each end notices a broken link in its own time.
  void notice(unsigned sides) {
    for (Line& line : lines_) {
      for (int end = 0; end < 2; ++end) {
        if (line.broken && line.handle[end] != 0 && dice(sides) == 0) {
          ends_[end].core.remove_link(line.handle[end], now_);
          line.handle[end] = 0;
        }
      }
    }
    std::erase_if(lines_, [](const Line& line) { return !line.handle[0] && !line.handle[1]; });
  }

  void link(std::uint16_t number) {
    ++generation_;
    Line line;
    line.number = number;
    for (int end = 0; end < 2; ++end) {
      line.handle[end] = *ends_[end].core.add_link({number, generation_}, now_);
    }
    for (Line& older : lines_) {
      if (older.number == number) {
        older.broken = true;
        older.handle[0] = older.handle[1] = 0;  // ended by the newer generation
      }
    }
    std::erase_if(lines_, [](const Line& old) { return !old.handle[0] && !old.handle[1]; });
    lines_.push_back(std::move(line));
  }

  void open(int end) {
    const mux::Target target{mux::Protocol::tcp, {mux::Address{}, 80}, std::nullopt};
    const StreamId id = ends_[end].core.open(target, now_);
    REQUIRE(id != 0);
    ends_[end].uses[id] = plan();
    ++opened_;
  }

  Use plan() {
    Use use;
    const unsigned sizes[] = {0, 1, 5'000, 70'000, 300'000, 1'500'000};
    use.to_write = sizes[dice(6)] + dice(100);
    use.resets = dice(8) == 0;
    return use;
  }

  void move() {
    now_ += std::chrono::milliseconds(dice(30));
    for (End& end : ends_) {
      end.core.advance(now_);
      take_events(end);
    }
    for (Line& line : lines_) {
      for (int from = 0; from < 2; ++from) {
        write_link(line, from);
        read_link(line, from);
      }
    }
    for (int end = 0; end < 2; ++end) {
      use_streams(end);
    }
  }

  void write_link(Line& line, int from) {
    Core& core = ends_[from].core;
    if (line.handle[from] == 0 || line.on_the_way[from].size() > 3 || dice(3) == 0 ||
        !core.wants_write(line.handle[from])) {
      return;
    }
    Bytes bytes(Core::min_fill);
    bytes.resize(core.fill(line.handle[from], bytes, now_));
    if (!line.broken) {
      line.on_the_way[from].push_back(std::move(bytes));
    }
  }

  void read_link(Line& line, int from) {
    std::deque<Bytes>& queue = line.on_the_way[from];
    const int to = 1 - from;
    if (line.broken || queue.empty() || dice(3) == 0) {
      return;
    }
    const Bytes bytes = std::move(queue.front());
    queue.pop_front();
    const std::size_t cut = dice(static_cast<unsigned>(bytes.size()) + 1);
    ends_[to].core.receive(line.handle[to], BytesView(bytes).first(cut), now_);
    ends_[to].core.receive(line.handle[to], BytesView(bytes).subspan(cut), now_);
    CAPTURE(ends_[to].core.end_reason());
    REQUIRE_FALSE(ends_[to].core.ended());
  }

  void take_events(End& end) {
    for (const mux::Event& event : end.core.take_events()) {
      if (event.kind == mux::EventKind::link_ended) {
        const std::size_t side = &end == &ends_[0] ? 0 : 1;
        for (Line& line : lines_) {
          line.broken = line.broken || line.handle[side] == event.id;
          line.handle[side] = line.handle[side] == event.id ? 0 : line.handle[side];
        }
      }
      if (event.kind == mux::EventKind::incoming) {
        end.uses[event.id] = plan();
        waiting_.push_back({&end, event.id});
      }
    }
    std::erase_if(waiting_, [this](const Waiting& waiting) {
      if (dice(3) != 0) {
        return false;
      }
      dice(8) == 0 ? waiting.end->core.failed(waiting.id, ECONNREFUSED)
                   : waiting.end->core.opened(waiting.id);
      return true;
    });
  }

  void use_streams(int end) {
    for (auto& [id, use] : ends_[end].uses) {
      if (dice(2) == 0) {
        use_stream(end, id, use);
      }
    }
  }

  void use_stream(int end, StreamId id, Use& use) {
    Core& core = ends_[end].core;
    const mux::StreamState* state = core.find(id);
    if (state == nullptr) {
      return;
    }
    if (state->error != 0 || state->phase == mux::Phase::opening) {
      use.error = state->error;
      state->error != 0 ? core.release(id) : void();
      return;
    }
    read(end, id, use);
    write(end, id, use);
    if (use.resets && use.written > use.to_write / 2) {
      core.reset(id, ECONNRESET);
      return;
    }
    if (use.written == use.to_write && !use.finished) {
      use.finished = true;
      core.finish(id);
    }
    use.ended = core.find(id)->receive.ended();
    if (use.ended && use.finished && dice(4) == 0) {
      core.release(id);
    }
  }

  void read(int end, StreamId id, Use& use) {
    Core& core = ends_[end].core;
    const BytesView bytes = core.find(id)->receive.peek();
    const std::size_t count =
        dice(2) == 0 ? bytes.size() : dice(static_cast<unsigned>(bytes.size()) + 1);
    for (std::size_t i = 0; i < count; ++i) {
      if (bytes[i] != content(id, 1 - end, use.read + i)) {
        FAIL("stream " << id << " differs at " << use.read + i);
      }
    }
    use.read += count;
    core.consume(id, count, now_);
  }

  void write(int end, StreamId id, Use& use) {
    Core& core = ends_[end].core;
    const MutableBytes room = core.prepare(id);
    const std::size_t count = std::min<std::uint64_t>(room.size(), use.to_write - use.written);
    for (std::size_t i = 0; i < count; ++i) {
      room[i] = content(id, end, use.written + i);
    }
    core.commit(id, count, now_);
    use.written += count;
  }

  [[nodiscard]] bool at_rest() const {
    return waiting_.empty() && ends_[0].core.streams() == 0 && ends_[1].core.streams() == 0;
  }

  void check_pairs() {
    for (const auto& [id, use] : ends_[0].uses) {
      CHECK((use.error != 0 || use.ended || use.resets));
      if (!use.ended || !use.finished) {
        continue;
      }
      const Use& other = ends_[1].uses.at(id);
      CHECK(use.read == other.written);
      CHECK(other.finished);
    }
  }

  struct Waiting {
    End* end;
    StreamId id;
  };

  std::mt19937 random_;
  io::TimePoint now_ = io::TimePoint{} + std::chrono::hours(1);
  End ends_[2] = {End(mux::Role::laptop, now_), End(mux::Role::agent, now_)};
  std::vector<Line> lines_;
  std::vector<Waiting> waiting_;
  std::uint32_t generation_ = 0;
  int opened_ = 0;
};

}  // namespace

TEST_CASE("whatever links do, every stream ends whole or reset, and nothing is left behind") {
  const unsigned seed = GENERATE(range(0U, 60U));
  CAPTURE(seed);
  World(seed).run();
}
