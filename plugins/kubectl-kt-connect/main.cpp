// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"
#include "io/scheduling.h"
#include "kubectl-kt-connect/connect.h"

#include <fmt/format.h>

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace {

using kt::cli::Invocation;

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

kt::connect::Surroundings surroundings() {
  std::ifstream file("/etc/resolv.conf");
  kt::connect::Surroundings found;
  found.runtime_folder = environment("XDG_RUNTIME_DIR", fmt::format("/run/user/{}", ::getuid()));
  found.kubectl = environment("KUBECTL_PATH", "kubectl");
  found.user = user_name();
  found.host = host_name();
  found.resolv_conf = {std::istreambuf_iterator<char>(file), {}};
  found.proxy_in_environment = !environment("HTTPS_PROXY", environment("https_proxy")).empty();
  return found;
}

kt::io::Task<int> main_task(Invocation invocation) {
  const kt::cli::OptionTable& table = kt::connect::connect_table();
  const kt::cli::ParsedOptions parsed = table.parse(invocation.arguments);
  if (parsed.is_on("help")) {
    fmt::print("{}", table.help(invocation.program));
    co_return kt::cli::done;
  }
  kt::connect::ConnectOptions options =
      kt::connect::to_connect_options(parsed, environment("KT_IMAGE", released_image));
  if (options.command.empty()) {
    throw kt::Error(kt::ErrorKind::usage,
                    "connecting the whole laptop is not there yet: no command",
                    invocation.program + " -- CMD [ARG…]");
  }
  kt::log::set_level(options.verbosity);
  kt::io::schedule_in_batches();  // the kubectl children too
  co_return co_await kt::connect::connect(std::move(options), surroundings(),
                                          *invocation.interrupts);
}

}  // namespace

int main(int argc, char** argv) {
  return kt::cli::run(argc, argv, main_task);
}
