// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mux/frame.h"

#include <cstddef>
#include <map>

namespace kt::mux {

// The ids of one opener that are over, so that a late OPEN cannot open twice. Neighbours are kept
// as one range: it costs memory by the number of living streams between them, not by their age.
class FinishedIds {
 public:
  // `first` is the opener's first id, 1 or 2; its ids are 2 apart.
  explicit FinishedIds(StreamId first) : below_(first) {}

  void add(StreamId id);
  // All lower ids are over; never goes back.
  void add_all_below(StreamId id);
  [[nodiscard]] bool contains(StreamId id) const;
  [[nodiscard]] StreamId lowest_living() const { return below_; }  // or the next to be opened
  [[nodiscard]] std::size_t ranges() const { return ranges_.size(); }

 private:
  void absorb();

  StreamId below_;                       // all lower ones are over
  std::map<StreamId, StreamId> ranges_;  // first → last, above `below_`, not touching
};

}  // namespace kt::mux
