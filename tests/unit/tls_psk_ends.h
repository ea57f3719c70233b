// SPDX-License-Identifier: Apache-2.0
// Both ends of a TLS link over a socketpair, and what a test sees of them.
#pragma once

#include "base/error.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "tls/psk_stream.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kt::test {

inline constexpr tls::Identity session = {std::byte{1}, std::byte{2}, std::byte{3}};
inline constexpr tls::Key key = {std::byte{42}};
inline constexpr tls::Key other_key = {std::byte{43}};

inline std::optional<tls::Key> knows_session(BytesView identity) {
  return std::ranges::equal(identity, session) ? std::optional(key) : std::nullopt;
}
inline std::optional<tls::Key> knows_nobody(BytesView) {
  return std::nullopt;
}

// What one end of a handshake came to: a stream, or the error.
struct End {
  std::unique_ptr<tls::PskStream> stream;
  std::optional<Error> error;
};

inline io::Task<> take(End& end, io::Task<std::unique_ptr<tls::PskStream>> handshake) {
  try {
    end.stream = co_await std::move(handshake);
  } catch (const Error& e) {
    end.error = e;
  }
}

struct Ends {
  End client;
  End server;
};

// What a test sees of the stream below an end, and does to it.
struct Watch {
  std::vector<std::size_t> writes;  // the size of each
  std::size_t readable = SIZE_MAX;  // bytes until the stream ends
};

class WatchedStream final : public io::ByteStream {
 public:
  WatchedStream(io::Socket socket, Watch& watch) : below_(std::move(socket)), watch_(watch) {}

  io::Task<std::size_t> read_some(MutableBytes into) override {
    if (watch_.readable == 0) {
      co_return 0;
    }
    const std::size_t count =
        co_await below_.read_some(into.first(std::min(into.size(), watch_.readable)));
    watch_.readable -= count;
    co_return count;
  }
  io::Task<> write_all(BytesView from) override {
    watch_.writes.push_back(from.size());
    co_await below_.write_all(from);
  }
  void close() noexcept override { below_.close(); }

 private:
  io::SocketStream below_;
  Watch& watch_;
};

// Both ends of a handshake over a socketpair; `watch` is the client's and outlives it.
inline io::Task<Ends> shake_hands(Watch& watch, tls::Key client_key, tls::KeyLookup lookup) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  io::SocketPair pair = io::make_socket_pair(executor);
  auto client = std::make_unique<WatchedStream>(std::move(pair.first), watch);
  auto server = std::make_unique<io::SocketStream>(std::move(pair.second));
  Ends ends;
  io::TaskGroup group(executor);
  group.spawn(take(ends.client, tls::PskStream::connect(std::move(client), session, client_key,
                                                        std::chrono::seconds(5))));
  group.spawn(take(ends.server, tls::PskStream::accept(std::move(server), std::move(lookup),
                                                       std::chrono::seconds(5))));
  co_await group.join();
  co_return ends;
}

inline io::Task<Ends> connected(Watch& watch) {
  Ends ends = co_await shake_hands(watch, key, knows_session);
  INFO((ends.client.error ? ends.client.error->message() : "client is connected"));
  INFO((ends.server.error ? ends.server.error->message() : "server is connected"));
  REQUIRE(ends.client.stream != nullptr);
  REQUIRE(ends.server.stream != nullptr);
  co_return ends;
}

// The kind of error that an end came to, if it came to one.
inline std::optional<ErrorKind> failure(const End& end) {
  return end.error ? std::optional(end.error->kind()) : std::nullopt;
}

}  // namespace kt::test
