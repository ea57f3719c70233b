// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kt::exchange {

// `kubectl kt-exchange list [-A] [-o wide|json|yaml]`: who holds what since when.
io::Task<int> show_list(cli::Invocation invocation);

}  // namespace kt::exchange
