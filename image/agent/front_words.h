// SPDX-License-Identifier: Apache-2.0
// The front's line protocol (docs/mux.md, "Front"), apart from what carries it. Pure.
#pragma once

#include "agent/front_state.h"
#include "base/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kt::agent {

// Foreign bytes in, lines out, however they were cut.
class FrontLines {
 public:
  static constexpr std::size_t longest = 200;  // bytes with its end; a longer line is dropped

  // The lines that `bytes` completes, without their ends.
  [[nodiscard]] std::vector<std::string> receive(BytesView bytes);

 private:
  std::string line_;
  bool too_long_ = false;
};

// What one listener has not been told yet. It compares states, so however slow the listener is,
// nothing queues up.
class FrontNews {
 public:
  // Whole lines; all there is to say the first time.
  [[nodiscard]] std::string take(const FrontState& state, io::TimePoint now);

 private:
  std::optional<bool> ready_;
  std::vector<std::uint64_t> verdicts_;  // told, of each port
  std::optional<FrontCounts> counts_;
  io::TimePoint counts_told_;
};

}  // namespace kt::agent
