// SPDX-License-Identifier: Apache-2.0
// The API session of a running connect to the same cluster: its `kubectl proxy` socket. An exchange
// logs in nowhere and starts no proxy of its own.
#pragma once

#include "kube/config.h"

#include <string>
#include <vector>

namespace kt::exchange {

// Pure: the folder in `running` that belongs to the connection; empty: none.
[[nodiscard]] std::string folder_of(const std::vector<std::string>& running,
                                    const std::string& connection_id);

// The socket's path. Throws Error config when no connect to this cluster runs, with both ways out;
// `program` is what was typed.
[[nodiscard]] std::string borrow_api(const std::string& runtime_folder, const kube::Config& config,
                                     const kube::ConnectionFlags& flags,
                                     const std::string& program);

}  // namespace kt::exchange
