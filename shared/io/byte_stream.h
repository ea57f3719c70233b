// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "io/async.h"

namespace kt::io {

// A reliable byte stream in both directions without half-close: what a link runs over. Implemented
// by sockets, TLS, an SSH channel, and memory pipes in tests. One reader and one writer at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // At least one byte, or 0 at the end of the stream. Throws Error unavailable when it broke.
  virtual Task<std::size_t> read_some(MutableBytes into) = 0;

  // All of it, or throws Error unavailable. `from` must live until then.
  virtual Task<> write_all(BytesView from) = 0;

  // Pending reads and writes end with an error; idempotent.
  virtual void close() noexcept = 0;
};

}  // namespace kt::io
