// SPDX-License-Identifier: Apache-2.0
// The pods that answered before the exchange, found by the name of a headless Service that selects
// them and the shadow alike. So it needs no right at the API server.
#pragma once

#include "dns/name.h"
#include "dns/upstream.h"
#include "io/socket_stream.h"

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace kt::agent {

class Originals {
 public:
  struct Options {
    dns::Name name;                             // of the Service, absolute
    std::vector<io::asio::ip::address> own;     // the pod's own addresses: the Service has them too
    std::unique_ptr<dns::Upstream> nameserver;  // the pod's
  };
  Originals(const io::Executor& executor, Options options);

  // A connection to one that accepts; nothing when there is none now. Each call starts with another
  // one.
  io::Task<std::optional<io::Socket>> dial(std::uint16_t port);

 private:
  using Addresses = std::vector<io::asio::ip::address>;

  io::Task<Addresses> addresses();
  io::Task<> resolve();

  Options options_;
  io::Event resolved_;
  bool resolving_ = false;
  std::optional<io::TimePoint> resolved_at_;
  Addresses addresses_;
  std::size_t turn_ = 0;
};

}  // namespace kt::agent
