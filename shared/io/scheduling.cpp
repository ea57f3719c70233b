// SPDX-License-Identifier: Apache-2.0
#include "io/scheduling.h"

#include <sched.h>

namespace kt::io {

void schedule_in_batches() noexcept {
  const sched_param none{};
  if (::sched_getscheduler(0) == SCHED_OTHER) {
    (void)::sched_setscheduler(0, SCHED_BATCH, &none);
  }
}

}  // namespace kt::io
