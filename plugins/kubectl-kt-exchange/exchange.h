// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"
#include "flags/surroundings.h"
#include "kubectl-kt-exchange/options.h"

namespace kt::exchange {

// Exchanges the workload until Ctrl-C, then puts everything back; the exit code. Throws Error.
io::Task<int> exchange(ExchangeOptions options, flags::Surroundings surroundings,
                       cli::Interrupts& interrupts);

}  // namespace kt::exchange
