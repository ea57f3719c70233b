// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/show_completion.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/completion.h"
#include "io/subprocess.h"
#include "kubectl-kt-connect/options.h"

#include <fmt/format.h>

#include <sstream>

namespace kt::connect {
namespace {

// Nobody waits longer for a TAB.
constexpr std::chrono::seconds patience{3};

std::vector<std::string> question_for(const std::string& flag) {
  if (flag == "namespace") {
    return {"get", "namespaces",
            "--output=jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}"};
  }
  if (flag == "context") {
    return {"config", "get-contexts", "--output=name"};
  }
  return {};
}

// Of the cluster and the kubeconfig that kubectl would use by itself.
io::Task<std::vector<std::string>> ask_kubectl(std::string kubectl, std::string flag) {
  std::vector<std::string> values;
  std::vector<std::string> argv = question_for(flag);
  if (argv.empty()) {
    co_return values;
  }
  argv.insert(argv.begin(), std::move(kubectl));
  io::Command command;
  command.argv = std::move(argv);
  const io::ChildOutput output = co_await io::run_command(std::move(command), patience);
  std::istringstream lines(output.exit_code == 0 ? output.out : "");
  for (std::string line; std::getline(lines, line);) {
    values.push_back(line);
  }
  co_return values;
}

}  // namespace

io::Task<int> show_completion(cli::Invocation invocation, std::string kubectl) {
  const std::vector<std::string>& words = invocation.arguments;
  const std::string prefix = words.empty() ? "" : words.back();
  cli::Completion completion = cli::complete(connect_table(), connect_verbs(), words);
  try {
    const std::string before =
        prefix.starts_with("--") ? prefix.substr(0, prefix.find('=') + 1) : "";
    for (const std::string& value :
         co_await ask_kubectl(std::move(kubectl), completion.values_of)) {
      completion.candidates.push_back(before + value);
    }
  } catch (const Error& e) {
    log::debug("completion", "{}", e.message());
  }
  fmt::print("{}", cli::render(completion, prefix));
  co_return cli::done;
}

}  // namespace kt::connect
