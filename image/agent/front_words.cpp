// SPDX-License-Identifier: Apache-2.0
#include "agent/front_words.h"

#include <fmt/format.h>

#include <utility>

namespace kt::agent {
namespace {

constexpr std::chrono::seconds counts_pause{1};

std::string ready_line(bool ready) {
  return ready ? "ready\n" : "unready\n";
}

std::string verdict_line(const FrontState::Port& port) {
  switch (port.verdict) {
    case FrontState::Verdict::unknown:
      return "";
    case FrontState::Verdict::proven:
      return fmt::format("proven {}\n", port.number);
    case FrontState::Verdict::refused:
      return fmt::format("refused {}\n", port.number);
  }
  return "";
}

std::string counts_line(const FrontCounts& counts) {
  return fmt::format("counts {} {} {} {}\n", counts.accepted, counts.open, counts.held,
                     counts.failed);
}

}  // namespace

std::vector<std::string> FrontLines::receive(BytesView bytes) {
  std::vector<std::string> lines;
  for (const std::byte each : bytes) {
    const char letter = std::to_integer<char>(each);
    if (letter == '\n') {
      if (!std::exchange(too_long_, false)) {
        lines.push_back(line_);
      }
      line_.clear();
    } else if (line_.size() + 1 < longest) {
      line_ += letter;
    } else {
      too_long_ = true;
    }
  }
  return lines;
}

std::string FrontNews::take(const FrontState& state, io::TimePoint now) {
  std::string lines;
  if (ready_ != state.ready()) {
    ready_ = state.ready();
    lines += ready_line(*ready_);
  }
  verdicts_.resize(state.ports().size());
  for (std::size_t i = 0; i < verdicts_.size(); ++i) {
    const FrontState::Port& port = state.ports()[i];
    if (std::exchange(verdicts_[i], port.verdicts) != port.verdicts) {
      lines += verdict_line(port);
    }
  }
  if (counts_ != state.counts && (!counts_ || now - counts_told_ >= counts_pause)) {
    counts_ = state.counts;
    counts_told_ = now;
    lines += counts_line(*counts_);
  }
  return lines;
}

}  // namespace kt::agent
