// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "mux/handshake.h"
#include "mux/tunnel.h"
#include "support/catch.h"
#include "support/run_task.h"
#include "support/tunnel_pair.h"

#include <algorithm>
#include <cerrno>

using namespace kt;
using io::Task;
using test::StreamPair;
using test::TunnelPair;

namespace {

// Runs `scenario` with a deadline, so that a lost wake-up is a failure and no hang.
template <class Scenario>
void within_ten_seconds(Scenario scenario) {
  test::run_task([scenario](const io::Executor& executor) {
    return io::with_timeout(std::chrono::seconds(10), "scenario", scenario(executor));
  });
}

Bytes numbered(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i * 31 + (i >> 8));
  }
  return bytes;
}

Task<> send_all(mux::Stream& stream, const Bytes& bytes) {
  co_await stream.write_all(bytes);
  stream.finish();
}

Task<Bytes> receive_all(mux::Stream& stream) {
  Bytes all;
  Bytes part(50'000);
  while (const std::size_t count = co_await stream.read_some(part)) {
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
  }
  co_return all;
}

Task<> refuse_one(mux::Tunnel& tunnel, int error) {
  const std::unique_ptr<mux::Stream> stream = co_await tunnel.accept();
  stream->failed(error);
}

Task<> refusal(io::Executor executor) {
  TunnelPair pair(executor);
  pair.link(1);
  pair.tasks.spawn(refuse_one(pair.agent, ECONNREFUSED));
  const mux::OpenResult result = co_await pair.laptop.open(test::tcp_target());
  CHECK(result.stream == nullptr);
  CHECK(result.error == ECONNREFUSED);
  co_await pair.stop();
}

Task<> survival(io::Executor executor) {
  TunnelPair pair(executor);
  pair.link(1);
  io::SocketStream* bulk = pair.link(2);
  const StreamPair streams = co_await test::open_stream(pair);
  const Bytes sent = numbered(20'000'000);
  pair.tasks.spawn(send_all(*streams.laptop, sent));
  Bytes part(100'000);
  Bytes got;
  std::size_t next_break = 3'000'000;
  while (const std::size_t count = co_await streams.agent->read_some(part)) {
    got.insert(got.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
    if (got.size() > next_break) {
      next_break += 5'000'000;
      bulk->close();
      bulk = pair.link(2);
    }
  }
  CHECK(got == sent);
  co_await pair.stop();
}

Task<> half_close(io::Executor executor) {
  TunnelPair pair(executor);
  pair.link(0);
  const StreamPair streams = co_await test::open_stream(pair);
  const Bytes question = numbered(10);
  const Bytes answer = numbered(3'000'000);
  co_await send_all(*streams.laptop, question);
  CHECK(co_await receive_all(*streams.agent) == question);
  pair.tasks.spawn(send_all(*streams.agent, answer));
  CHECK(co_await receive_all(*streams.laptop) == answer);
  while (!streams.laptop->over() || !streams.agent->over()) {
    co_await streams.agent->changed();
  }
  CHECK(streams.laptop->error() == 0);
  co_await pair.stop();
}

Task<> replaced(io::Executor executor) {
  TunnelPair pair(executor);
  pair.link(1);
  const StreamPair streams = co_await test::open_stream(pair);
  pair.link(1);
  co_await streams.laptop->write_all(as_bytes("still here"));
  co_await streams.agent->readable();
  CHECK(to_string(streams.agent->peek()) == "still here");
  CHECK(std::count(pair.link_ends.begin(), pair.link_ends.end(),
                   "replaced by a newer generation") >= 1);
  co_await pair.stop();
}

Task<> said_at_the_end(io::Executor executor) {
  TunnelPair pair(executor);
  pair.link(1);
  const StreamPair streams = co_await test::open_stream(pair);
  pair.laptop.end("going home");
  while (streams.agent->error() == 0) {
    co_await streams.agent->changed();
  }
  CHECK(streams.agent->error() == ECONNABORTED);
  CHECK(pair.agent.goaway()->text == "going home");
  CHECK(co_await pair.agent.accept() == nullptr);
  co_await pair.stop();
}

Task<> destroyed(io::Executor executor) {
  TunnelPair pair(executor);
  pair.link(1);
  StreamPair streams = co_await test::open_stream(pair);
  streams.laptop.reset();
  while (streams.agent->error() == 0) {
    co_await streams.agent->changed();
  }
  CHECK(streams.agent->error() == ECONNRESET);
  co_await pair.stop();
}

struct Greeted {
  mux::Hello hello;
};

Task<> welcome_one(io::ByteStream& link, Greeted& greeted) {
  greeted.hello = co_await mux::await_hello(link, std::chrono::seconds(5));
  mux::Welcome welcome;
  welcome.search = {"shop.svc.cluster.local"};
  co_await mux::send_welcome(link, welcome);
}

Task<> greeting(io::Executor executor) {
  io::SocketPair sockets = io::make_socket_pair(executor);
  io::SocketStream laptop(std::move(sockets.first));
  io::SocketStream agent(std::move(sockets.second));
  Greeted greeted;
  io::TaskGroup tasks(executor);
  tasks.spawn(welcome_one(agent, greeted));
  (void)co_await mux::echo(laptop, std::chrono::seconds(5));
  (void)co_await mux::echo(laptop, std::chrono::seconds(5));
  mux::Hello hello;
  hello.link = 2;
  hello.generation = 7;
  const mux::Welcome welcome = co_await mux::greet(laptop, hello, std::chrono::seconds(5));
  co_await tasks.join();
  CHECK(welcome.search.at(0) == "shop.svc.cluster.local");
  CHECK(greeted.hello.generation == 7);
}

Task<> busy_one(io::ByteStream& link) {
  (void)co_await mux::await_hello(link, std::chrono::seconds(5));
  co_await mux::send_goaway(link, {mux::GoawayReason::busy, "another laptop is attached"});
}

Task<> busy(io::Executor executor) {
  io::SocketPair sockets = io::make_socket_pair(executor);
  io::SocketStream laptop(std::move(sockets.first));
  io::SocketStream agent(std::move(sockets.second));
  io::TaskGroup tasks(executor);
  tasks.spawn(busy_one(agent));
  mux::Hello hello;
  hello.link = 1;
  ErrorKind kind = ErrorKind::bug;
  try {
    (void)co_await mux::greet(laptop, hello, std::chrono::seconds(5));
  } catch (const Error& e) {
    kind = e.kind();
  }
  CHECK(kind == ErrorKind::conflict);
  co_await tasks.join();
}

}  // namespace

TEST_CASE("a dial that failed is its errno at the opener") {
  within_ten_seconds(refusal);
}
TEST_CASE("a transfer survives every death of its link") {
  within_ten_seconds(survival);
}
TEST_CASE("an end that finished still receives") {
  within_ten_seconds(half_close);
}
TEST_CASE("a newer generation of a link takes its streams over") {
  within_ten_seconds(replaced);
}
TEST_CASE("the end of a tunnel is said with its reason") {
  within_ten_seconds(said_at_the_end);
}
TEST_CASE("a stream that is dropped unfinished is a reset") {
  within_ten_seconds(destroyed);
}
TEST_CASE("echoes are answered before HELLO") {
  within_ten_seconds(greeting);
}
TEST_CASE("a busy agent is a conflict") {
  within_ten_seconds(busy);
}
