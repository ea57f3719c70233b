// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/pattern.h"
#include "support/run_task.h"
#include "tls/psk_stream.h"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

using namespace kt;
using namespace std::chrono_literals;
using test::receive_pattern;
using test::send_pattern;

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
io::Task<Ends> shake_hands(Watch& watch, tls::Key client_key, tls::KeyLookup lookup) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  io::SocketPair pair = io::make_socket_pair(executor);
  auto client = std::make_unique<WatchedStream>(std::move(pair.first), watch);
  auto server = std::make_unique<io::SocketStream>(std::move(pair.second));
  Ends ends;
  io::TaskGroup group(executor);
  group.spawn(
      take(ends.client, tls::PskStream::connect(std::move(client), session, client_key, 5s)));
  group.spawn(take(ends.server, tls::PskStream::accept(std::move(server), std::move(lookup), 5s)));
  co_await group.join();
  co_return ends;
}

io::Task<Ends> connected(Watch& watch) {
  Ends ends = co_await shake_hands(watch, key, knows_session);
  INFO((ends.client.error ? ends.client.error->message() : "client is connected"));
  INFO((ends.server.error ? ends.server.error->message() : "server is connected"));
  REQUIRE(ends.client.stream != nullptr);
  REQUIRE(ends.server.stream != nullptr);
  co_return ends;
}

// The kind of error that an end came to, if it came to one.
std::optional<ErrorKind> failure(const End& end) {
  return end.error ? std::optional(end.error->kind()) : std::nullopt;
}

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

io::Task<> refused(io::Executor, tls::Key client_key, tls::KeyLookup lookup) {
  Watch watch;
  const Ends ends = co_await shake_hands(watch, client_key, std::move(lookup));
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

// A TLS peer without the key, as OpenSSL makes it: a server shows a fresh self-signed certificate.
class CertificatePeer {
 public:
  CertificatePeer() : context_(SSL_CTX_new(TLS_method())), key_(EVP_EC_gen("P-256")) {
    X509* const certificate = X509_new();
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key_);
    X509_sign(certificate, key_, EVP_sha256());
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key_);
    X509_free(certificate);
  }
  CertificatePeer(const CertificatePeer&) = delete;
  CertificatePeer& operator=(const CertificatePeer&) = delete;
  ~CertificatePeer() {
    EVP_PKEY_free(key_);
    SSL_CTX_free(context_);
  }

  // Blocks until the handshake ended; true when it went through. Verifies nothing itself.
  bool shake_hands(int fd, bool accepts) {
    SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
    SSL* const ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    const int result = accepts ? SSL_accept(ssl) : SSL_connect(ssl);
    SSL_free(ssl);
    return result == 1;
  }

 private:
  SSL_CTX* context_;
  EVP_PKEY* key_;
};

// The peer blocks in a thread of its own on the other end of a socketpair.
io::Task<> without_the_key(io::Executor executor, bool peer_accepts) {
  io::SocketPair pair = io::make_socket_pair(executor);
  pair.second.native_non_blocking(false);
  CertificatePeer peer;
  std::thread thread([&] { (void)peer.shake_hands(pair.second.native_handle(), peer_accepts); });
  auto ours = std::make_unique<io::SocketStream>(std::move(pair.first));
  End end;
  co_await take(end, peer_accepts ? tls::PskStream::connect(std::move(ours), session, key, 5s)
                                  : tls::PskStream::accept(std::move(ours), knows_session, 5s));
  thread.join();
  CHECK(end.stream == nullptr);
  CHECK(failure(end) == ErrorKind::denied);
}

}  // namespace

TEST_CASE("two ends with the same key talk in both directions") {
  test::run_task(both_directions);
}

TEST_CASE("100 MB pass whole") {
  test::run_task(hundred_megabytes);
}

TEST_CASE("another key is refused at both ends") {
  test::run_task([](io::Executor executor) { return refused(executor, other_key, knows_session); });
}

TEST_CASE("an identity that the server does not know is refused at both ends") {
  test::run_task([](io::Executor executor) { return refused(executor, key, knows_nobody); });
}

TEST_CASE("a server that shows a certificate instead of the key is refused") {
  test::run_task([](io::Executor executor) { return without_the_key(executor, true); });
}

TEST_CASE("the certificate server of these tests is taken by a client that does not verify") {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  CertificatePeer server;
  CertificatePeer client;
  bool accepted = false;
  std::thread thread([&] { accepted = server.shake_hands(fds[0], true); });
  CHECK(client.shake_hands(fds[1], false));
  thread.join();
  CHECK(accepted);
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("a TLS caller without a key is refused") {
  test::run_task([](io::Executor executor) { return without_the_key(executor, false); });
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
