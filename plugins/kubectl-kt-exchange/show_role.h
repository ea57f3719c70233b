// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kt::exchange {

// `kubectl kt-exchange rbac [-o yaml|json]`: the Roles of connect and exchange, for `kubectl
// apply`.
io::Task<int> show_role(cli::Invocation invocation);

}  // namespace kt::exchange
