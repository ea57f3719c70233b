// SPDX-License-Identifier: Apache-2.0
#include "io/backoff.h"

#include <algorithm>

namespace kt::io {

Duration Backoff::next(double random) {
  const double share = 0.5 + random / 2;
  const auto delay = std::chrono::duration_cast<Duration>(next_ * share);
  next_ = std::min(next_ * 2, most_);
  return delay;
}

}  // namespace kt::io
