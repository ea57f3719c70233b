// SPDX-License-Identifier: Apache-2.0
// YAML for people and for `kubectl apply`; only written, never read.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace kt::kube {

// Block style, as kubectl prints it; a string that could be taken for something else is quoted as
// in JSON, which YAML 1.2 contains. Ends with a newline.
[[nodiscard]] std::string to_yaml(const nlohmann::json& value);

}  // namespace kt::kube
