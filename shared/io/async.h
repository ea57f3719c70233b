// SPDX-License-Identifier: Apache-2.0
// The few Asio words that the whole suite uses. One thread, one io_context; a task is a named
// coroutine that takes its arguments by value and belongs to a TaskGroup.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace kt::io {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::any_io_executor;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

template <class T = void>
using Task = asio::awaitable<T>;

// The completion token of every asynchronous call: co_await socket.async_x(…, use_task).
inline constexpr asio::use_awaitable_t<> use_task{};

// co_await it before cleaning up by co_await: in a task that has been cancelled every further
// co_await of a task throws before that task begins. Cancellation is ignored from here on.
[[nodiscard]] inline auto ignore_cancellation() {
  return asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

// Sleeps; a cancellation throws boost::system::system_error(operation_aborted) as any Asio wait.
Task<> sleep_for(Duration duration);

// Throws Error unavailable "<what>: timed out after <n> s" if `task` needs longer; then `task` has
// been cancelled and has ended before the throw. What `task` throws passes through.
Task<> with_timeout(Duration limit, std::string what, Task<> task);

// Something that others wait for again and again: notify() wakes everyone who waits now. Not a
// counter: look at the state before each wait.
class Event {
 public:
  explicit Event(const Executor& executor) : timer_(executor, TimePoint::max()) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void notify() noexcept;  // NOLINT(bugprone-exception-escape): see its definition
  // Returns after notify(), and throws only when the task itself is cancelled.
  Task<> wait();
  // As wait(); false when `limit` passed first.
  Task<bool> wait_for(Duration limit);

 private:
  asio::steady_timer timer_;
  std::vector<asio::steady_timer*> limited_;  // of those in wait_for(), in their frames
};

}  // namespace kt::io
