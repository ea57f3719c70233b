// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"

namespace kt::io {

// How long to wait before the next try: doubles from `first` up to `most`. Pure.
class Backoff {
 public:
  Backoff(Duration first, Duration most) : first_(first), most_(most), next_(first) {}

  // `random` in [0, 1) spreads callers over the upper half of the delay.
  [[nodiscard]] Duration next(double random);
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration next_;
};

}  // namespace kt::io
