// SPDX-License-Identifier: Apache-2.0
// How the kernel's scheduler treats a process that passes bytes on (sched(7)).
#pragma once

namespace kt::io {

// SCHED_BATCH: waking us does not push the writer off its processor, so it goes on writing and we
// find more at once. Who gains by it and who loses: docs/decisions/0003. Children inherit it. A
// policy that the user chose stays. Safe between fork(2) and exec(3).
void schedule_in_batches() noexcept;

}  // namespace kt::io
