// SPDX-License-Identifier: Apache-2.0
// DNS over a byte stream: each message behind its length, u16 (RFC 1035 §4.2.2).
#pragma once

#include "base/bytes.h"
#include "io/async.h"
#include "io/byte_stream.h"

#include <optional>

namespace kt::dns {

// The next message; nullopt at the end of the stream, also in the middle of a message. `stream`
// must outlive the task. Throws what the stream throws.
io::Task<std::optional<Bytes>> read_message(io::ByteStream& stream);

// Length and message in one write. Precondition: at most 65 535 bytes.
io::Task<> write_message(io::ByteStream& stream, Bytes message);

// Asks over a fresh stream and reads until the reply to `query` comes; nullopt at the end.
io::Task<std::optional<Bytes>> ask_over(io::ByteStream& stream, Bytes query);

}  // namespace kt::dns
