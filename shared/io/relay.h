// SPDX-License-Identifier: Apache-2.0
// Joins a kernel socket and a stream of the mux: bytes go from one to the other without a buffer in
// between, and an idle pair holds none. A template because io knows no mux.
#pragma once

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "io/socket_stream.h"
#include "io/task_group.h"

namespace kt::io {

// What mux::Stream offers; the meaning of each word is written there.
template <class S>
concept RelayStream = requires(S& stream, std::size_t count, int error) {
  { stream.readable() } -> std::same_as<Task<>>;
  { stream.peek() } -> std::same_as<BytesView>;
  stream.consume(count);
  { stream.ended() } -> std::same_as<bool>;
  { stream.writable() } -> std::same_as<Task<>>;
  { stream.prepare() } -> std::same_as<MutableBytes>;
  stream.commit(count);
  stream.finish();
  stream.reset(error);
  { stream.error() } -> std::same_as<int>;
};

struct RelayResult {
  std::uint64_t sent = 0;      // socket → stream, bytes
  std::uint64_t received = 0;  // stream → socket
  int error = 0;               // errno of a reset from either side; 0: both ends finished
};

// Copies both ways until both directions have ended. FIN and reset are kept apart: an end of file
// becomes finish() and back shutdown(2); a socket's RST becomes reset(), a stream's error a RST
// (SO_LINGER 0). The socket is closed at the end. `stream` lives in the caller's frame until then.
// Throws nothing but the caller's own cancellation, which resets both.
template <RelayStream S>
Task<RelayResult> relay(Socket socket, S& stream);

}  // namespace kt::io
