// SPDX-License-Identifier: Apache-2.0
#include "flags/surroundings.h"

#include <fmt/format.h>

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace kt::flags {
namespace {

constexpr const char* released_image = "ghcr.io/kubectl-kt/kt-shadow:" KT_VERSION;

std::string environment(const char* name, std::string otherwise = {}) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::move(otherwise) : value;
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::getuid());
  return entry == nullptr ? std::to_string(::getuid()) : entry->pw_name;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string runtime_folder() {
  return environment("XDG_RUNTIME_DIR", fmt::format("/run/user/{}", ::getuid()));
}

std::string kubectl_program() {
  return environment("KUBECTL_PATH", "kubectl");
}

}  // namespace

Surroundings surroundings(const cli::Invocation& invocation) {
  std::ifstream file("/etc/resolv.conf");
  Surroundings found;
  found.program = invocation.program;
  found.program_file = invocation.program_file;
  found.runtime_folder = runtime_folder();
  found.kubectl = kubectl_program();
  found.image = environment("KT_IMAGE", released_image);
  found.user = user_name();
  found.host = host_name();
  found.resolv_conf = {std::istreambuf_iterator<char>(file), {}};
  found.proxy_in_environment = !environment("HTTPS_PROXY", environment("https_proxy")).empty();
  return found;
}

}  // namespace kt::flags
