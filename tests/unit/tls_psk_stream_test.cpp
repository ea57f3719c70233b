// SPDX-License-Identifier: Apache-2.0
#include "support/pattern.h"
#include "support/run_task.h"
#include "unit/tls_psk_ends.h"

#include <boost/asio/post.hpp>

using namespace kt;
using test::connected;
using test::Ends;
using test::receive_pattern;
using test::send_pattern;
using test::Watch;

namespace {

io::Task<> both_directions(io::Executor executor) {
  constexpr std::size_t total = 3'000'000;
  Watch watch;
  const Ends ends = co_await connected(watch);
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
}

io::Task<> hundred_megabytes(io::Executor executor) {
  constexpr std::size_t total = 100'000'000;
  Watch watch;
  const Ends ends = co_await connected(watch);
  std::size_t received = 0;
  io::TaskGroup group(executor);
  group.spawn(send_pattern(*ends.client.stream, total, 1'000'000));
  group.spawn(receive_pattern(*ends.server.stream, total, received));
  co_await group.join();
  CHECK(received == total);
}

constexpr std::size_t record_overhead = 22;  // header 5, content type 1, tag 16

io::Task<> pieces_below(io::Executor executor, std::size_t size,
                        std::vector<std::size_t> expected) {
  Watch watch;
  const Ends ends = co_await connected(watch);
  watch.writes.clear();
  std::size_t received = 0;
  io::TaskGroup group(executor);
  group.spawn(receive_pattern(*ends.server.stream, size, received));
  group.spawn(send_pattern(*ends.client.stream, size, size));
  co_await group.join();
  CHECK(received == size);
  CHECK(watch.writes == expected);
}

io::Task<> cut_after(io::Executor, std::size_t cipher_bytes, bool breaks) {
  Watch watch;
  const Ends ends = co_await connected(watch);
  watch.readable = cipher_bytes;
  co_await send_pattern(*ends.server.stream, 1'000, 1'000);
  std::size_t received = 0;
  std::optional<Error> error;
  try {
    co_await receive_pattern(*ends.client.stream, 2'000, received);
  } catch (const Error& e) {
    error = e;
  }
  CHECK(received == (breaks ? 0U : 1'000U));
  CHECK(error.has_value() == breaks);
}

io::Task<> until_error(io::Task<> task, bool& failed) {
  try {
    co_await std::move(task);
  } catch (const std::exception&) {
    failed = true;
  }
}

io::Task<> close_while_pending(io::Executor executor) {
  Watch watch;
  const Ends ends = co_await connected(watch);
  io::ByteStream& stream = *ends.client.stream;
  std::size_t received = 0;
  bool read_failed = false;
  bool write_failed = false;
  bool read_again_failed = false;
  io::TaskGroup group(executor);
  group.spawn(until_error(receive_pattern(stream, 1, received), read_failed));
  group.spawn(until_error(send_pattern(stream, 100'000'000, 1'000'000), write_failed));
  // The write is stuck once the socket is full: nobody reads the other end.
  co_await io::asio::post(executor, io::use_task);
  stream.close();
  stream.close();
  co_await group.join();
  co_await until_error(receive_pattern(stream, 1, received), read_again_failed);
  CHECK(read_failed);
  CHECK(write_failed);
  CHECK(read_again_failed);
}

}  // namespace

TEST_CASE("two ends with the same key talk in both directions") {
  test::run_task(both_directions);
}

TEST_CASE("100 MB pass whole") {
  test::run_task(hundred_megabytes);
}

TEST_CASE("a small write is one record in one write below") {
  test::run_task(
      [](io::Executor executor) { return pieces_below(executor, 100, {100 + record_overhead}); });
}

TEST_CASE("a big write leaves as full records, 256 KiB of them in one write below") {
  constexpr std::size_t full = 262'144 + 16 * record_overhead;
  constexpr std::size_t rest = 600'000 - 2 * 262'144 + 5 * record_overhead;
  test::run_task([](io::Executor executor) {
    return pieces_below(executor, 600'000, {full, full, rest});
  });
}

TEST_CASE("a stream that is cut inside a record breaks") {
  const std::size_t cipher_bytes = GENERATE(1U, 5U, 6U, 1'021U);
  test::run_task([&](io::Executor executor) { return cut_after(executor, cipher_bytes, true); });
}

TEST_CASE("a stream that is cut between two records has ended") {
  test::run_task(
      [](io::Executor executor) { return cut_after(executor, 1'000 + record_overhead, false); });
}

TEST_CASE("close ends a pending read and a pending write, and may be called again") {
  test::run_task(close_while_pending);
}
