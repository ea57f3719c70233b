// SPDX-License-Identifier: Apache-2.0
#include "kube/json_fields.h"

#include <nlohmann/json.hpp>

namespace kt::kube {

nlohmann::json field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);  // end() too when it is no object
  return found != object.end() ? *found : nlohmann::json();
}

std::string text_at(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::map<std::string, std::string> texts_at(const nlohmann::json& object, const char* name) {
  std::map<std::string, std::string> texts;
  const nlohmann::json found = field(object, name);
  if (found.is_object()) {
    for (const auto& [key, value] : found.items()) {
      texts[key] = value.is_string() ? value.get<std::string>() : std::string();
    }
  }
  return texts;
}

}  // namespace kt::kube
