// SPDX-License-Identifier: Apache-2.0
// The process that holds a tunnel, in a session of its own: `kubectl-kt-connect -- CMD` starts it
// and joins it, and so do later ones. It ends when nobody has been there for the --linger time.
#pragma once

#include "base/unique_fd.h"
#include "cli/program.h"
#include "flags/surroundings.h"

namespace kt::connect {

// `starter` is the join socket of who has started us: it begins with StartHolding. Whatever
// happens, all that was made is put back before this returns. Complaints go to those who have
// joined; the exit code is theirs to tell.
io::Task<int> hold(UniqueFd starter, flags::Surroundings surroundings);

}  // namespace kt::connect
