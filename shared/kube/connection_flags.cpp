// SPDX-License-Identifier: Apache-2.0
#include "kube/connection_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kt::kube {
namespace {

constexpr bool value = true;
constexpr bool on_off = false;
constexpr bool many = true;
constexpr bool once = false;

constexpr std::array<ConnectionFlag, 21> all_flags{{
    {"as", 0, value, once, "User to impersonate"},
    {"as-group", 0, value, many, "Group to impersonate, may be repeated"},
    {"as-uid", 0, value, once, "UID to impersonate"},
    {"as-user-extra", 0, value, many, "Extra of the user to impersonate, may be repeated"},
    {"cache-dir", 0, value, once, "Folder of kubectl's cache"},
    {"certificate-authority", 0, value, once, "File with the API server's CA"},
    {"client-certificate", 0, value, once, "File with a client certificate"},
    {"client-key", 0, value, once, "File with the key of the client certificate"},
    {"cluster", 0, value, once, "Cluster of the kubeconfig"},
    {"context", 0, value, once, "Context of the kubeconfig"},
    {"disable-compression", 0, on_off, once, "Ask the API server for uncompressed answers"},
    {"insecure-skip-tls-verify", 0, on_off, once, "Do not check the API server's certificate"},
    {"kubeconfig", 0, value, once, "File of the kubeconfig"},
    {"namespace", 'n', value, once, "Namespace"},
    {"password", 0, value, once, "Password for basic authentication"},
    {"request-timeout", 0, value, once, "Limit of a single request, e.g. 30s; 0 = none"},
    {"server", 's', value, once, "URL of the API server"},
    {"tls-server-name", 0, value, once, "Name in the API server's certificate"},
    {"token", 0, value, once, "Bearer token"},
    {"user", 0, value, once, "User of the kubeconfig"},
    {"username", 0, value, once, "User name for basic authentication"},
}};

bool is_left_out(std::string_view name) {
  return name == "namespace" || name == "request-timeout";
}

bool is_secret(std::string_view name) {
  return name == "token" || name == "password";
}

bool says_who(std::string_view name) {
  return name.starts_with("as") || name == "user" || name == "username" ||
         name == "client-certificate";
}

}  // namespace

std::span<const ConnectionFlag> connection_flags() {
  return all_flags;
}

void ConnectionFlags::add(std::string name, std::string value_text) {
  flags_.emplace_back(std::move(name), std::move(value_text));
}

std::optional<std::string> ConnectionFlags::find(std::string_view name) const {
  const auto found = std::find_if(flags_.rbegin(), flags_.rend(),
                                  [name](const auto& flag) { return flag.first == name; });
  return found == flags_.rend() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> ConnectionFlags::argv() const {
  std::vector<std::string> result;
  for (const auto& [name, text] : flags_) {
    if (!is_left_out(name)) {
      result.push_back(fmt::format("--{}={}", name, text));
    }
  }
  return result;
}

std::vector<std::string> ConnectionFlags::printable() const {
  ConnectionFlags copy = *this;
  for (auto& [name, text] : copy.flags_) {
    text = is_secret(name) ? "<redacted>" : text;
  }
  return copy.argv();
}

std::string ConnectionFlags::impersonation() const {
  std::string who;
  for (const auto& [name, text] : flags_) {
    if (says_who(name)) {
      who += fmt::format("{}={}\n", name, text);
    }
  }
  return who;
}

}  // namespace kt::kube
