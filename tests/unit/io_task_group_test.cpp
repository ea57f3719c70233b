// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace kt::io {
namespace {

using namespace std::chrono_literals;
using test::run_task;

Task<> fail_soon() {
  co_await sleep_for(1ms);
  throw Error(ErrorKind::unavailable, "link: broken");
}

// Says how it ended.
Task<> sleep_long(std::string& end) {
  error_code ec;
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  co_await timer.async_wait(asio::redirect_error(use_task, ec));
  end = ec == asio::error::operation_aborted ? "cancelled" : "slept";
}

Task<> join_failing(Executor executor, std::string& sibling) {
  TaskGroup group(executor);
  group.spawn(sleep_long(sibling));
  group.spawn(fail_soon());
  co_await group.join();
}

Task<> stop_group(Executor executor, std::string& end, std::size_t& left) {
  TaskGroup group(executor);
  group.spawn(sleep_long(end));
  co_await sleep_for(1ms);
  co_await group.stop();
  left = group.size();
}

Task<> join_forever(Executor executor, std::string& member, bool& went_on) {
  TaskGroup group(executor);
  group.spawn(sleep_long(member));
  co_await group.join();
  went_on = true;
}

Task<> cancel_joiner(Executor executor, std::string& member, bool& went_on) {
  TaskGroup outer(executor);
  outer.spawn(join_forever(executor, member, went_on));
  co_await sleep_for(1ms);
  co_await outer.stop();
}

Task<> cancel_own(TaskGroup& group) {
  group.cancel();
  co_return;
}

Task<> cancel_from_within(Executor executor) {
  TaskGroup group(executor);
  group.spawn(cancel_own(group));
  co_await group.join();
}

Task<> fail_beside(Executor executor, std::string& member) {
  TaskGroup group(executor);
  group.spawn(sleep_long(member));
  co_await group.stop_after(fail_soon());
}

Task<> be_cancelled_beside(Executor executor, std::string& member, bool& went_on) {
  TaskGroup group(executor);
  group.spawn(sleep_long(member));
  co_await group.stop_after(sleep_for(1h));
  went_on = true;
}

Task<> cancel_beside(Executor executor, std::string& member, bool& went_on) {
  TaskGroup outer(executor);
  outer.spawn(be_cancelled_beside(executor, member, went_on));
  co_await sleep_for(1ms);
  co_await outer.stop();
}

Task<> spawn_late(Executor executor, std::string& end) {
  TaskGroup group(executor);
  group.cancel();
  group.spawn(sleep_long(end));
  co_await group.join();
}

}  // namespace

TEST_CASE("the first failure cancels the siblings and join throws it") {
  std::string sibling;
  try {
    run_task([&](Executor executor) { return join_failing(executor, sibling); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message() == "link: broken");
  }
  CHECK(sibling == "cancelled");
}

TEST_CASE("stop cancels all tasks and waits for them") {
  std::string end;
  std::size_t left = 1;
  run_task([&](Executor executor) { return stop_group(executor, end, left); });
  CHECK(end == "cancelled");
  CHECK(left == 0);
}

TEST_CASE("a cancelled join ends the members before the cancellation goes on") {
  std::string member;
  bool went_on = false;
  run_task([&](Executor executor) { return cancel_joiner(executor, member, went_on); });
  CHECK(member == "cancelled");
  CHECK_FALSE(went_on);
}

TEST_CASE("work beside a group ends the group with it, however it ends") {
  std::string member;
  bool went_on = false;
  CHECK_THROWS_AS(run_task([&](Executor executor) { return fail_beside(executor, member); }),
                  Error);
  CHECK(member == "cancelled");
  member.clear();
  run_task([&](Executor executor) { return cancel_beside(executor, member, went_on); });
  CHECK(member == "cancelled");
  CHECK_FALSE(went_on);
}

TEST_CASE("a task that cancels its own group and ends at once ends well") {
  run_task(cancel_from_within);
}

TEST_CASE("a task spawned into a cancelled group ends at once") {
  std::string end;
  run_task([&](Executor executor) { return spawn_late(executor, end); });
  CHECK(end == "cancelled");
}

}  // namespace kt::io
