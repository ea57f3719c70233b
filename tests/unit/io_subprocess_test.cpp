// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "io/subprocess.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace kt::io {
namespace {

using namespace std::chrono_literals;
using test::run_task;

Command shell(std::string script) {
  Command command;
  command.argv = {"sh", "-c", std::move(script)};
  return command;
}

Task<> expect_output(std::string script, ChildOutput& output) {
  output = co_await run_command(shell(std::move(script)), 10s);
}

ChildOutput output_of(const std::string& script) {
  ChildOutput output;
  run_task([&](const Executor&) { return expect_output(script, output); });
  return output;
}

// State letter of a process: "" when there is none, Z when nobody reaped it.
std::string state_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  std::string state;
  file >> number >> name >> state;
  return state;
}

Task<> gone_within(int pid, Duration limit) {
  const TimePoint deadline = Clock::now() + limit;
  while (!state_of(pid).empty() && state_of(pid) != "Z" && Clock::now() < deadline) {
    co_await sleep_for(5ms);
  }
}

Task<> read_lines(Executor executor, std::vector<std::string>& lines) {
  Subprocess child(executor, shell("echo one; echo; printf three"));
  while (const auto line = co_await child.out().next()) {
    lines.push_back(*line);
  }
  co_await child.wait();
}

Task<> read_long_line(Executor executor, std::vector<std::size_t>& sizes) {
  Subprocess child(executor, shell("head -c 70000 /dev/zero"));
  while (const auto line = co_await child.out().next()) {
    sizes.push_back(line->size());
  }
}

Task<> stop_stubborn(Executor executor, int& code, int& grandchild) {
  Subprocess child(executor, shell("trap '' TERM; sleep 60 & echo $!; wait; wait"));
  grandchild = std::stoi((co_await child.out().next()).value());
  code = co_await child.stop(50ms);
  co_await gone_within(grandchild, 5s);
}

Task<> let_destructor_kill(Executor executor, int& pid) {
  Subprocess child(executor, shell("echo up; sleep 60"));
  pid = child.pid();
  co_await child.out().next();
}

Task<> run_too_long() {
  co_await run_command(shell("sleep 60"), 50ms);
}

Task<> start_missing(Executor executor) {
  Command command;
  command.argv = {"kt-no-such-program"};
  const Subprocess child(executor, command);
  co_return;
}

Task<> wait_twice(Executor executor, int& first, int& second) {
  Subprocess child(executor, shell("exit 7"));
  first = co_await child.wait();
  second = co_await child.wait();
}

}  // namespace

TEST_CASE("a child's output and exit code are collected") {
  const ChildOutput output = output_of("echo out; echo err >&2; exit 3");
  CHECK(output.exit_code == 3);
  CHECK(output.out == "out\n");
  CHECK(output.err == "err\n");
}

TEST_CASE("more output than a pipe holds does not block the child") {
  CHECK(output_of("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero").out.size() == 300000);
}

TEST_CASE("a child ended by a signal gives 128 and its number") {
  CHECK(output_of("kill -KILL $$").exit_code == 137);
}

TEST_CASE("an exit code can be asked for again") {
  int first = 0;
  int second = 0;
  run_task([&](const Executor& executor) { return wait_twice(executor, first, second); });
  CHECK(first == 7);
  CHECK(second == 7);
}

TEST_CASE("a child inherits no descriptor but its standard streams") {
  const int leaked = ::dup(STDERR_FILENO);  // without O_CLOEXEC, as Asio's sockets are
  const ChildOutput output = output_of("ls /proc/self/fd");
  ::close(leaked);
  // 3 is the folder that ls reads.
  CHECK(output.out == "0\n1\n2\n3\n");
}

TEST_CASE("a child leads a process group of its own") {
  const ChildOutput output = output_of("cut -d' ' -f5 /proc/self/stat; echo $$");
  CHECK(output.out.substr(0, output.out.find('\n')) + "\n" ==
        output.out.substr(output.out.find('\n') + 1));
}

TEST_CASE("a child in the background has no terminal to read from") {
  CHECK(output_of("test -r /dev/tty && exec </dev/tty; echo $?").out != "0\n");
}

TEST_CASE("a child in the foreground stays in our process group") {
  Command command = shell("cut -d' ' -f5 /proc/self/stat");
  command.foreground = true;
  ChildOutput output;
  struct Run {
    static Task<> it(Command c, ChildOutput& into) {
      into = co_await run_command(std::move(c), 10s);
    }
  };
  run_task([&](const Executor&) { return Run::it(command, output); });
  CHECK(output.out == std::to_string(::getpgrp()) + "\n");
}

TEST_CASE("a child's environment is ours with changes") {
  Command command = shell("echo $KT_TEST_ADDED:$HOME");
  command.environment = {{"KT_TEST_ADDED", "yes"}, {"HOME", "/elsewhere"}};
  ChildOutput output;
  struct Run {
    static Task<> it(Command c, ChildOutput& into) {
      into = co_await run_command(std::move(c), 10s);
    }
  };
  run_task([&](const Executor&) { return Run::it(command, output); });
  CHECK(output.out == "yes:/elsewhere\n");
}

TEST_CASE("lines come without their end, also the last without one") {
  std::vector<std::string> lines;
  run_task([&](const Executor& executor) { return read_lines(executor, lines); });
  CHECK(lines == std::vector<std::string>{"one", "", "three"});
}

TEST_CASE("a line longer than 64 KiB comes in pieces") {
  std::vector<std::size_t> sizes;
  run_task([&](const Executor& executor) { return read_long_line(executor, sizes); });
  CHECK(sizes == std::vector<std::size_t>{65536, 4464});
}

TEST_CASE("stop kills the whole group when it ignores SIGTERM") {
  int code = 0;
  int grandchild = 0;
  run_task([&](const Executor& executor) { return stop_stubborn(executor, code, grandchild); });
  CHECK(code == 137);
  const std::string state = state_of(grandchild);
  CHECK((state.empty() || state == "Z"));
}

TEST_CASE("a child does not outlive its object") {
  int pid = 0;
  run_task([&](const Executor& executor) { return let_destructor_kill(executor, pid); });
  CHECK(::kill(pid, 0) == -1);
}

TEST_CASE("a child that runs too long is an error that names it") {
  try {
    run_task([](const Executor&) { return run_too_long(); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unavailable);
    CHECK(e.message() == "sh: timed out after 0.05 s");
  }
}

TEST_CASE("a missing program is not_found") {
  try {
    run_task([](const Executor& executor) { return start_missing(executor); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::not_found);
    CHECK(e.message() == "start 'kt-no-such-program': No such file or directory");
  }
}

TEST_CASE("a child dies with us even when we are killed") {
  int pipe_fds[2] = {-1, -1};
  REQUIRE(::pipe(pipe_fds) == 0);
  const int parent = ::fork();
  if (parent == 0) {
    asio::io_context context(1);
    const Subprocess child(context.get_executor(), shell("sleep 60"));
    const int pid = child.pid();
    [[maybe_unused]] const auto written = ::write(pipe_fds[1], &pid, sizeof pid);
    ::kill(::getpid(), SIGKILL);
  }
  int pid = 0;
  REQUIRE(::read(pipe_fds[0], &pid, sizeof pid) == sizeof pid);
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  REQUIRE(::waitpid(parent, nullptr, 0) == parent);
  run_task([&](const Executor&) { return gone_within(pid, 5s); });
  const std::string state = state_of(pid);
  CHECK((state.empty() || state == "Z"));
}

}  // namespace kt::io
