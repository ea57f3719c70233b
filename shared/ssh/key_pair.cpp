// SPDX-License-Identifier: Apache-2.0
#include "ssh/key_pair.h"

#include "base/error.h"

#include <fmt/format.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

namespace kt::ssh {
namespace {

constexpr std::string_view key_type = "ssh-ed25519";

using Seed = std::array<std::byte, 32>;

unsigned char* octets(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* octets(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

// OpenSSL's own calls fail only for want of memory or randomness.
void check(bool ok) {
  if (!ok) {
    throw Error(ErrorKind::bug, "ed25519 key: OpenSSL refused");
  }
}

// Wipes what it guards when the scope ends.
class Wipe {
 public:
  explicit Wipe(MutableBytes bytes) : bytes_(bytes) {}
  Wipe(const Wipe&) = delete;
  Wipe& operator=(const Wipe&) = delete;
  ~Wipe() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

 private:
  MutableBytes bytes_;
};

// SSH's string: its length and its bytes, RFC 4251 §5.
void put_string(ByteWriter& writer, BytesView bytes) {
  writer.u32(static_cast<std::uint32_t>(bytes.size()));
  writer.bytes(bytes);
}
void put_string(ByteWriter& writer, std::string_view text) {
  put_string(writer, as_bytes(text));
}

std::string armored(BytesView bytes) {
  constexpr std::size_t width = 70;
  std::string base64 = to_base64(bytes);
  std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  text.reserve(base64.size() * 2);
  for (std::size_t at = 0; at < base64.size(); at += width) {
    text.append(base64, at, width).push_back('\n');
  }
  OPENSSL_cleanse(base64.data(), base64.size());
  text += "-----END OPENSSH PRIVATE KEY-----\n";
  return text;
}

std::uint32_t random_u32() {
  std::array<unsigned char, 4> bytes{};
  check(RAND_bytes(bytes.data(), bytes.size()) == 1);
  return load_u32(std::as_bytes(std::span(bytes)), 0);
}

// The part of OpenSSH's PROTOCOL.key that may be encrypted: two equal check words, then the key as
// seed and public half, padded with 1, 2, 3 … to eight bytes. The caller wipes it.
Bytes secret_part(BytesView seed_and_public, std::string_view comment) {
  Bytes secret;
  secret.reserve(512 + comment.size());  // never moved, so nothing is left behind unwiped
  ByteWriter writer(secret);
  const std::uint32_t check_word = random_u32();
  writer.u32(check_word);
  writer.u32(check_word);
  put_string(writer, key_type);
  put_string(writer, seed_and_public.subspan(sizeof(Seed)));
  put_string(writer, seed_and_public);
  put_string(writer, comment);
  for (std::uint8_t pad = 1; secret.size() % 8 != 0; ++pad) {
    writer.u8(pad);
  }
  return secret;
}

}  // namespace

Bytes public_key_blob(const PublicKey& key) {
  Bytes blob;
  ByteWriter writer(blob);
  put_string(writer, key_type);
  put_string(writer, key);
  return blob;
}

std::string authorized_key(const PublicKey& key, std::string_view comment) {
  return fmt::format("{} {} {}", key_type, to_base64(public_key_blob(key)), comment);
}

KeyPair KeyPair::generate() {
  return KeyPair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

KeyPair::KeyPair(evp_pkey_st* key) : key_(key) {
  check(key_ != nullptr);
  std::size_t length = public_key_.size();
  check(EVP_PKEY_get_raw_public_key(key_.get(), octets(public_key_.data()), &length) == 1);
}

void KeyPair::Free::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

std::string KeyPair::private_key_file(std::string_view comment) const {
  std::array<std::byte, 64> seed_and_public{};
  const Wipe wipe_seed(seed_and_public);
  std::size_t length = sizeof(Seed);
  check(EVP_PKEY_get_raw_private_key(key_.get(), octets(seed_and_public.data()), &length) == 1);
  std::ranges::copy(public_key_, seed_and_public.begin() + sizeof(Seed));

  Bytes secret = secret_part(seed_and_public, comment);
  const Wipe wipe_secret(secret);

  Bytes file;
  file.reserve(1024 + 2 * comment.size());
  ByteWriter writer(file);
  writer.text(std::string_view("openssh-key-v1\0", 15));
  put_string(writer, "none");  // cipher
  put_string(writer, "none");  // key derivation and its options
  put_string(writer, "");
  writer.u32(1);
  put_string(writer, public_key_blob(public_key_));
  put_string(writer, secret);
  const Wipe wipe_file(file);
  return armored(file);
}

Signature KeyPair::sign(BytesView message) const {
  Signature signature{};
  std::size_t length = signature.size();
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool ok = context != nullptr &&
                  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get()) == 1 &&
                  EVP_DigestSign(context, octets(signature.data()), &length, octets(message.data()),
                                 message.size()) == 1;
  EVP_MD_CTX_free(context);
  check(ok);
  return signature;
}

}  // namespace kt::ssh
