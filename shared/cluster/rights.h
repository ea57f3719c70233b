// SPDX-License-Identifier: Apache-2.0
// What RBAC must grant before a command may start, as one table: the preflight asks for it, and the
// Role that we print grants it.
#pragma once

#include "cluster/carrier.h"
#include "kube/access_review.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace kt::cluster {

enum class Command { connect, exchange };

// All of a command's in one namespace, but for the way to the pod (see carrier_right()).
[[nodiscard]] std::vector<kube::Right> rights_of(Command command, const std::string& namespace_);
[[nodiscard]] kube::Right carrier_right(Carrier carrier, const std::string& namespace_);

// The Role with these, both carriers' and the optional events: ready for `kubectl apply`.
[[nodiscard]] nlohmann::json role_of(Command command, const std::string& namespace_);

// Throws Error denied, naming every right that is missing, with the Role as hint. `only` is
// --carrier; without it one of both is enough. `program` is what was typed. Of resources in
// `unused` this run needs none (another kind of target).
io::Task<> check_rights(kube::Client& client, Command command, std::string namespace_,
                        std::optional<Carrier> only, std::string program,
                        std::vector<std::string> unused = {});

}  // namespace kt::cluster
