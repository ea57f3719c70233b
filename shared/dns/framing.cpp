// SPDX-License-Identifier: Apache-2.0
#include "dns/framing.h"

#include "base/error.h"
#include "dns/reply.h"

#include <array>
#include <limits>
#include <utility>

namespace kt::dns {
namespace {

// False when the stream ended before `into` was full.
io::Task<bool> read_whole(io::ByteStream& stream, MutableBytes into) {
  while (!into.empty()) {
    const std::size_t count = co_await stream.read_some(into);
    if (count == 0) {
      co_return false;
    }
    into = into.subspan(count);
  }
  co_return true;
}

}  // namespace

io::Task<std::optional<Bytes>> read_message(io::ByteStream& stream) {
  std::array<std::byte, 2> length{};
  if (!co_await read_whole(stream, length)) {
    co_return std::nullopt;
  }
  Bytes message(load_u16(length, 0));
  if (!co_await read_whole(stream, message)) {
    co_return std::nullopt;
  }
  co_return message;
}

io::Task<> write_message(io::ByteStream& stream, Bytes message) {
  KT_ASSERT(message.size() <= std::numeric_limits<std::uint16_t>::max());
  Bytes framed;
  framed.reserve(message.size() + 2);
  ByteWriter writer(framed);
  writer.u16(static_cast<std::uint16_t>(message.size()));
  writer.bytes(message);
  co_await stream.write_all(framed);
}

io::Task<std::optional<Bytes>> ask_over(io::ByteStream& stream, Bytes query) {
  co_await write_message(stream, query);
  std::optional<Bytes> reply = co_await read_message(stream);
  while (reply && !is_reply_to(*reply, query)) {
    reply = co_await read_message(stream);
  }
  co_return reply;
}

}  // namespace kt::dns
