// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kt::connect {

// `kubectl_complete-kt_connect WORD…`: what kubectl asks when TAB is pressed behind
// `kubectl kt-connect`. Never fails: no answer is an empty one.
io::Task<int> show_completion(cli::Invocation invocation, std::string kubectl);

}  // namespace kt::connect
