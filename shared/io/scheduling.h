// SPDX-License-Identifier: Apache-2.0
// How the kernel's scheduler treats a process that passes bytes on (sched(7)).
#pragma once

namespace kt::io {

// SCHED_BATCH: waking us does not push the writer off its processor, so it goes on writing and we
// find more at once. For a chain of small programs on few processors that is worth much: 64
// connections make 1.8 × the requests, a transfer 1.1–1.25 ×, and with an idle processor nothing
// changes (docs/decisions/0003). Children inherit it. A policy that the user chose stays.
void schedule_in_batches() noexcept;

}  // namespace kt::io
