// SPDX-License-Identifier: Apache-2.0
// A byte stream to a pod's port through the API server's pods/proxy: an HTTP Upgrade (RFC 9110
// §7.8) spoken over the ApiProxy's socket. Nothing may be sent behind the request before its 101:
// kubectl and the API server drop it.
#pragma once

#include "io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kt::kube {

struct UpgradeTarget {
  std::string namespace_;
  std::string pod;
  std::uint16_t port = 0;
  std::string path;      // in the pod, e.g. "/link"
  std::string protocol;  // the Upgrade token, e.g. "kt-mux/1"
};

// Returns the stream from the first byte behind the 101. Throws ApiError when the answer is
// another, Error unavailable when there is none within `limit` (a dropped packet shows only after
// 30 s).
io::Task<std::unique_ptr<io::ByteStream>> upgrade(std::string socket_path, UpgradeTarget target,
                                                  io::Duration limit);

// Pure parts.
[[nodiscard]] std::string upgrade_request(const UpgradeTarget& target);

struct ResponseHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::size_t size = 0;                                      // bytes, the empty line included
};
inline constexpr std::size_t max_response_head = 16UL * 1024;

// The head's size once its end is there.
[[nodiscard]] std::optional<std::size_t> response_head_size(std::string_view bytes);
// `bytes` begins with a whole head. nullopt when it is not HTTP/1.x as RFC 9112 has it.
[[nodiscard]] std::optional<ResponseHead> parse_response_head(std::string_view bytes);

}  // namespace kt::kube
