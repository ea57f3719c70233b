// SPDX-License-Identifier: Apache-2.0
#include "tls/psk_stream.h"

#include "base/error.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace kt;
using namespace std::chrono_literals;

namespace {

constexpr tls::Identity session = {std::byte{1}, std::byte{2}, std::byte{3}};
constexpr tls::Key key = {std::byte{42}};
constexpr tls::Key other_key = {std::byte{43}};

std::optional<tls::Key> knows_session(BytesView identity) {
  return std::ranges::equal(identity, session) ? std::optional(key) : std::nullopt;
}
std::optional<tls::Key> knows_nobody(BytesView) {
  return std::nullopt;
}

// What one end of a handshake came to: a stream, or the error.
struct End {
  std::unique_ptr<tls::PskStream> stream;
  std::optional<Error> error;
};

io::Task<> take(End& end, io::Task<std::unique_ptr<tls::PskStream>> handshake) {
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

// Both ends of a handshake over a socketpair.
io::Task<Ends> shake_hands(tls::Key client_key, tls::KeyLookup lookup) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  io::SocketPair pair = io::make_socket_pair(executor);
  auto client = std::make_unique<io::SocketStream>(std::move(pair.first));
  auto server = std::make_unique<io::SocketStream>(std::move(pair.second));
  Ends ends;
  io::TaskGroup group(executor);
  group.spawn(take(ends.client, tls::PskStream::connect(std::move(client), session, client_key, 5s)));
  group.spawn(take(ends.server, tls::PskStream::accept(std::move(server), std::move(lookup), 5s)));
  co_await group.join();
  co_return ends;
}

// Bytes that differ at every place, so that a lost, doubled or moved piece shows.
std::byte pattern(std::size_t at) {
  return static_cast<std::byte>((at * 2654435761U) >> 24);
}

io::Task<> send_pattern(io::ByteStream& stream, std::size_t total, std::size_t piece) {
  Bytes bytes(piece);
  for (std::size_t at = 0; at < total; at += piece) {
    const std::size_t count = std::min(piece, total - at);
    for (std::size_t i = 0; i < count; ++i) {
      bytes[i] = pattern(at + i);
    }
    co_await stream.write_all(BytesView(bytes).first(count));
  }
}

// Counts the bytes that are as they should be; less than `total` when one was not.
io::Task<> receive_pattern(io::ByteStream& stream, std::size_t total, std::size_t& good) {
  Bytes bytes(100'000);
  while (good < total) {
    const std::size_t count = co_await stream.read_some(bytes);
    if (count == 0) {
      co_return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (bytes[i] != pattern(good)) {
        co_return;
      }
      ++good;
    }
  }
}

// Stands between two ends: passes bytes on and counts the writes.
class CountingStream final : public io::ByteStream {
 public:
  CountingStream(io::Socket socket, std::vector<std::size_t>& writes)
      : below_(std::move(socket)), writes_(writes) {}
  io::Task<std::size_t> read_some(MutableBytes into) override { return below_.read_some(into); }
  io::Task<> write_all(BytesView from) override {
    writes_.push_back(from.size());
    return below_.write_all(from);
  }
  void close() noexcept override { below_.close(); }

 private:
  io::SocketStream below_;
  std::vector<std::size_t>& writes_;
};

}  // namespace

TEST_CASE("two ends with the same key talk in both directions") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    Ends ends = co_await shake_hands(key, knows_session);
    REQUIRE(ends.client.stream != nullptr);
    REQUIRE(ends.server.stream != nullptr);
    constexpr std::size_t total = 3'000'000;
    std::size_t at_client = 0;
    std::size_t at_server = 0;
    io::TaskGroup group(executor);
    group.spawn(send_pattern(*ends.client.stream, total, 70'001));
    group.spawn(send_pattern(*ends.server.stream, total, 1'000));
    group.spawn(receive_pattern(*ends.client.stream, total, at_client));
    group.spawn(receive_pattern(*ends.server.stream, total, at_server));
    co_await group.join();
    CHECK(at_client == total);
    CHECK(at_server == total);
    CHECK(ends.client.stream->bytes_read() == total);
    CHECK(ends.client.stream->bytes_written() == total);
  });
}

TEST_CASE("100 MB pass whole") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    Ends ends = co_await shake_hands(key, knows_session);
    constexpr std::size_t total = 100'000'000;
    std::size_t received = 0;
    io::TaskGroup group(executor);
    group.spawn(send_pattern(*ends.client.stream, total, 1'000'000));
    group.spawn(receive_pattern(*ends.server.stream, total, received));
    co_await group.join();
    CHECK(received == total);
  });
}

TEST_CASE("another key is refused at both ends") {
  test::run_task([](io::Executor) -> io::Task<> {
    const Ends ends = co_await shake_hands(other_key, knows_session);
    REQUIRE(ends.client.error);
    CHECK(ends.client.error->kind() == ErrorKind::denied);
    REQUIRE(ends.server.error);
    CHECK(ends.server.error->kind() == ErrorKind::denied);
  });
}

TEST_CASE("an identity that the server does not know is refused at both ends") {
  test::run_task([](io::Executor) -> io::Task<> {
    const Ends ends = co_await shake_hands(key, knows_nobody);
    REQUIRE(ends.client.error);
    CHECK(ends.client.error->kind() == ErrorKind::denied);
    REQUIRE(ends.server.error);
    CHECK(ends.server.error->kind() == ErrorKind::denied);
  });
}

TEST_CASE("a peer that speaks no TLS is unavailable, not denied") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    const bool as_server = GENERATE(true, false);
    io::SocketPair pair = io::make_socket_pair(executor);
    io::SocketStream stranger(std::move(pair.first));
    auto ours = std::make_unique<io::SocketStream>(std::move(pair.second));
    co_await stranger.write_all(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
    End end;
    if (as_server) {
      co_await take(end, tls::PskStream::accept(std::move(ours), knows_session, 5s));
    } else {
      co_await take(end, tls::PskStream::connect(std::move(ours), session, key, 5s));
    }
    REQUIRE(end.error);
    CHECK(end.error->kind() == ErrorKind::unavailable);
  });
}

TEST_CASE("a peer that says nothing is given up after the limit") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    io::SocketPair pair = io::make_socket_pair(executor);
    auto ours = std::make_unique<io::SocketStream>(std::move(pair.second));
    End end;
    co_await take(end, tls::PskStream::accept(std::move(ours), knows_session, 20ms));
    REQUIRE(end.error);
    CHECK(end.error->message() == "TLS handshake: timed out after 0.02 s");
  });
}

TEST_CASE("a peer that closes during the handshake is unavailable") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    io::SocketPair pair = io::make_socket_pair(executor);
    auto ours = std::make_unique<io::SocketStream>(std::move(pair.second));
    CHECK(::shutdown(pair.first.native_handle(), SHUT_WR) == 0);
    End end;
    co_await take(end, tls::PskStream::connect(std::move(ours), session, key, 5s));
    REQUIRE(end.error);
    CHECK(end.error->kind() == ErrorKind::unavailable);
  });
}

TEST_CASE("a write of up to 16 KiB is one write below, and a big one leaves in pieces of 256 KiB") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    io::SocketPair pair = io::make_socket_pair(executor);
    std::vector<std::size_t> writes;
    Ends ends;
    io::TaskGroup group(executor);
    group.spawn(take(ends.client, tls::PskStream::connect(
                                      std::make_unique<WatchedStream>(std::move(pair.first), writes),
                                      session, key, 5s)));
    group.spawn(take(ends.server, tls::PskStream::accept(
                                      std::make_unique<io::SocketStream>(std::move(pair.second)),
                                      knows_session, 5s)));
    co_await group.join();
    REQUIRE(ends.client.stream != nullptr);
    constexpr std::size_t overhead = 22;  // of a record: header, content type, tag
    writes.clear();
    std::size_t received = 0;
    io::TaskGroup transfer(executor);
    transfer.spawn(receive_pattern(*ends.server.stream, 600'000, received));
    co_await send_pattern(*ends.client.stream, 100, 100);
    CHECK(writes == std::vector<std::size_t>{100 + overhead});
    transfer.cancel();
    co_await transfer.stop();
    writes.clear();
    received = 0;
    io::TaskGroup second(executor);
    second.spawn(receive_pattern(*ends.server.stream, 600'000, received));
    co_await send_pattern(*ends.client.stream, 600'000, 600'000);
    co_await second.join();
    CHECK(received == 600'000);
    constexpr std::size_t full = 262'144 + 16 * overhead;
    CHECK(writes == std::vector<std::size_t>{full, full, 600'000 - 2 * 262'144 + 5 * overhead});
  });
}

TEST_CASE("a stream cut inside a record breaks, one cut between two ends") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    const bool inside = GENERATE(true, false);
    Ends ends = co_await shake_hands(key, knows_session);
    (void)executor;
    (void)inside;
  });
}

TEST_CASE("close ends a pending read and write, and may be called again") {
  test::run_task([](io::Executor executor) -> io::Task<> {
    Ends ends = co_await shake_hands(key, knows_session);
    End reader;
    End writer;
    io::TaskGroup group(executor);
    group.spawn(read_until_error(*ends.client.stream, reader));
    group.spawn(write_until_error(*ends.client.stream, writer));
    co_await io::asio::post(executor, io::use_task);
    ends.client.stream->close();
    ends.client.stream->close();
    co_await group.join();
    CHECK(reader.failed);
    CHECK(writer.failed);
    std::array<std::byte, 1> one{};
    CHECK_THROWS_AS(co_await ends.client.stream->read_some(one), Error);
  });
}
