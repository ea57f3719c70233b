// SPDX-License-Identifier: Apache-2.0
#include "support/run_task.h"
#include "unit/tls_psk_ends.h"

#include <sys/socket.h>

using namespace kt;
using namespace std::chrono_literals;
using test::End;
using test::Ends;
using test::failure;
using test::key;
using test::knows_nobody;
using test::knows_session;
using test::other_key;
using test::session;
using test::take;

namespace {

io::Task<> refused(io::Executor, tls::Key client_key, tls::KeyLookup lookup) {
  test::Watch watch;
  const Ends ends = co_await test::shake_hands(watch, client_key, std::move(lookup));
  CHECK(failure(ends.client) == ErrorKind::denied);
  CHECK(failure(ends.server) == ErrorKind::denied);
}

io::Task<> stranger(io::Executor executor, bool we_accept) {
  io::SocketPair pair = io::make_socket_pair(executor);
  io::SocketStream other(std::move(pair.first));
  auto ours = std::make_unique<io::SocketStream>(std::move(pair.second));
  co_await other.write_all(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  End end;
  co_await take(end, we_accept ? tls::PskStream::accept(std::move(ours), knows_session, 5s)
                               : tls::PskStream::connect(std::move(ours), session, key, 5s));
  CHECK(failure(end) == ErrorKind::unavailable);
}

// A ClientHello of 64 KiB that never comes to its end.
io::Task<> talkative_caller(io::Executor executor) {
  io::SocketPair pair = io::make_socket_pair(executor);
  io::SocketStream other(std::move(pair.first));
  Bytes hello;
  ByteWriter writer(hello);
  writer.u24(0x160301);  // a handshake record of TLS 1.0, as every first one
  writer.u16(16'384);
  writer.u8(1);  // ClientHello
  writer.u24(65'536);
  hello.resize(5 + 16'384);
  co_await other.write_all(hello);
  End end;
  co_await take(end,
                tls::PskStream::accept(std::make_unique<io::SocketStream>(std::move(pair.second)),
                                       knows_session, 5s));
  REQUIRE(end.error);
  CHECK(end.error->message() == "TLS handshake: more than 8 KiB");
}

io::Task<> silent_peer(io::Executor executor) {
  io::SocketPair pair = io::make_socket_pair(executor);
  End end;
  co_await take(end,
                tls::PskStream::accept(std::make_unique<io::SocketStream>(std::move(pair.first)),
                                       knows_session, 20ms));
  REQUIRE(end.error);
  CHECK(end.error->message() == "TLS handshake: timed out after 0.02 s");
}

io::Task<> leaving_peer(io::Executor executor) {
  io::SocketPair pair = io::make_socket_pair(executor);
  CHECK(::shutdown(pair.second.native_handle(), SHUT_WR) == 0);
  End end;
  co_await take(end,
                tls::PskStream::connect(std::make_unique<io::SocketStream>(std::move(pair.first)),
                                        session, key, 5s));
  REQUIRE(end.error);
  CHECK(end.error->message() == "TLS handshake: the other side closed");
}

}  // namespace

TEST_CASE("another key is refused at both ends") {
  test::run_task([](io::Executor executor) { return refused(executor, other_key, knows_session); });
}

TEST_CASE("an identity that the server does not know is refused at both ends") {
  test::run_task([](io::Executor executor) { return refused(executor, key, knows_nobody); });
}

TEST_CASE("a peer that speaks no TLS is unavailable, not denied") {
  const bool we_accept = GENERATE(true, false);
  test::run_task([&](io::Executor executor) { return stranger(executor, we_accept); });
}

TEST_CASE("a caller that sends more than a handshake needs is given up") {
  test::run_task(talkative_caller);
}

TEST_CASE("a peer that says nothing is given up after the limit") {
  test::run_task(silent_peer);
}

TEST_CASE("a peer that closes during the handshake is unavailable") {
  test::run_task(leaving_peer);
}
