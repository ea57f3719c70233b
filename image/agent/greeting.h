// SPDX-License-Identifier: Apache-2.0
// What a caller at the door wants, told from its first bytes. Pure; foreign bytes, never throws.
#pragma once

#include "base/bytes.h"

#include <cstddef>

namespace kt::agent {

enum class Greeting {
  need_more,  // a prefix of something that we know
  readyz,     // GET /readyz: the kubelet's probe
  upgrade,    // GET /link with our Upgrade: the API server's pods/proxy
  ssh,        // "SSH-": link 0
  tls,        // 0x16: a TLS handshake record
  unknown,    // anything else: close
};

struct Greeted {
  Greeting kind;
  std::size_t head_length;  // bytes of the HTTP head with its empty line; 0 for the other kinds
};

// `bytes` is all that has come so far (at most `head_limit` of them matter).
[[nodiscard]] Greeted greet(BytesView bytes);

// An HTTP head longer than this is not ours (pods/proxy sends about 600 bytes).
inline constexpr std::size_t head_limit = 8192;

}  // namespace kt::agent
