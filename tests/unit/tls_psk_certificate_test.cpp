// SPDX-License-Identifier: Apache-2.0
#include "support/run_task.h"
#include "unit/tls_psk_ends.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <array>
#include <thread>

using namespace kt;
using namespace std::chrono_literals;
using test::End;

namespace {

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
  co_await test::take(
      end, peer_accepts ? tls::PskStream::connect(std::move(ours), test::session, test::key, 5s)
                        : tls::PskStream::accept(std::move(ours), test::knows_session, 5s));
  thread.join();
  CHECK(end.stream == nullptr);
  CHECK(test::failure(end) == ErrorKind::denied);
}

}  // namespace

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
