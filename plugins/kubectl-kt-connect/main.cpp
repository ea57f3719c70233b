// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"
#include "io/open_files.h"
#include "kubectl-kt-connect/connect.h"
#include "kubectl-kt-connect/hold.h"
#include "kubectl-kt-connect/join_messages.h"
#include "kubectl-kt-connect/show_completion.h"
#include "kubectl-kt-connect/show_plan.h"
#include "kubectl-kt-connect/show_role.h"
#include "kubectl-kt-connect/show_status.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace {

using kt::cli::Invocation;

// Before anything else: a word that is no verb is a mistake, and the most likely one is easy to
// name.
void check_words(const kt::cli::ParsedOptions& parsed, const std::string& program) {
  if (!parsed.words().empty()) {
    const std::string& word = parsed.words().front();
    const std::string verb = kt::cli::nearest(word, kt::connect::connect_verbs());
    throw kt::Error(kt::ErrorKind::usage, fmt::format("unknown command '{}'", word),
                    verb.empty() ? fmt::format("{} -- {}", program, word)
                                 : fmt::format("did you mean {} {}?", program, verb));
  }
}

kt::io::Task<int> connect_task(Invocation invocation) {
  const kt::cli::OptionTable& table = kt::connect::connect_table();
  const kt::cli::ParsedOptions parsed = table.parse(invocation.arguments);
  if (parsed.is_on("help")) {
    fmt::print("{}", table.help(invocation.program));
    co_return kt::cli::done;
  }
  check_words(parsed, invocation.program);
  kt::flags::Surroundings found = kt::flags::surroundings(invocation);
  kt::connect::ConnectOptions options = kt::connect::to_connect_options(parsed, found.image);
  if (options.dry_run != kt::connect::DryRun::none) {
    co_return co_await kt::connect::show_plan(std::move(options), std::move(found));
  }
  if (options.command.empty()) {
    throw kt::Error(kt::ErrorKind::usage,
                    "connecting the whole laptop is not there yet: no command",
                    invocation.program + " -- CMD [ARG…]");
  }
  kt::log::set_level(options.verbosity);
  const auto& all = invocation.arguments;
  std::vector<std::string> flags(all.begin(), std::find(all.begin(), all.end(), "--"));
  co_return co_await kt::connect::connect(std::move(options), std::move(flags), std::move(found),
                                          *invocation.interrupts);
}

// It was started by way of /proc/self/exe, and would be called "exe" by ps(1) and pgrep(1).
void name_process(const std::string& file) {
  (void)::prctl(PR_SET_NAME, file.substr(file.rfind('/') + 1).c_str());
}

// What connect_task() starts for itself; typed by a person it is a word like any other.
kt::io::Task<int> hold_task(Invocation invocation) {
  struct stat info {};
  if (::fstat(kt::connect::holder_socket, &info) != 0 || !S_ISSOCK(info.st_mode)) {
    co_return co_await connect_task(std::move(invocation));
  }
  ::fcntl(kt::connect::holder_socket, F_SETFD, FD_CLOEXEC);
  name_process(invocation.program_file);
  kt::io::allow_many_files();
  co_return co_await kt::connect::hold(kt::UniqueFd(kt::connect::holder_socket),
                                       kt::flags::surroundings(invocation));
}

kt::io::Task<int> main_task(Invocation invocation) {
  if (invocation.program_file.find("kubectl_complete-") != std::string::npos) {
    co_return co_await kt::connect::show_completion(std::move(invocation),
                                                    kt::flags::surroundings(invocation).kubectl);
  }
  const std::string verb = invocation.arguments.empty() ? "" : invocation.arguments.front();
  if (verb == "status") {
    co_return co_await kt::connect::show_status(std::move(invocation),
                                                kt::flags::surroundings(invocation).runtime_folder);
  }
  if (verb == kt::connect::hold_verb && invocation.arguments.size() == 1) {
    co_return co_await hold_task(std::move(invocation));
  }
  if (verb == "rbac") {
    co_return co_await kt::connect::show_role(std::move(invocation),
                                              kt::flags::surroundings(invocation).kubectl);
  }
  co_return co_await connect_task(std::move(invocation));
}

}  // namespace

int main(int argc, char** argv) {
  return kt::cli::run(argc, argv, main_task);
}
