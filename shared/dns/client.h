// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dns/resolv_conf.h"
#include "dns/upstream.h"

#include <boost/asio/ip/udp.hpp>

#include <vector>

namespace kt::dns {

// The laptop's own nameservers over ordinary sockets. Each question has a socket of its own: the
// kernel picks a random source port, and being connected it takes datagrams from nobody else.
class Client final : public Upstream {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;

  explicit Client(std::vector<Endpoint> nameservers) : nameservers_(std::move(nameservers)) {}
  // Port 53 of each nameserver; without any, 127.0.0.1 as resolv.conf(5) says.
  explicit Client(const ResolvConf& conf);

  // After the laptop's resolv.conf has changed.
  void set_nameservers(std::vector<Endpoint> nameservers) { nameservers_ = std::move(nameservers); }

  [[nodiscard]] std::size_t nameserver_count() const override { return nameservers_.size(); }
  io::Task<std::optional<Bytes>> ask(Bytes query, Transport transport,
                                     std::size_t nameserver) override;

 private:
  std::vector<Endpoint> nameservers_;
};

}  // namespace kt::dns
