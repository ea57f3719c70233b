// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"
#include "flags/surroundings.h"
#include "kubectl-kt-connect/options.h"

#include <string>
#include <vector>

namespace kt::connect {

// Runs options.command inside the cluster's network and returns its exit code. `arguments` are the
// command line that the options came from: a holder gets them as they are. Whatever happens, all
// that was made is put back before this returns or throws, unless the tunnel goes on for others.
io::Task<int> connect(ConnectOptions options, std::vector<std::string> arguments,
                      flags::Surroundings surroundings, cli::Interrupts& interrupts);

}  // namespace kt::connect
