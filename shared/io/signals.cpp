// SPDX-License-Identifier: Apache-2.0
#include "io/signals.h"

namespace kt::io {

Signals::Signals(const Executor& executor, std::initializer_list<int> numbers) : set_(executor) {
  for (const int number : numbers) {
    set_.add(number);
  }
}

Task<int> Signals::next() {
  co_return co_await set_.async_wait(use_task);
}

}  // namespace kt::io
