// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace kt::ssh {

using PublicKey = std::array<std::byte, 32>;  // ed25519, RFC 8032 §5.1.2
using Signature = std::array<std::byte, 64>;

// The wire form of a public key, RFC 8709 §4: string "ssh-ed25519", string key.
[[nodiscard]] Bytes public_key_blob(const PublicKey& key);

// One line of an authorized_keys file without its newline: "ssh-ed25519 AAAA… comment".
[[nodiscard]] std::string authorized_key(const PublicKey& key, std::string_view comment);

// An ed25519 key pair made for one run, as user key or as host key. The private half never leaves
// memory by itself and is wiped when the pair dies; a pair is moved, never copied.
class KeyPair {
 public:
  // From OpenSSL's random generator; throws Error bug when that fails.
  [[nodiscard]] static KeyPair generate();

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }

  // The text of an unencrypted openssh-key-v1 file, as sshd's HostKey wants it. Secret: never log
  // it, and write it only where nobody else can read.
  [[nodiscard]] std::string private_key_file(std::string_view comment) const;

  [[nodiscard]] Signature sign(BytesView message) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;  // wipes, too
  };
  explicit KeyPair(evp_pkey_st* key);

  std::unique_ptr<evp_pkey_st, Free> key_;
  PublicKey public_key_{};
};

}  // namespace kt::ssh
