// SPDX-License-Identifier: Apache-2.0
// What the tests of links send through them.
#pragma once

#include "io/byte_stream.h"

#include <algorithm>
#include <cstddef>

namespace kt::test {

// Bytes that differ from place to place, so that a lost, doubled or moved piece shows.
inline std::byte pattern(std::size_t at) {
  return static_cast<std::byte>((at * 2654435761U) >> 24);
}

inline io::Task<> send_pattern(io::ByteStream& stream, std::size_t total, std::size_t piece) {
  Bytes bytes(piece);
  for (std::size_t at = 0; at < total; at += piece) {
    const std::size_t count = std::min(piece, total - at);
    for (std::size_t i = 0; i < count; ++i) {
      bytes[i] = pattern(at + i);
    }
    co_await stream.write_all(BytesView(bytes).first(count));
  }
}

// Counts into `good` the bytes that are as they should be; stops at the first that is not.
inline io::Task<> receive_pattern(io::ByteStream& stream, std::size_t total, std::size_t& good) {
  Bytes bytes(100'000);
  while (good < total) {
    const std::size_t count =
        co_await stream.read_some(MutableBytes(bytes).first(std::min(bytes.size(), total - good)));
    for (std::size_t i = 0; i < count; ++i, ++good) {
      if (bytes[i] != pattern(good)) {
        co_return;
      }
    }
    if (count == 0) {
      co_return;
    }
  }
}

}  // namespace kt::test
