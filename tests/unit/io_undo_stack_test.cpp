// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "io/task_group.h"
#include "io/undo_stack.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/system/system_error.hpp>

namespace kt::io {
namespace {

using namespace std::chrono_literals;
using test::run_task;

using Names = std::vector<std::string>;

Task<> note(Names& done, std::string name) {
  done.push_back(std::move(name));
  co_return;
}

Task<> fail() {
  throw Error(ErrorKind::unavailable, "delete job: connection refused");
  co_return;
}

Task<> run_all(UndoStack& undo, Duration limit, std::vector<UndoStack::Failure>& failures) {
  failures = co_await undo.run(limit);
}

std::vector<UndoStack::Failure> run(UndoStack& undo, Duration limit = 5s) {
  std::vector<UndoStack::Failure> failures;
  run_task([&](const Executor&) { return run_all(undo, limit, failures); });
  return failures;
}

// Sleeps until it is cancelled, then puts back as a command does.
Task<> work_then_undo(UndoStack& undo, std::vector<UndoStack::Failure>& failures) {
  bool interrupted = false;
  try {
    co_await sleep_for(1h);
  } catch (const boost::system::system_error&) {
    interrupted = true;
  }
  if (interrupted) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    failures = co_await undo.run(5s);
  }
}

Task<> cancel_work(Executor executor, UndoStack& undo, std::vector<UndoStack::Failure>& failures) {
  TaskGroup group(executor);
  group.spawn(work_then_undo(undo, failures));
  co_await sleep_for(1ms);
  co_await group.stop();
}

Task<> slow_note(Names& done) {
  co_await sleep_for(5ms);
  done.emplace_back("slow");
}

}  // namespace

TEST_CASE("steps run in reverse and once") {
  Names done;
  UndoStack undo;
  undo.push("a", [&] { return note(done, "a"); });
  undo.push("b", [&] { return note(done, "b"); });
  CHECK(undo.pending() == Names{"b", "a"});
  CHECK(run(undo).empty());
  CHECK(run(undo).empty());
  CHECK(done == Names{"b", "a"});
}

TEST_CASE("a failing step is reported and does not stop the others") {
  Names done;
  UndoStack undo;
  undo.push("a", [&] { return note(done, "a"); });
  undo.push("job deleted", [] { return fail(); });
  const auto failures = run(undo);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].name == "job deleted");
  CHECK(failures[0].why == "delete job: connection refused");
  CHECK(done == Names{"a"});
}

TEST_CASE("a step that hangs is given up after its limit") {
  Names done;
  UndoStack undo;
  undo.push("a", [&] { return note(done, "a"); });
  undo.push("hangs", [] { return sleep_for(1h); });
  const auto failures = run(undo, 20ms);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].why == "put back: timed out after 0.02 s");
  CHECK(done == Names{"a"});
}

TEST_CASE("steps run to their end after the task was cancelled") {
  Names done;
  UndoStack undo;
  undo.push("slow", [&] { return slow_note(done); });
  std::vector<UndoStack::Failure> failures;
  run_task([&](Executor executor) { return cancel_work(executor, undo, failures); });
  CHECK(failures.empty());
  CHECK(done == Names{"slow"});
}

}  // namespace kt::io
