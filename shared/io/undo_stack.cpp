// SPDX-License-Identifier: Apache-2.0
#include "io/undo_stack.h"

#include <boost/asio/cancellation_state.hpp>

#include <exception>
#include <utility>

namespace kt::io {
namespace {

std::string reason(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown failure";
  }
}

Task<> call(UndoStack::Step step) {
  co_await step();
}

}  // namespace

void UndoStack::push(std::string name, Step step) {
  entries_.push_back({std::move(name), std::move(step)});
}

Task<std::vector<UndoStack::Failure>> UndoStack::run(Duration limit) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  std::vector<Failure> failures;
  while (!entries_.empty()) {
    // It stays on the stack until it is done: pending() is what a second Ctrl-C prints.
    std::exception_ptr failure;
    try {
      co_await with_timeout(limit, "put back", call(entries_.back().step));
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure != nullptr) {
      failures.push_back({entries_.back().name, reason(failure)});
    }
    entries_.pop_back();
  }
  co_return failures;
}

std::vector<std::string> UndoStack::pending() const {
  std::vector<std::string> names;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    names.push_back(entry->name);
  }
  return names;
}

}  // namespace kt::io
