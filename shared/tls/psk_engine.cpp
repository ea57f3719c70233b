// SPDX-License-Identifier: Apache-2.0
#include "tls/psk_engine.h"

#include "base/error.h"

#include <fmt/format.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace kt::tls {
namespace {

constexpr std::size_t record_payload = SSL3_RT_MAX_PLAIN_LENGTH;  // 16 KiB, RFC 8446 §5.1
constexpr std::size_t record_overhead = 5 + 1 + 16;  // header, content type, AES-GCM's tag

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

// OpenSSL's own calls fail only for want of memory or by a mistake of ours.
void check(bool ok) {
  if (!ok) {
    throw Error(ErrorKind::bug, "set up TLS: OpenSSL refused");
  }
}

Context make_context() {
  Context context(SSL_CTX_new(TLS_method()));
  check(context != nullptr);
  SSL_CTX* const c = context.get();
  check(SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1);
  check(SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1);
  check(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") == 1);
  check(SSL_CTX_set1_groups_list(c, "X25519") == 1);
  check(SSL_CTX_set_num_tickets(c, 0) == 1);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_clear_options(c, SSL_OP_ALLOW_NO_DHE_KEX | SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  return context;
}

// A session that never was, which is how OpenSSL wants an external key. Null when out of memory.
SSL_SESSION* session_of(SSL* ssl, const Key& key) {
  static constexpr unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};
  SSL_SESSION* const session = SSL_SESSION_new();
  const auto* const secret = reinterpret_cast<const unsigned char*>(key.data());
  if (session != nullptr && SSL_SESSION_set1_master_key(session, secret, key.size()) == 1 &&
      SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, aes_128_gcm_sha256)) == 1 &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1) {
    return session;
  }
  SSL_SESSION_free(session);
  return nullptr;
}

// The other side speaks TLS but does not hold the key, or says that we do not: what we found, or
// its alert. An OpenSSL server that knows no key for the identity looks for a certificate of its
// own, and so ends with "no suitable signature algorithm".
bool is_refusal(int reason) {
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_BINDER_DOES_NOT_VERIFY:
    case SSL_R_DIGEST_CHECK_FAILED:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_PSK_IDENTITY:
      return true;
    default:
      return false;
  }
}

// Empties OpenSSL's error queue, which is the thread's and not the connection's.
struct Reason {
  int code;
  std::string text;
};
Reason take_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const text = ERR_reason_error_string(code);
  return {ERR_GET_REASON(code), text == nullptr ? "failed" : text};
}

Error handshake_error() {
  const Reason reason = take_reason();
  if (is_refusal(reason.code)) {
    return {ErrorKind::denied, fmt::format("TLS handshake: key not proved ({})", reason.text)};
  }
  return {ErrorKind::unavailable, fmt::format("TLS handshake: {}", reason.text)};
}

}  // namespace

// A BIO over the engine's own buffers: it takes every write, so OpenSSL never has to wait with a
// half-written record, and a large encrypt() leaves as one piece.
struct Callbacks {
  static PskEngine& engine(BIO* bio) { return *static_cast<PskEngine*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, std::size_t limit, std::size_t* count) {
    BytesView& input = engine(bio).input_;
    BIO_clear_retry_flags(bio);
    *count = std::min(limit, input.size());
    if (*count == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(into, input.data(), *count);
    input = input.subspan(*count);
    return 1;
  }

  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
    Bytes& output = engine(bio).output_;
    const BytesView bytes = std::as_bytes(std::span(from, size));
    output.insert(output.end(), bytes.begin(), bytes.end());
    *count = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const the_method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kt");
      check(made != nullptr);
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return the_method;
  }

  static int use_session(SSL* ssl, const EVP_MD*, const unsigned char** identity,
                         std::size_t* length, SSL_SESSION** session) {
    auto& self = *static_cast<PskEngine*>(SSL_get_app_data(ssl));
    *identity = reinterpret_cast<const unsigned char*>(self.identity_.data());
    *length = self.identity_.size();
    *session = session_of(ssl, self.key_);
    return *session != nullptr ? 1 : 0;
  }

  // No session for an unknown identity: then the handshake fails for want of a certificate.
  static int find_session(SSL* ssl, const unsigned char* identity, std::size_t length,
                          SSL_SESSION** session) noexcept {
    auto& self = *static_cast<PskEngine*>(SSL_get_app_data(ssl));
    *session = nullptr;
    std::optional<Key> key = self.lookup_(std::as_bytes(std::span(identity, length)));
    if (key) {
      *session = session_of(ssl, *key);
      OPENSSL_cleanse(key->data(), key->size());
    }
    return 1;
  }
};

PskEngine::PskEngine(const Identity& identity, const Key& key) : identity_(identity), key_(key) {
  set_up();
  SSL_set_psk_use_session_callback(ssl_.get(), Callbacks::use_session);
  // No certificate can pass: the store is empty. With SSL_VERIFY_NONE a client would take any.
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_set_connect_state(ssl_.get());
}

PskEngine::PskEngine(KeyLookup lookup) : lookup_(std::move(lookup)) {
  set_up();
  SSL_set_psk_find_session_callback(ssl_.get(), Callbacks::find_session);
  SSL_set_accept_state(ssl_.get());
}

void PskEngine::set_up() {
  const Context context = make_context();
  ssl_.reset(SSL_new(context.get()));
  check(ssl_ != nullptr);
  SSL_set_app_data(ssl_.get(), this);
  BIO* const bio = BIO_new(Callbacks::method());
  check(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

PskEngine::~PskEngine() {
  wipe_key();
}

void PskEngine::Free::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

void PskEngine::wipe_key() noexcept {
  OPENSSL_cleanse(key_.data(), key_.size());
}

bool PskEngine::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) {
      return false;
    }
    throw handshake_error();
  }
  wipe_key();
  // The point of it all: a handshake that went any other way proved nothing.
  if (SSL_session_reused(ssl_.get()) != 1 || SSL_get0_peer_certificate(ssl_.get()) != nullptr) {
    throw Error(ErrorKind::denied, "TLS handshake: key not proved (not used)");
  }
  return true;
}

std::size_t PskEngine::decrypt(MutableBytes into) {
  std::size_t total = 0;
  while (total < into.size()) {
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &count);
    if (result != 1) {
      const int error = SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) {
        break;
      }
      throw Error(ErrorKind::unavailable, fmt::format("read from TLS: {}", take_reason().text));
    }
    total += count;
  }
  return total;
}

bool PskEngine::closed_by_peer() const {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool PskEngine::inside_record() const {
  // "RH": reading a header; OpenSSL has no other word for the place between two records.
  return std::string_view(SSL_rstate_string(ssl_.get())) != "RH" ||
         SSL_has_pending(ssl_.get()) != 0;
}

void PskEngine::encrypt(BytesView plain) {
  if (plain.empty()) {
    return;
  }
  const std::size_t records = (plain.size() + record_payload - 1) / record_payload;
  output_.reserve(output_.size() + plain.size() + records * record_overhead);
  std::size_t count = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count) != 1) {
    throw Error(ErrorKind::unavailable, fmt::format("write to TLS: {}", take_reason().text));
  }
}

Bytes PskEngine::take_output() {
  return std::exchange(output_, Bytes());
}

}  // namespace kt::tls
