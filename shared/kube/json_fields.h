// SPDX-License-Identifier: Apache-2.0
// JSON that somebody else wrote, looked at step by step: what is missing or of another kind is null
// or empty, and nothing throws.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>

namespace kt::kube {

// Null when `object` is no object or has no such field.
[[nodiscard]] nlohmann::json field(const nlohmann::json& object, const char* name);

// Empty when the field is missing or no string.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* name);

// The texts of an object of texts, such as labels or a selector; what is no text is empty.
[[nodiscard]] std::map<std::string, std::string> texts_at(const nlohmann::json& object,
                                                          const char* name);

}  // namespace kt::kube
