// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "io/async.h"
#include "io/signals.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <signal.h>

namespace kt::io {
namespace {

using namespace std::chrono_literals;
using test::run_task;

Task<> fail(std::string message) {
  throw Error(ErrorKind::config, std::move(message));
  co_return;
}

Task<> set(bool& flag) {
  flag = true;
  co_return;
}

Task<> wait_in_time(Event& event, Duration limit, bool& notified) {
  notified = co_await event.wait_for(limit);
}

Task<> notify_waiter(Executor executor, bool& notified) {
  Event event(executor);
  TaskGroup group(executor);
  group.spawn(wait_in_time(event, 1h, notified));
  co_await sleep_for(1ms);
  event.notify();
  co_await group.join();
}

Task<> wait_for_nothing(Executor executor, bool& notified) {
  Event event(executor);
  notified = co_await event.wait_for(1ms);
}

Task<> take_signal(Executor executor, int& number) {
  Signals signals(executor, {SIGUSR1, SIGUSR2});
  ::raise(SIGUSR2);
  number = co_await signals.next();
}

}  // namespace

TEST_CASE("a task within its time limit passes") {
  bool done = false;
  run_task([&](const Executor&) { return with_timeout(1h, "x", set(done)); });
  CHECK(done);
}

TEST_CASE("a task beyond its time limit is an error that says what and how long") {
  try {
    run_task([](const Executor&) { return with_timeout(10ms, "pod", sleep_for(1h)); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unavailable);
    CHECK(e.message() == "pod: timed out after 0.01 s");
  }
}

TEST_CASE("what a task throws passes through its time limit") {
  try {
    run_task([](const Executor&) { return with_timeout(1h, "x", fail("broken")); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message() == "broken");
  }
}

TEST_CASE("notify wakes who waits for the event") {
  bool notified = false;
  run_task([&](Executor executor) { return notify_waiter(executor, notified); });
  CHECK(notified);
}

TEST_CASE("a wait for an event that does not come ends by its limit") {
  bool notified = true;
  run_task([&](Executor executor) { return wait_for_nothing(executor, notified); });
  CHECK_FALSE(notified);
}

TEST_CASE("a signal that comes before anybody waits is kept") {
  int number = 0;
  run_task([&](Executor executor) { return take_signal(executor, number); });
  CHECK(number == SIGUSR2);
}

}  // namespace kt::io
