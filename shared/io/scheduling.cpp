// SPDX-License-Identifier: Apache-2.0
#include "io/scheduling.h"

#include <sched.h>

namespace kt::io {
namespace {

bool batched = false;  // by us; a fork takes it along

}  // namespace

void schedule_in_batches() noexcept {
  const sched_param none{};
  if (::sched_getscheduler(0) == SCHED_OTHER) {
    batched = ::sched_setscheduler(0, SCHED_BATCH, &none) == 0;
  }
}

void schedule_as_before() noexcept {
  const sched_param none{};
  if (batched) {
    (void)::sched_setscheduler(0, SCHED_OTHER, &none);
    batched = false;
  }
}

}  // namespace kt::io
