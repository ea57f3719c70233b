// SPDX-License-Identifier: Apache-2.0
// Structured concurrency: every spawned task belongs to a group, and the group's owner waits for
// all of them before the things they use die.
#pragma once

#include "io/async.h"

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <exception>
#include <list>

namespace kt::io {

// The first failure cancels the siblings; join() throws it. The owner must join() or stop() before
// the group dies (a destructor cannot wait).
class TaskGroup {
 public:
  explicit TaskGroup(const Executor& executor) : executor_(executor), changed_(executor) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(Task<> task);

  // Asks all tasks to end; they end at their next suspension point.
  void cancel();

  // Waits until no task runs; throws the first failure. When the waiting task itself is cancelled,
  // the group is cancelled too and awaited before the cancellation goes on.
  Task<> join();

  // cancel() and wait, even while the caller is being cancelled; failures are dropped.
  Task<> stop();

  // Runs `work` to its end, whatever that is, then stop(); throws what `work` threw.
  Task<> stop_after(Task<> work);

  [[nodiscard]] std::size_t size() const { return running_; }

 private:
  using Signals = std::list<asio::cancellation_signal>;

  void finish(Signals::iterator signal, std::exception_ptr failure);
  // Whether the waiting task was cancelled meanwhile; it can no longer be cancelled then.
  Task<bool> wait_until_empty();

  Executor executor_;
  Event changed_;
  Signals signals_;
  Signals finished_;  // a signal must outlive its own emit(), so it is kept until the next spawn
  std::size_t running_ = 0;
  bool cancelled_ = false;
  bool emitting_ = false;
  std::exception_ptr failure_;
};

}  // namespace kt::io
