// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/option_table.h"
#include "support/catch.h"

#include <algorithm>

namespace kt::cli {
namespace {

using Words = std::vector<std::string>;

OptionTable table() {
  return OptionTable({"Runs CMD as if it were in the cluster.",
                      {"# a shell", "{} -- sh"},
                      "{} [flags] -- CMD [ARG...]",
                      "All flags of kubectl options."},
                     {{"namespace", 'n', "<namespace>", "Namespace", "Where", "default"},
                      {"context", 0, "<context>", "Context of the kubeconfig", "Where"},
                      {"label", 'l', "<key=value>", "Label of the shadow", "Shadow", "", true},
                      {"grace", 0, "<duration>",
                       "How long streams are kept without a link, and how long the agent waits "
                       "before it exits",
                       "Shadow", "2m"},
                      {"all", 'A', "", "Everything through the cluster", "Where"},
                      {"links", 0, "<number>", "Data links", "Shadow", "2"},
                      {"verbose", 'v', "", "More output", "Output", "", true},
                      {"token", 0, "<token>", "Bearer token", ""}});
}

Error error_of(const Words& arguments) {
  try {
    (void)table().parse(arguments);
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::bug, "no error"};
}

}  // namespace

TEST_CASE("a value is taken in every form that kubectl takes") {
  const Words form =
      GENERATE(Words{"-n", "shop"}, Words{"-nshop"}, Words{"-n=shop"}, Words{"--namespace", "shop"},
               Words{"--namespace=shop"}, Words{"-n", "other", "-n", "shop"});
  const ParsedOptions parsed = table().parse(form);
  CHECK(parsed.value("namespace") == "shop");
  CHECK(parsed.given("namespace"));
  CHECK(parsed.words().empty());
}

TEST_CASE("what is not given has its default") {
  const ParsedOptions parsed = table().parse({});
  CHECK(parsed.value("namespace") == "default");
  CHECK(parsed.value("context").empty());
  CHECK_FALSE(parsed.given("namespace"));
  CHECK_FALSE(parsed.is_on("all"));
  CHECK_FALSE(parsed.has_command());
}

TEST_CASE("everything behind the first -- is the command's, untouched") {
  const ParsedOptions parsed = table().parse({"-A", "--", "curl", "-n", "--", "--nonsense", ""});
  CHECK(parsed.command() == Words{"curl", "-n", "--", "--nonsense", ""});
  CHECK(parsed.has_command());
  CHECK(parsed.is_on("all"));
  CHECK(table().parse({"--"}).has_command());
}

TEST_CASE("flags and words mix") {
  const ParsedOptions parsed = table().parse({"status", "-n", "shop", "now", "-A", "-"});
  CHECK(parsed.words() == Words{"status", "now", "-"});
}

TEST_CASE("a repeatable flag keeps all its values whole") {
  const ParsedOptions parsed = table().parse({"-l", "a=1,b=2", "--label=c=3"});
  CHECK(parsed.values("label") == Words{"a=1,b=2", "c=3"});
}

TEST_CASE("switches group, count and can be off") {
  CHECK(table().parse({"-vv", "-Av"}).count("verbose") == 3);
  CHECK_FALSE(table().parse({"--all=false"}).is_on("all"));
  CHECK(table().parse({"--all=true"}).is_on("all"));
  CHECK(table().parse({"-v=6"}).count("verbose") == 6);
  const ParsedOptions level = table().parse({"-v", "6", "word"});
  CHECK(level.count("verbose") == 6);
  CHECK(level.words() == Words{"word"});
  CHECK(table().parse({"-v", "66"}).words() == Words{"66"});
  CHECK(error_of({"--all=perhaps"}).message() == "--all: 'perhaps' is neither true nor false");
}

TEST_CASE("an unknown flag is named with the nearest known one") {
  const Error error = error_of({"--contxt=a"});
  CHECK(error.kind() == ErrorKind::usage);
  CHECK(error.message() == "unknown flag: --contxt");
  CHECK(error.hint() == "did you mean --context?");
  CHECK(error_of({"--zzzzzzzz"}).hint() == "--help lists all flags");
  CHECK(error_of({"-x"}).message() == "unknown flag: -x");
}

TEST_CASE("a missing value is named by the long flag") {
  CHECK(error_of({"--namespace"}).message() == "flag needs a value: --namespace");
  CHECK(error_of({"-n", "--", "x"}).message() == "flag needs a value: --namespace");
}

TEST_CASE("a number is checked against its range") {
  CHECK(table().parse({"--links=0"}).number("links", 0, 8) == 0);
  CHECK(table().parse({}).number("links", 0, 8) == 2);
  const std::string bad = GENERATE(as<std::string>{}, "9", "-1", "2x", "", "99999999999999999999");
  try {
    (void)table().parse({"--links=" + bad}).number("links", 0, 8);
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message() == "--links: '" + bad + "' is not a number from 0 to 8");
  }
}

TEST_CASE("help has examples before flags, fits 80 columns, and leaves out what has no topic") {
  const std::string help = table().help("kubectl kt-connect");
  CHECK(help == R"(Runs CMD as if it were in the cluster.

Examples:
  # a shell
  kubectl kt-connect -- sh

Usage:
  kubectl kt-connect [flags] -- CMD [ARG...]

Where:
  -n, --namespace <namespace>            Namespace (default default)
      --context <context>                Context of the kubeconfig
  -A, --all                              Everything through the cluster

Shadow:
  -l, --label <key=value>                Label of the shadow
      --grace <duration>                 How long streams are kept without a
                                         link, and how long the agent waits
                                         before it exits (default 2m)
      --links <number>                   Data links (default 2)

Output:
  -v, --verbose                          More output

All flags of kubectl options.
)");
}

TEST_CASE("the nearest word is near") {
  CHECK(nearest("stauts", {"status", "restore"}) == "status");
  CHECK(nearest("x", {"y", "status"}).empty());
  CHECK(nearest("exchange", {"status", "restore"}).empty());
}

}  // namespace kt::cli
