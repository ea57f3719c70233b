// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/unique_fd.h"

#include <optional>
#include <vector>

namespace kt::host {

inline constexpr std::size_t max_passed_descriptors = 8;
inline constexpr std::size_t max_passed_bytes = 4096;

struct PassedMessage {
  Bytes bytes;  // empty at the end of the stream
  std::vector<UniqueFd> descriptors;
};

// One message over a Unix SOCK_SEQPACKET socket, with descriptors beside it (SCM_RIGHTS, unix(7)).
// Both block and throw Error unavailable; receive_message gives nothing when the socket is
// non-blocking and has no message. `bytes` must not be empty; of a message longer than `limit` the
// rest is lost.
void send_message(int socket, BytesView bytes, const std::vector<int>& descriptors);
[[nodiscard]] std::optional<PassedMessage> receive_message(int socket,
                                                           std::size_t limit = max_passed_bytes);

}  // namespace kt::host
