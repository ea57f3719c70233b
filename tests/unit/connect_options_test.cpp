// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kubectl-kt-connect/options.h"
#include "support/catch.h"

using namespace kt;
using Words = std::vector<std::string>;

namespace {

connect::ConnectOptions read(const Words& arguments) {
  return connect::to_connect_options(connect::connect_table().parse(arguments), "kt.test/image:1");
}

std::string refusal(const Words& arguments) {
  try {
    (void)read(arguments);
  } catch (const Error& e) {
    return e.kind() == ErrorKind::usage ? e.message() : "not a usage error";
  }
  return "accepted";
}

}  // namespace

TEST_CASE("connect without flags has the defaults") {
  const connect::ConnectOptions options = read({"--", "curl", "-v"});
  CHECK(options.command == Words{"curl", "-v"});
  CHECK_FALSE(options.carrier.has_value());
  CHECK(options.links == 2);
  CHECK(options.shadow.image == "kt.test/image:1");
  CHECK(options.shadow.grace == std::chrono::minutes(2));
  CHECK(options.verbosity == log::Level::info);
}

TEST_CASE("what is said about the shadow pod is kept") {
  const connect::ConnectOptions options =
      read({"--image=a/b:2", "--image-pull-secret=s1", "--image-pull-secret=s2", "--labels=a=1,b=2",
            "--node-selector=disk=ssd", "--toleration=gpu=yes:NoSchedule", "--limits=memory=1Gi",
            "--grace=10s", "--", "true"});
  CHECK(options.shadow.image == "a/b:2");
  CHECK(options.shadow.image_pull_secrets == Words{"s1", "s2"});
  CHECK(options.shadow.labels == std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}});
  CHECK(options.shadow.node_selector.at("disk") == "ssd");
  CHECK(options.shadow.tolerations == Words{"gpu=yes:NoSchedule"});
  CHECK(options.shadow.limits.at("memory") == "1Gi");
  CHECK(options.shadow.grace == std::chrono::seconds(10));
}

TEST_CASE("kubectl's own flags reach kubectl") {
  const connect::ConnectOptions options = read({"-n", "shop", "--as=bob", "--", "true"});
  CHECK(options.connection.find("namespace") == std::optional<std::string>("shop"));
  CHECK(options.connection.find("as") == std::optional<std::string>("bob"));
}

TEST_CASE("a bad value is refused by its flag's name") {
  CHECK(refusal({"--carrier=ssh"}).starts_with("--carrier 'ssh'"));
  CHECK(refusal({"--links=9"}).starts_with("--links"));
  CHECK(refusal({"--include=10.0.0.0/33"}).starts_with("--include '10.0.0.0/33'"));
  CHECK(refusal({"--labels=a"}).starts_with("--labels 'a'"));
  CHECK(refusal({"--labels==1"}).starts_with("--labels '=1'"));
  CHECK(refusal({"--grace=0"}).starts_with("--grace '0'"));
  CHECK(refusal({"--grace=-1s"}).starts_with("--grace '-1s'"));
  CHECK(refusal({"--toleration=a:Never"}).starts_with("--toleration 'a:Never'"));
}
