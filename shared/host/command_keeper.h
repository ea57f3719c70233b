// SPDX-License-Identifier: Apache-2.0
// The process between kubectl-kt-connect and its captured command. If the one dies, however that
// happens, the keeper ends the other and all that it has started.
#pragma once

#include "host/namespaces.h"

namespace kt::host {

// Starts the command in the caller's namespaces, process group and terminal, waits for its end and
// ends what it leaves behind. `channel` is a SOCK_SEQPACKET socket: in come ParentMessages, its end
// is the parent's death; out go ChildMessages. Returns the command's exit code, or 128 + n.
[[nodiscard]] int keep_command(const CaptureCommand& command, int channel);

}  // namespace kt::host
