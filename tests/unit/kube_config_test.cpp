// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kube/config.h"
#include "support/catch.h"
#include "support/fake_program.h"
#include "support/run_task.h"

namespace kt::kube {
namespace {

const char* const kubeconfig = R"({
  "current-context": "prod",
  "contexts": [
    {"name": "prod", "context": {"cluster": "east", "user": "jane", "namespace": "shop"}},
    {"name": "test", "context": {"cluster": "west", "user": "plugin"}},
    {"name": "torn", "context": {"cluster": "north", "user": "jane"}}],
  "clusters": [
    {"name": "east", "cluster": {"server": "https://east:6443", "certificate-authority-data": "Q0E=",
                                 "proxy-url": "http://proxy:3128"}},
    {"name": "west", "cluster": {"server": "https://west:6443", "certificate-authority": "/ca.crt"}}],
  "users": [
    {"name": "jane", "user": {"token": "t"}},
    {"name": "silent", "user": {"exec": {"command": "x", "interactiveMode": "Never"}}},
    {"name": "plugin", "user": {"exec": {"command": "x"}}}]})";

ConnectionFlags flags_of(const std::vector<std::pair<std::string, std::string>>& list) {
  ConnectionFlags flags;
  for (const auto& [name, value] : list) {
    flags.add(name, value);
  }
  return flags;
}

Error error_of(const std::string& json, const ConnectionFlags& flags) {
  try {
    (void)parse_config(json, flags);
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::bug, "no error"};
}

io::Task<> read_into(Kubectl kubectl, Config& config) {
  config = co_await read_config(std::move(kubectl));
}

Error read_error(const Kubectl& kubectl) {
  Config config;
  try {
    test::run_task([&](const io::Executor&) { return read_into(kubectl, config); });
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::bug, "no error"};
}

}  // namespace

TEST_CASE("the current context decides") {
  const Config config = parse_config(kubeconfig, {});
  CHECK(config ==
        Config{"prod", "https://east:6443", "jane", "shop", "Q0E=", "http://proxy:3128", false});
}

TEST_CASE("flags go before the kubeconfig") {
  const Config config = parse_config(
      kubeconfig, flags_of({{"context", "test"}, {"namespace", "a"}, {"server", "https://x"}}));
  CHECK(config.context == "test");
  CHECK(config.server == "https://x");
  CHECK(config.namespace_ == "a");
  CHECK(config.certificate_authority == "/ca.crt");
}

TEST_CASE("cluster and user can be given apart from the context") {
  const Config config =
      parse_config(kubeconfig, flags_of({{"cluster", "west"}, {"user", "plugin"}}));
  CHECK(config.context == "prod");
  CHECK(config.server == "https://west:6443");
  CHECK(config.user == "plugin");
}

TEST_CASE("without a namespace it is default") {
  CHECK(parse_config(kubeconfig, flags_of({{"context", "test"}})).namespace_ == "default");
}

TEST_CASE("an exec plugin may ask unless it says never") {
  CHECK(parse_config(kubeconfig, flags_of({{"user", "plugin"}})).may_ask);
  CHECK_FALSE(parse_config(kubeconfig, flags_of({{"user", "silent"}})).may_ask);
  CHECK_FALSE(parse_config(kubeconfig, flags_of({{"user", "plugin"}, {"token", "x"}})).may_ask);
}

TEST_CASE("an unknown context, cluster or user is named") {
  const Error context = error_of(kubeconfig, flags_of({{"context", "prd"}}));
  CHECK(context.kind() == ErrorKind::config);
  CHECK(context.message() == "context 'prd': not in the kubeconfig");
  CHECK(context.hint() == "kubectl config get-contexts");
  CHECK(error_of(kubeconfig, flags_of({{"context", "torn"}})).message() ==
        "cluster 'north': not in the kubeconfig");
  CHECK(error_of(kubeconfig, flags_of({{"user", "joe"}})).message() ==
        "user 'joe': not in the kubeconfig");
}

TEST_CASE("an empty kubeconfig is an error unless the server is given") {
  const std::string empty = R"({"clusters": null, "contexts": null, "current-context": ""})";
  CHECK(error_of(empty, {}).message() ==
        "no cluster chosen: the kubeconfig is missing or has no current context");
  CHECK(parse_config(empty, flags_of({{"server", "https://x"}})).server == "https://x");
}

TEST_CASE("a kubeconfig of unexpected shapes is an error, not a crash") {
  CHECK(error_of("", {}).kind() == ErrorKind::config);
  CHECK(error_of("[]", {}).kind() == ErrorKind::config);
  CHECK(error_of(R"({"current-context": 7, "contexts": {}})", {}).kind() == ErrorKind::config);
  CHECK(error_of(R"({"current-context": "a", "contexts": [7, {"name": "a"}]})", {}).kind() ==
        ErrorKind::config);
}

TEST_CASE("kubectl older than 1.26 is refused") {
  check_kubectl_version(R"({"clientVersion": {"major": "1", "minor": "26"}})");
  check_kubectl_version(R"({"clientVersion": {"major": "1", "minor": "32+"}})");
  check_kubectl_version(R"({"clientVersion": {"major": "2", "minor": "0"}})");
  try {
    check_kubectl_version(
        R"({"clientVersion": {"major": "1", "minor": "20", "gitVersion": "v1.20.2"}})");
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message() == "kubectl v1.20.2 is too old: 1.26 or later is needed");
  }
}

TEST_CASE("the id of a connection changes with each of its parts") {
  const Config config = parse_config(kubeconfig, {});
  Config other = config;
  other.certificate_authority = "other";
  CHECK(connection_id(config, {}).size() == 16);
  CHECK(connection_id(config, {}) == connection_id(config, flags_of({{"namespace", "x"}})));
  CHECK(connection_id(config, {}) != connection_id(other, {}));
  CHECK(connection_id(config, {}) != connection_id(config, flags_of({{"as", "joe"}})));
}

TEST_CASE("a missing kubectl is an error with the way to get it") {
  const Error error = read_error({"kt-no-kubectl", {}});
  CHECK(error.kind() == ErrorKind::config);
  CHECK(error.message() == "cannot run 'kt-no-kubectl': not found in PATH");
  CHECK_FALSE(error.hint().empty());
}

TEST_CASE("a broken kubeconfig is told in kubectl's words") {
  const test::FakeProgram kubectl(
      R"(case $1 in version) echo '{"clientVersion":{"major":"1","minor":"30"}}';;
    *) echo 'error: error loading config file "x": yaml: line 1' >&2; exit 1;; esac)");
  CHECK(read_error({kubectl.path(), {}}).message() ==
        "read the kubeconfig: error loading config file \"x\": yaml: line 1");
}

TEST_CASE("only --kubeconfig is passed on for reading it") {
  const test::FakeProgram kubectl(
      R"(case $1 in version) echo '{"clientVersion":{"major":"1","minor":"30"}}';;
    *) echo "error: $*" >&2; exit 1;; esac)");
  CHECK(read_error({kubectl.path(), flags_of({{"kubeconfig", "k"}, {"token", "t"}})}).message() ==
        "read the kubeconfig: config view --raw --output=json --kubeconfig=k");
}

}  // namespace kt::kube
