// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kt::exchange {

// `kubectl kt-exchange restore [TYPE/NAME|--all]`: puts back what a crash left.
io::Task<int> restore(cli::Invocation invocation);

}  // namespace kt::exchange
