// SPDX-License-Identifier: Apache-2.0
#include "kube/connection_flags.h"
#include "kube/kubectl.h"
#include "support/catch.h"

#include <algorithm>

namespace kt::kube {

TEST_CASE("all 21 connection flags of kubectl are known and sorted") {
  const auto flags = connection_flags();
  CHECK(flags.size() == 21);
  CHECK(std::is_sorted(flags.begin(), flags.end(),
                       [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST_CASE("flags reach kubectl behind its own arguments, in order") {
  ConnectionFlags flags;
  flags.add("context", "prod");
  flags.add("as-group", "a,b");
  flags.add("as-group", "c");
  const io::Command command = Kubectl{"kubectl", flags}.command({"proxy"});
  CHECK(command.argv == std::vector<std::string>{"kubectl", "proxy", "--context=prod",
                                                 "--as-group=a,b", "--as-group=c"});
}

TEST_CASE("namespace and request-timeout are not for the children") {
  ConnectionFlags flags;
  flags.add("namespace", "shop");
  flags.add("request-timeout", "5s");
  CHECK(flags.argv().empty());
  CHECK(flags.find("namespace") == "shop");
}

TEST_CASE("the last value of a flag counts") {
  ConnectionFlags flags;
  flags.add("context", "a");
  flags.add("context", "b");
  CHECK(flags.find("context") == "b");
  CHECK_FALSE(flags.find("cluster").has_value());
}

TEST_CASE("secrets are not printed") {
  ConnectionFlags flags;
  flags.add("token", "s3cret");
  flags.add("password", "s3cret");
  flags.add("user", "jane");
  CHECK(Kubectl{"kubectl", flags}.printable({"proxy"}) ==
        "kubectl proxy --token=<redacted> --password=<redacted> --user=jane");
}

TEST_CASE("impersonation is everything that says who") {
  ConnectionFlags flags;
  flags.add("as", "jane");
  flags.add("server", "https://x");
  flags.add("as-group", "dev");
  CHECK(flags.impersonation() == "as=jane\nas-group=dev\n");
}

TEST_CASE("a complaint is kubectl's last line without its prefixes") {
  CHECK(kubectl_complaint("warning: x\nerror: context \"a\" does not exist\n") ==
        "context \"a\" does not exist");
  CHECK(kubectl_complaint("E1124 17:05:00.123456   12345 proxy.go:12] dial tcp: refused\n") ==
        "dial tcp: refused");
  CHECK(kubectl_complaint("Unable to connect to the server: EOF\n") == "EOF");
  CHECK(kubectl_complaint(" \n") == "kubectl said nothing");
  CHECK(kubectl_complaint("\x1b[31mred") == "?[31mred");
}

}  // namespace kt::kube
