// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace kt::test {

// Runs one coroutine on an io_context until it has ended; throws what it threw. `make` is called
// with the executor and returns the task.
template <class Make>
void run_task(Make make) {
  io::asio::io_context context(1);
  std::exception_ptr failure;
  bool ended = false;
  io::asio::co_spawn(context, make(context.get_executor()), [&](std::exception_ptr e) {
    failure = e;
    ended = true;
    context.stop();
  });
  context.run();
  if (failure) {
    std::rethrow_exception(failure);
  }
  if (!ended) {
    throw std::runtime_error("the task waits for something that cannot happen");
  }
}

}  // namespace kt::test
