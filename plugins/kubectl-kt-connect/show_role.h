// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kt::connect {

// `kubectl kt-connect rbac [-n NAMESPACE] [-o yaml|json]`: the Role that a connect needs, for
// `kubectl apply`. Asks nothing of the cluster.
io::Task<int> show_role(cli::Invocation invocation, std::string kubectl);

}  // namespace kt::connect
