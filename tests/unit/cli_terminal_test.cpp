// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace kt::cli {
namespace {

using namespace std::chrono_literals;

using Lines = std::vector<std::string>;

io::Task<> one_step(io::Executor executor, Terminal terminal, Lines& lines) {
  Steps steps(executor, [&](const Line& line) { lines.push_back(render(line, terminal)); });
  steps.say("context prod, namespace shop");
  steps.begin("shadow kt-x");
  steps.waits_for("pod: Pending\x1b[2J");
  steps.end("shadow kt-x ready");
  co_return;
}

Lines lines_of(Terminal terminal) {
  Lines lines;
  test::run_task([&](io::Executor executor) { return one_step(executor, terminal, lines); });
  return lines;
}

io::Task<> slow_step(io::Executor executor, Lines& lines) {
  Steps steps(executor, [&](const Line& line) { lines.push_back(render(line, {})); });
  steps.begin("shadow kt-x");
  steps.waits_for("pod: Pending");
  while (lines.empty()) {
    co_await io::sleep_for(10ms);
  }
  steps.waits_for("pod: Pending");
  steps.waits_for("pod: ErrImagePull");
}

}  // namespace

TEST_CASE("a step is one line with its time, without an escape where there is no colour") {
  CHECK(lines_of({}) == Lines{"context prod, namespace shop", "shadow kt-x ready (0.0 s)"});
}

TEST_CASE("a step has a green mark on a terminal") {
  CHECK(lines_of({true, true, 80})[1] == "\x1b[32m✓\x1b[0m shadow kt-x ready (0.0 s)");
}

TEST_CASE("a step of 3 s says what it waits for, and each new reason at once") {
  Lines lines;
  test::run_task([&](io::Executor executor) {
    return io::with_timeout(20s, "step", slow_step(executor, lines));
  });
  CHECK(lines == Lines{"... shadow kt-x: pod: Pending (3.0 s)",
                       "... shadow kt-x: pod: ErrImagePull (3.0 s)"});
}

TEST_CASE("durations are short for people") {
  CHECK(render_duration(420ms) == "0.4 s");
  CHECK(render_duration(9960ms) == "10 s");
  CHECK(render_duration(59s) == "59 s");
  CHECK(render_duration(185s) == "3 min 5 s");
}

TEST_CASE("a pipe is no terminal") {
  std::array<int, 2> fds{};
  REQUIRE(::pipe(fds.data()) == 0);
  CHECK(detect_terminal(fds[1], nullptr, "xterm") == Terminal{false, false, 80});
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("a terminal has its width, and colour unless it is not wanted") {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  winsize size{};
  size.ws_col = 132;
  REQUIRE(::ioctl(terminal, TIOCSWINSZ, &size) == 0);
  CHECK(detect_terminal(terminal, nullptr, "xterm") == Terminal{true, true, 132});
  CHECK(detect_terminal(terminal, "", "xterm").colour);
  CHECK_FALSE(detect_terminal(terminal, "1", "xterm").colour);
  CHECK_FALSE(detect_terminal(terminal, nullptr, "dumb").colour);
  ::close(terminal);
}

}  // namespace kt::cli
