// SPDX-License-Identifier: Apache-2.0
#include "kube/config.h"

#include "base/error.h"
#include "kube/json_fields.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdint>
#include <exception>
#include <tuple>

namespace kt::kube {
namespace {

using nlohmann::json;

// No network and no plugin is involved.
constexpr auto read_limit = std::chrono::seconds(10);
// A person may have to find a phone.
constexpr auto log_in_limit = std::chrono::minutes(5);

constexpr int least_minor = 26;  // plugin completion, WebSocket switches, --append-server-path

// kubeconfig's lists: [{"name": N, KIND: {…}}]. Null when there is no such entry.
json find_entry(const json& config, const char* list, const char* kind, const std::string& name) {
  const json entries = config.value(list, json());
  if (entries.is_array()) {
    for (const json& entry : entries) {
      if (text_at(entry, "name") == name && entry.contains(kind)) {
        return entry.at(kind);
      }
    }
  }
  return {};
}

json parse_json(std::string_view text, const char* what) {
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) {
    throw Error(ErrorKind::config, fmt::format("{}: not the JSON that kubectl writes", what),
                "kubectl version --client");
  }
  return parsed;
}

json entry_or_throw(const json& config, const char* list, const char* kind,
                    const std::string& name) {
  json entry = find_entry(config, list, kind, name);
  if (!entry.is_object()) {
    throw Error(ErrorKind::config, fmt::format("{} '{}': not in the kubeconfig", kind, name),
                fmt::format("kubectl config get-{}", list));
  }
  return entry;
}

bool may_ask(const json& user) {
  const json exec = user.is_object() ? user.value("exec", json()) : json();
  return exec.is_object() && text_at(exec, "interactiveMode") != "Never";
}

[[noreturn]] void throw_no_kubeconfig() {
  throw Error(ErrorKind::config,
              "no cluster chosen: the kubeconfig is missing or has no current context",
              "kubectl config get-contexts, then add --context CONTEXT (or set KUBECONFIG)");
}

void apply_context(Config& config, const json& kubeconfig, const ConnectionFlags& flags,
                   std::string& cluster_name) {
  config.context = flags.find("context").value_or(text_at(kubeconfig, "current-context"));
  if (config.context.empty()) {
    return;
  }
  const json context = entry_or_throw(kubeconfig, "contexts", "context", config.context);
  cluster_name = text_at(context, "cluster");
  config.user = text_at(context, "user");
  const std::string name = text_at(context, "namespace");
  config.namespace_ = name.empty() ? config.namespace_ : name;
}

void apply_cluster(Config& config, const json& kubeconfig, const ConnectionFlags& flags,
                   const std::string& name) {
  if (!name.empty()) {
    const json cluster = entry_or_throw(kubeconfig, "clusters", "cluster", name);
    config.server = text_at(cluster, "server");
    config.proxy_url = text_at(cluster, "proxy-url");
    const std::string data = text_at(cluster, "certificate-authority-data");
    config.certificate_authority = data.empty() ? text_at(cluster, "certificate-authority") : data;
  }
  config.server = flags.find("server").value_or(config.server);
  config.certificate_authority =
      flags.find("certificate-authority").value_or(config.certificate_authority);
}

void apply_user(Config& config, const json& kubeconfig, const ConnectionFlags& flags) {
  config.user = flags.find("user").value_or(config.user);
  if (!config.user.empty()) {
    config.may_ask = may_ask(entry_or_throw(kubeconfig, "users", "user", config.user));
  }
  // A token on the command line goes before any plugin.
  config.may_ask = config.may_ask && !flags.find("token").has_value();
}

io::Command quiet(const Kubectl& kubectl, std::vector<std::string> arguments) {
  io::Command command = Kubectl{kubectl.program, {}}.command(std::move(arguments));
  if (const auto file = kubectl.flags.find("kubeconfig")) {
    command.argv.push_back("--kubeconfig=" + *file);
  }
  return command;
}

io::Task<> run_into(io::Command command, io::ChildOutput& output) {
  output = co_await io::run_command(std::move(command), read_limit);
}

void throw_if_missing(const std::exception_ptr& failure, const std::string& program) {
  if (failure == nullptr) {
    return;
  }
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found) {
      throw_kubectl_missing(program);
    }
    throw;
  }
}

// FNV-1a: a name for a folder, not a proof; who may enter the folder is checked by its rights.
std::uint64_t fnv1a(std::uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return (hash ^ 0xffU) * 0x100000001b3ULL;  // no text contains it: keeps fields apart
}

[[noreturn]] void throw_too_old(const std::string& version) {
  throw Error(ErrorKind::config,
              fmt::format("kubectl {} is too old: 1.{} or later is needed", version, least_minor),
              "https://kubernetes.io/docs/tasks/tools/");
}

// "32+" → 32
int leading_number(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Config parse_config(std::string_view kubeconfig_json, const ConnectionFlags& flags) {
  const json kubeconfig = parse_json(kubeconfig_json, "kubeconfig");
  Config config;
  std::string cluster_name;
  apply_context(config, kubeconfig, flags, cluster_name);
  apply_cluster(config, kubeconfig, flags, flags.find("cluster").value_or(cluster_name));
  apply_user(config, kubeconfig, flags);
  if (const auto name = flags.find("namespace"); name && !name->empty()) {
    config.namespace_ = *name;
  }
  if (config.server.empty()) {
    throw_no_kubeconfig();
  }
  return config;
}

void check_kubectl_version(std::string_view version_json) {
  const json version = parse_json(version_json, "kubectl version").value("clientVersion", json());
  const int major = leading_number(text_at(version, "major"));
  const int minor = leading_number(text_at(version, "minor"));
  if (major < 1 || (major == 1 && minor < least_minor)) {
    throw_too_old(text_at(version, "gitVersion"));
  }
}

io::Task<Config> read_config(Kubectl kubectl) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  io::ChildOutput view;
  io::ChildOutput version;
  auto both = io::asio::experimental::make_parallel_group(
      io::asio::co_spawn(
          executor, run_into(quiet(kubectl, {"config", "view", "--raw", "--output=json"}), view),
          io::asio::deferred),
      io::asio::co_spawn(
          executor, run_into(quiet(kubectl, {"version", "--client", "--output=json"}), version),
          io::asio::deferred));
  const std::tuple<std::array<std::size_t, 2>, std::exception_ptr, std::exception_ptr> result =
      co_await std::move(both).async_wait(io::asio::experimental::wait_for_all(), io::use_task);
  throw_if_missing(std::get<1>(result), kubectl.program);
  throw_if_missing(std::get<2>(result), kubectl.program);
  if (version.exit_code == 0) {
    check_kubectl_version(version.out);
  }
  if (view.exit_code != 0) {
    throw Error(ErrorKind::config, "read the kubeconfig: " + kubectl_complaint(view.err),
                "kubectl config view");
  }
  co_return parse_config(view.out, kubectl.flags);
}

std::string connection_id(const Config& config, const ConnectionFlags& flags) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  hash = fnv1a(hash, config.server);
  hash = fnv1a(hash, config.certificate_authority);
  hash = fnv1a(hash, config.user);
  hash = fnv1a(hash, flags.impersonation());
  return fmt::format("{:016x}", hash);
}

io::Task<> log_in_on_terminal(Kubectl kubectl) {
  io::Command command = kubectl.command({"get", "--raw", "/version"});
  if (const auto timeout = kubectl.flags.find("request-timeout")) {
    command.argv.push_back("--request-timeout=" + *timeout);
  }
  command.in = io::ChildStream::inherit;
  command.err = io::ChildStream::inherit;
  command.foreground = true;
  const io::ChildOutput output = co_await io::run_command(std::move(command), log_in_limit);
  if (output.exit_code != 0) {
    throw Error(ErrorKind::unavailable,
                fmt::format("log in to the cluster: kubectl ended with code {}", output.exit_code),
                kubectl.printable({"get", "--raw", "/version"}));
  }
}

}  // namespace kt::kube
