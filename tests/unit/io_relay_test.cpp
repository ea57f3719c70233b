// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "io/relay.h"
#include "support/catch.h"
#include "support/run_task.h"
#include "support/tunnel_pair.h"

#include <cerrno>

using namespace kt;
using io::Task;

namespace {

// application ↔ relay ↔ tunnel ↔ relay ↔ server
struct Path {
  explicit Path(const io::Executor& executor)
      : pair(executor),
        application_side(io::make_socket_pair(executor)),
        server_side(io::make_socket_pair(executor)),
        application(std::move(application_side.first)),
        server(std::move(server_side.first)) {
    pair.link(1);
  }

  static Task<> relay_one(io::Socket socket, mux::Stream& stream, io::RelayResult& result,
                          bool& ended) {
    result = co_await io::relay(std::move(socket), stream);
    ended = true;
  }

  Task<> start() {
    streams = co_await test::open_stream(pair);
    pair.tasks.spawn(
        relay_one(std::move(application_side.second), *streams.laptop, near, near_ended));
    pair.tasks.spawn(relay_one(std::move(server_side.second), *streams.agent, far, far_ended));
  }

  test::TunnelPair pair;
  io::SocketPair application_side;
  io::SocketPair server_side;
  io::SocketStream application;
  io::SocketStream server;
  test::StreamPair streams;
  io::RelayResult near;
  io::RelayResult far;
  bool near_ended = false;
  bool far_ended = false;
};

template <class Scenario>
void within_ten_seconds(Scenario scenario) {
  test::run_task([scenario](const io::Executor& executor) {
    return io::with_timeout(std::chrono::seconds(10), "scenario", scenario(executor));
  });
}

Task<> until(const bool& condition) {
  while (!condition) {
    co_await io::sleep_for(std::chrono::milliseconds(1));
  }
}

void shut(io::SocketStream& stream) {
  io::error_code ignored;
  stream.socket().shutdown(io::Socket::shutdown_send, ignored);
}

Task<> send_and_shut(io::SocketStream& stream, const Bytes& bytes) {
  co_await stream.write_all(bytes);
  shut(stream);
}

Task<std::size_t> count_until_end(io::SocketStream& stream) {
  Bytes part(70'000);
  std::size_t total = 0;
  while (const std::size_t count = co_await stream.read_some(part)) {
    total += count;
  }
  co_return total;
}

Task<> both_directions(io::Executor executor) {
  Path path(executor);
  co_await path.start();
  const Bytes question(5'000'000, std::byte{1});
  const Bytes answer(7'000'000, std::byte{2});
  path.pair.tasks.spawn(send_and_shut(path.application, question));
  CHECK(co_await count_until_end(path.server) == question.size());
  CHECK_FALSE(path.near_ended);  // half-closed
  path.pair.tasks.spawn(send_and_shut(path.server, answer));
  CHECK(co_await count_until_end(path.application) == answer.size());
  co_await until(path.near_ended);
  co_await until(path.far_ended);
  CHECK(path.near.error == 0);
  CHECK(path.far.error == 0);
  CHECK(path.near.sent == question.size());
  CHECK(path.near.received == answer.size());
  co_await path.pair.stop();
}

Task<> broken_server(io::Executor executor) {
  Path path(executor);
  co_await path.start();
  // A Unix socket that dies with unread bytes resets its peer, as TCP does.
  co_await path.application.write_all(as_bytes("unread"));
  Bytes one(1);
  (void)co_await path.server.read_some(one);
  path.server.close();
  co_await until(path.near_ended);
  CHECK(path.far.error == ECONNRESET);
  CHECK(path.near.error == ECONNRESET);
  co_await path.pair.stop();
}

}  // namespace

TEST_CASE("a relay copies both ways and keeps half-closes apart") {
  within_ten_seconds(both_directions);
}
TEST_CASE("a reset of one socket is a reset of the other") {
  within_ten_seconds(broken_server);
}
