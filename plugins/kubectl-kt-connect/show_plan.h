// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flags/surroundings.h"
#include "io/async.h"
#include "kubectl-kt-connect/options.h"

namespace kt::connect {

// --dry-run: prints the objects that a connect would make. With `server` the API server has said
// yes to each (admission, quota, Pod Security warnings) without keeping it; throws what it said
// otherwise. The keys in it are of this moment and never used.
io::Task<int> show_plan(ConnectOptions options, flags::Surroundings surroundings);

}  // namespace kt::connect
