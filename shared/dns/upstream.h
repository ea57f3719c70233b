// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "io/async.h"

#include <cstddef>
#include <optional>

namespace kt::dns {

enum class Transport { udp, tcp };

// A way to some nameservers: the laptop's by sockets (dns/client), the cluster's through the
// tunnel.
class Upstream {
 public:
  virtual ~Upstream() = default;

  // How many there are now; may change while a question is under way (another Wi-Fi).
  [[nodiscard]] virtual std::size_t nameserver_count() const = 0;

  // The raw reply of one nameserver (`nameserver` < nameserver_count()) to the raw `query`, over
  // the transport that the client used, so that TC and sizes pass unchanged. Gives only what
  // is_reply_to() accepts; nullopt when that nameserver cannot be reached. Does not give up by
  // itself when nothing comes: the caller cancels it.
  virtual io::Task<std::optional<Bytes>> ask(Bytes query, Transport transport,
                                             std::size_t nameserver) = 0;
};

}  // namespace kt::dns
