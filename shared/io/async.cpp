// SPDX-License-Identifier: Apache-2.0
#include "io/async.h"

#include "base/error.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <array>
#include <exception>
#include <tuple>

namespace kt::io {
namespace {

using asio::deferred;
using asio::experimental::make_parallel_group;
using asio::experimental::wait_for_one;

Task<> throw_if_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

}  // namespace

Task<> sleep_for(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(use_task);
}

Task<> with_timeout(Duration limit, std::string what, Task<> task) {
  const Executor executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  auto race = make_parallel_group(asio::co_spawn(executor, std::move(task), deferred),
                                  timer.async_wait(deferred));
  // order[0] is 1 when the timer ended first; the group has ended both before it answers.
  const std::tuple<std::array<std::size_t, 2>, std::exception_ptr, error_code> result =
      co_await std::move(race).async_wait(wait_for_one(), use_task);
  co_await throw_if_cancelled();
  const bool timer_first = std::get<0>(result)[0] == 1;
  const std::exception_ptr failure = std::get<1>(result);
  if (timer_first && failure != nullptr) {
    const double seconds = std::chrono::duration<double>(limit).count();
    throw Error(ErrorKind::unavailable, fmt::format("{}: timed out after {:g} s", what, seconds));
  }
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

// steady_timer::cancel() throws on paper only: epoll has nothing to fail at.
// NOLINTNEXTLINE(bugprone-exception-escape)
void Event::notify() noexcept {
  timer_.cancel();
  for (asio::steady_timer* timer : limited_) {
    timer->cancel();
  }
}

Task<> Event::wait() {
  error_code ec;
  co_await timer_.async_wait(asio::redirect_error(use_task, ec));
  co_await throw_if_cancelled();
}

// A timer of its own, which notify() cancels. Not a parallel_group of two waits: that of Asio 1.81
// can complete into a coroutine that has ended already (seen as a crash while tasks are cancelled).
Task<bool> Event::wait_for(Duration limit) {
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  limited_.push_back(&timer);
  error_code ec;
  co_await timer.async_wait(asio::redirect_error(use_task, ec));
  std::erase(limited_, &timer);
  co_await throw_if_cancelled();
  co_return ec == asio::error::operation_aborted;
}

}  // namespace kt::io
