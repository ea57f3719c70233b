// SPDX-License-Identifier: Apache-2.0
// The laptop's word with the front in the shadow pod (docs/mux.md, "Front"): what it shall do, and
// how it is.
#pragma once

#include "io/async.h"
#include "mux/tunnel.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kt::exchange {

// What the front says of itself. Pure.
struct FrontNews {
  bool ready = false;
  std::set<std::uint16_t> proven;   // ports of the workload whose whole way was walked
  unsigned long long accepted = 0;  // connections since the agent's start
  unsigned long long open = 0;      // now
  unsigned long long held = 0;      // of those, waiting
  unsigned long long failed = 0;

  friend bool operator==(const FrontNews&, const FrontNews&) = default;
};

// One line without its end; unknown words change nothing.
void read_line(std::string_view line, FrontNews& news);

class FrontControl {
 public:
  explicit FrontControl(const io::Executor& executor) : changed_(executor) {}

  // Speaks over `tunnel` until it has ended. What was said last is said again to a new one.
  io::Task<> run(mux::Tunnel& tunnel);

  // "admit"; docs/mux.md has the others.
  void say(std::string word);

  [[nodiscard]] const FrontNews& news() const { return news_; }
  io::Task<> changed() { return changed_.wait(); }
  io::Task<bool> changed_within(io::Duration limit) { return changed_.wait_for(limit); }
  // As a change does: for whoever waits for something else besides.
  void wake() noexcept { changed_.notify(); }

 private:
  io::Task<> listen(mux::Stream& stream);

  std::vector<std::string> words_;  // all that holds, in its order
  mux::Stream* stream_ = nullptr;
  FrontNews news_;
  io::Event changed_;
};

}  // namespace kt::exchange
