// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

#include <string>

namespace kt::connect {

// `kubectl kt-connect status [-o json|yaml|wide] [-w]`: all connects of this user that run now. The
// exit code is 0 when there is one and each of them has a link, else 1. With -w until interrupted.
io::Task<int> show_status(cli::Invocation invocation, std::string runtime_folder);

}  // namespace kt::connect
