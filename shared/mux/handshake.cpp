// SPDX-License-Identifier: Apache-2.0
#include "mux/handshake.h"

#include "base/error.h"
#include "base/log.h"

#include <array>

namespace kt::mux {
namespace {

using io::Task;

// Before a HELLO nothing is longer than a GOAWAY's text or a WELCOME's search list.
constexpr std::size_t max_greeting = 8192;

struct Frame {
  Header header;
  Bytes body;
};

// Reads exactly `into.size()` bytes.
Task<> read_exactly(io::ByteStream& link, MutableBytes into) {
  while (!into.empty()) {
    const std::size_t count = co_await link.read_some(into);
    if (count == 0) {
      throw Error(ErrorKind::unavailable, "link: ended before its greeting");
    }
    into = into.subspan(count);
  }
}

Task<Frame> read_frame(io::ByteStream& link) {
  std::array<std::byte, header_size> head{};
  co_await read_exactly(link, head);
  Frame frame;
  frame.header = decode_header(head);
  if (frame.header.stream != 0 || frame.header.length > max_greeting) {
    throw Error(ErrorKind::config, "link: what came is no greeting of the mux");
  }
  frame.body.resize(frame.header.length);
  co_await read_exactly(link, frame.body);
  co_return frame;
}

bool is(const Frame& frame, FrameType type) {
  return frame.header.type == static_cast<std::uint8_t>(type);
}

[[noreturn]] void throw_goaway(const Frame& frame) {
  const std::optional<Goaway> goaway = decode_goaway(frame.body);
  const std::string text = goaway ? log::harmless(goaway->text) : "no reason given";
  if (goaway && goaway->reason == GoawayReason::busy) {
    throw Error(ErrorKind::conflict, "shadow: " + text);
  }
  if (goaway && goaway->reason == GoawayReason::unknown_session) {
    throw Error(ErrorKind::not_found, "shadow: " + text);
  }
  throw Error(goaway && goaway->reason == GoawayReason::version ? ErrorKind::config
                                                                : ErrorKind::unavailable,
              "shadow: " + text);
}

Task<> exchange_echo(io::ByteStream& link) {
  const Bytes ping = encode_ping(FrameType::ping, {});
  co_await link.write_all(ping);
  const Frame answer = co_await read_frame(link);
  if (is(answer, FrameType::goaway)) {
    throw_goaway(answer);
  }
  if (!is(answer, FrameType::pong)) {
    throw Error(ErrorKind::config, "link: what came is no answer to an echo");
  }
}

Task<> exchange_hello(io::ByteStream& link, const Hello& hello, Welcome& welcome) {
  const Bytes said = encode_hello(hello);
  co_await link.write_all(said);
  const Frame answer = co_await read_frame(link);
  if (is(answer, FrameType::goaway)) {
    throw_goaway(answer);
  }
  const std::optional<Welcome> understood =
      is(answer, FrameType::welcome) ? decode_welcome(answer.body) : std::nullopt;
  if (!understood) {
    throw Error(ErrorKind::config, "link: what came is no answer to a greeting");
  }
  if (understood->version != protocol_version) {
    throw Error(ErrorKind::config, version_mismatch(protocol_version, understood->version));
  }
  welcome = *understood;
}

Task<> read_hello(io::ByteStream& link, Hello& hello) {
  while (true) {
    const Frame frame = co_await read_frame(link);
    if (is(frame, FrameType::ping)) {
      const std::optional<Ping> ping = decode_ping(frame.body);
      const Bytes pong = encode_ping(FrameType::pong, ping.value_or(Ping{}));
      co_await link.write_all(pong);
      continue;
    }
    const std::optional<Hello> said =
        is(frame, FrameType::hello) ? decode_hello(frame.body) : std::nullopt;
    if (!said) {
      throw Error(ErrorKind::config, "link: what came is no greeting of the mux");
    }
    hello = *said;
    co_return;
  }
}

}  // namespace

Task<io::Duration> echo(io::ByteStream& link, io::Duration limit) {
  const io::TimePoint start = io::Clock::now();
  co_await io::with_timeout(limit, "echo", exchange_echo(link));
  co_return io::Clock::now() - start;
}

Task<Welcome> greet(io::ByteStream& link, Hello hello, io::Duration limit) {
  Welcome welcome;
  co_await io::with_timeout(limit, "greeting", exchange_hello(link, hello, welcome));
  co_return welcome;
}

Task<Hello> await_hello(io::ByteStream& link, io::Duration limit) {
  Hello hello;
  co_await io::with_timeout(limit, "greeting", read_hello(link, hello));
  if (hello.version != protocol_version) {
    const std::string why = version_mismatch(hello.version, protocol_version);
    co_await send_goaway(link, {GoawayReason::version, why});
    throw Error(ErrorKind::config, why);
  }
  co_return hello;
}

Task<> send_welcome(io::ByteStream& link, Welcome welcome) {
  const Bytes frame = encode_welcome(welcome);
  co_await link.write_all(frame);
}

Task<> send_goaway(io::ByteStream& link, Goaway goaway) {
  const Bytes frame = encode_goaway(goaway);
  co_await link.write_all(frame);
}

}  // namespace kt::mux
