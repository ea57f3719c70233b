// SPDX-License-Identifier: Apache-2.0
#include "mux/finished_ids.h"

#include <algorithm>
#include <iterator>

namespace kt::mux {
namespace {
constexpr StreamId step = 2;
}

void FinishedIds::add(StreamId id) {
  if (contains(id)) {
    return;
  }
  StreamId first = id;
  StreamId last = id;
  auto next = ranges_.upper_bound(id);
  if (next != ranges_.end() && next->first == id + step) {
    last = next->second;
    next = ranges_.erase(next);
  }
  if (next != ranges_.begin() && std::prev(next)->second == id - step) {
    first = std::prev(next)->first;
  }
  ranges_[first] = last;
  absorb();
}

void FinishedIds::add_all_below(StreamId id) {
  below_ = std::max(below_, id);
  while (!ranges_.empty() && ranges_.begin()->first < below_) {
    below_ = std::max(below_, ranges_.begin()->second + step);
    ranges_.erase(ranges_.begin());
  }
  absorb();
}

void FinishedIds::absorb() {
  if (!ranges_.empty() && ranges_.begin()->first == below_) {
    below_ = ranges_.begin()->second + step;
    ranges_.erase(ranges_.begin());
  }
}

bool FinishedIds::contains(StreamId id) const {
  if (id < below_) {
    return true;
  }
  const auto next = ranges_.upper_bound(id);
  return next != ranges_.begin() && std::prev(next)->second >= id;
}

}  // namespace kt::mux
