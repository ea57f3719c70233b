// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"

#include <poll.h>

namespace kt::io {

// Returns when `descriptor` (a socket or posix::stream_descriptor) has something to read. Not
// async_wait() alone: Asio 1.81 wakes a wait on a fresh descriptor by an event of another one that
// it has just let go (the epoll entry is used again), and who then reads blocks the loop.
template <class Descriptor>
Task<> until_readable(Descriptor& descriptor) {
  pollfd ready{descriptor.native_handle(), POLLIN, 0};
  while (::poll(&ready, 1, 0) == 0) {
    co_await descriptor.async_wait(Descriptor::wait_read, use_task);
  }
}

}  // namespace kt::io
