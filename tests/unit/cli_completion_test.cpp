// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"
#include "support/catch.h"

using namespace kt;

namespace {

const cli::OptionTable& table() {
  static const cli::OptionTable made({}, {{"carrier", 0, "auto|proxy", "How links go"},
                                          {"namespace", 'n', "VALUE", "Where"},
                                          {"all", 0, "", "Everything"}});
  return made;
}

std::string offered(const std::vector<std::string>& words) {
  return cli::render(cli::complete(table(), {"status", "rbac"}, words),
                     words.empty() ? "" : words.back());
}

}  // namespace

TEST_CASE("the first word may be a verb") {
  CHECK(offered({""}) == "status\nrbac\n:4\n");
  CHECK(offered({"st"}) == "status\n:4\n");
  CHECK(offered({"status", ""}) == ":4\n");
}

TEST_CASE("flags come with what they are for") {
  CHECK(offered({"--a"}) == "--all\tEverything\n:4\n");
  CHECK(offered({"--x"}) == ":4\n");
}

TEST_CASE("a flag's values are offered in both spellings") {
  CHECK(offered({"--carrier", ""}) == "auto\nproxy\n:4\n");
  CHECK(offered({"--carrier=p"}) == "--carrier=proxy\n:4\n");
}

TEST_CASE("values that only the cluster knows are the caller's to find") {
  CHECK(cli::complete(table(), {}, {"-n", "sh"}).values_of == "namespace");
  CHECK(cli::complete(table(), {}, {"--namespace=s"}).values_of == "namespace");
  CHECK(cli::complete(table(), {}, {"--all", "s"}).values_of.empty());
}

TEST_CASE("behind -- it is the shell's business") {
  CHECK(offered({"--", "cu"}) == ":0\n");
  CHECK(offered({"--all", "--", "curl", "--c"}) == ":0\n");
}
