// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"

#include <boost/asio/signal_set.hpp>

#include <initializer_list>

namespace kt::io {

// Signals as a stream; while it lives their default action does not happen. What arrives while
// nobody waits is kept.
class Signals {
 public:
  Signals(const Executor& executor, std::initializer_list<int> numbers);

  // The number of the next one.
  Task<int> next();

 private:
  asio::signal_set set_;
};

}  // namespace kt::io
