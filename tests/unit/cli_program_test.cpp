// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"
#include "support/catch.h"

#include <boost/system/system_error.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

namespace kt::cli {
namespace {

using namespace std::chrono_literals;

io::Task<int> count_arguments(Invocation invocation) {
  co_return static_cast<int>(invocation.arguments.size());
}

io::Task<int> be_denied(Invocation) {
  throw Error(ErrorKind::denied, "create jobs.batch: forbidden\x1b[2J", "ask");
  co_return 0;
}

io::Task<int> be_broken(Invocation) {
  throw std::runtime_error("oops");
  co_return 0;
}

io::Task<int> interrupt_itself(Invocation) {
  ::raise(SIGINT);
  co_await io::sleep_for(1h);
  co_return 0;
}

// As a command that puts things back and finds that not all could be.
io::Task<int> put_back_partly(Invocation) {
  ::raise(SIGTERM);
  bool interrupted = false;
  try {
    co_await io::sleep_for(1h);
  } catch (const boost::system::system_error&) {
    interrupted = true;
  }
  co_return interrupted ? ExitCode::partly : ExitCode::done;
}

io::Task<int> hold_interrupts(Invocation invocation) {
  const Interrupts::Hold hold(*invocation.interrupts);
  ::raise(SIGINT);
  co_await io::sleep_for(20ms);
  co_return 42;  // CMD's own
}

io::Task<int> refuse_to_end(Invocation invocation) {
  invocation.interrupts->set_leftovers("left: job kt-x\n");
  ::raise(SIGINT);
  try {
    co_await io::sleep_for(1h);
  } catch (const boost::system::system_error&) {
    ::raise(SIGINT);
  }
  for (;;) {
    co_await io::asio::this_coro::reset_cancellation_state();
    co_await io::sleep_for(1h);
  }
}

struct Result {
  int code = 0;
  std::string err;
};

// In a child, so that signals and stderr are its own.
Result result_of(MainTask task) {
  std::array<int, 2> pipe_fds{};
  REQUIRE(::pipe(pipe_fds.data()) == 0);
  const int pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe_fds[1], STDERR_FILENO);
    const std::array<const char*, 3> argv{"/x/kubectl-kt_connect", "a", "b"};
    ::_exit(run(3, argv.data(), task));
  }
  ::close(pipe_fds[1]);
  Result result;
  std::array<char, 256> piece{};
  for (ssize_t n = 0; (n = ::read(pipe_fds[0], piece.data(), piece.size())) > 0;) {
    result.err.append(piece.data(), static_cast<std::size_t>(n));
  }
  ::close(pipe_fds[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
  return result;
}

}  // namespace

TEST_CASE("the main task's number is the exit code") {
  CHECK(result_of(&count_arguments).code == 2);
}

TEST_CASE("an error is printed with its hint and gives the code of its kind") {
  const Result result = result_of(&be_denied);
  CHECK(result.code == 3);
  CHECK(result.err == "error: create jobs.batch: forbidden?[2J\nhint: ask\n");
}

TEST_CASE("what nobody expected is an internal error") {
  const Result result = result_of(&be_broken);
  CHECK(result.code == 1);
  CHECK(result.err == "error: internal error: oops\n");
}

TEST_CASE("Ctrl-C cancels the task and gives 130 without a message") {
  const Result result = result_of(&interrupt_itself);
  CHECK(result.code == 130);
  CHECK(result.err.empty());
}

TEST_CASE("an interrupted task may say that it put back only partly") {
  CHECK(result_of(&put_back_partly).code == 5);
}

TEST_CASE("while CMD has the terminal Ctrl-C is not ours") {
  CHECK(result_of(&hold_interrupts).code == 42);
}

TEST_CASE("a second Ctrl-C says what is left and ends at once") {
  const Result result = result_of(&refuse_to_end);
  CHECK(result.code == 5);
  CHECK(result.err == "left: job kt-x\n");
}

TEST_CASE("the program's name is as kubectl's user types it") {
  CHECK(program_name("/home/x/.krew/bin/kubectl-kt_connect") == "kubectl kt-connect");
  CHECK(program_name("kubectl-kt-connect") == "kubectl kt connect");
  CHECK(program_name("./kt-netd") == "kt-netd");
}

TEST_CASE("each kind of error has the exit code of docs/exit-codes.md") {
  CHECK(exit_code(ErrorKind::usage) == 2);
  CHECK(exit_code(ErrorKind::denied) == 3);
  CHECK(exit_code(ErrorKind::conflict) == 4);
  CHECK(exit_code(ErrorKind::interrupted) == 130);
  CHECK(exit_code(ErrorKind::unavailable) == 1);
  CHECK(exit_code(ErrorKind::config) == 1);
}

}  // namespace kt::cli
