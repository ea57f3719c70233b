// SPDX-License-Identifier: Apache-2.0
#include "io/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace kt::io {
namespace {

bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

// Behind a task that has ended co_spawn waits once more, where a cancellation that the task did not
// live to see (its own doing, say) would throw past everybody.
Task<> run_to_end(Task<> task) {
  std::exception_ptr failure;
  try {
    co_await std::move(task);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await ignore_cancellation();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

}  // namespace

void TaskGroup::spawn(Task<> task) {
  if (!emitting_) {
    finished_.clear();
  }
  ++running_;
  const auto signal = signals_.emplace(signals_.end());
  asio::co_spawn(
      executor_, run_to_end(std::move(task)),
      asio::bind_cancellation_slot(
          signal->slot(), [this, signal](std::exception_ptr failure) { finish(signal, failure); }));
  if (cancelled_) {
    signal->emit(asio::cancellation_type::terminal);
  }
}

void TaskGroup::cancel() {
  cancelled_ = true;
  const bool nested = std::exchange(emitting_, true);
  for (auto signal = signals_.begin(); signal != signals_.end();) {
    // finish() may move this node while its emit() runs.
    const auto current = signal++;
    current->emit(asio::cancellation_type::terminal);
  }
  emitting_ = nested;
}

void TaskGroup::finish(Signals::iterator signal, std::exception_ptr failure) {
  --running_;
  finished_.splice(finished_.end(), signals_, signal);
  if (failure != nullptr && failure_ == nullptr && !(cancelled_ && is_cancellation(failure))) {
    failure_ = failure;
    cancel();
  }
  changed_.notify();
}

Task<bool> TaskGroup::wait_until_empty() {
  // Cancellation of the waiter is noted, not obeyed: the members' owner waits behind us.
  bool cancelled = false;
  while (running_ > 0) {
    const auto state = co_await asio::this_coro::cancellation_state;
    bool now = state.cancelled() != asio::cancellation_type::none;
    if (!now) {
      try {
        co_await changed_.wait();
      } catch (const boost::system::system_error&) {
        now = true;
      }
    }
    if (now) {
      cancelled = true;
      cancel();
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    }
  }
  co_return cancelled;
}

Task<> TaskGroup::join() {
  const bool cancelled = co_await wait_until_empty();
  if (failure_ != nullptr) {
    std::rethrow_exception(failure_);
  }
  if (cancelled) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

Task<> TaskGroup::stop() {
  cancel();
  co_await wait_until_empty();
}

Task<> TaskGroup::stop_after(Task<> work) {
  std::exception_ptr failure;
  try {
    co_await std::move(work);
  } catch (...) {
    failure = std::current_exception();
  }
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    co_await ignore_cancellation();
  }
  co_await stop();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

}  // namespace kt::io
