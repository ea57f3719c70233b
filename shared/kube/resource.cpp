// SPDX-License-Identifier: Apache-2.0
#include "kube/resource.h"

#include <fmt/format.h>

namespace kt::kube {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

std::string resource_name(const Resource& resource) {
  return resource.group.empty() ? resource.plural
                                : fmt::format("{}.{}", resource.plural, resource.group);
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (is_unreserved(c)) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

std::string path_of(const Resource& resource, std::string_view namespace_) {
  std::string path = resource.group.empty() ? "/api" : "/apis/" + percent_encode(resource.group);
  path += "/" + percent_encode(resource.version);
  if (resource.namespaced && !namespace_.empty()) {
    path += "/namespaces/" + percent_encode(namespace_);
  }
  return path + "/" + percent_encode(resource.plural);
}

std::string path_of(const ObjectRef& object) {
  std::string path = path_of(object.resource, object.namespace_);
  path += "/" + percent_encode(object.name);
  return object.subresource.empty() ? path : path + "/" + percent_encode(object.subresource);
}

std::string describe(const ObjectRef& object) {
  return fmt::format("{} '{}'", resource_name(object.resource), object.name);
}

}  // namespace kt::kube
