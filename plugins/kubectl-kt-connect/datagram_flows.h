// SPDX-License-Identifier: Apache-2.0
// UDP and pings of CMD: conversations that begin with a datagram and end when they fall idle.
#pragma once

#include "kubectl-kt-connect/tcp_flows.h"

#include <boost/asio/generic/datagram_protocol.hpp>

#include <map>
#include <memory>
#include <tuple>

namespace kt::connect {

class DatagramFlows {
 public:
  DatagramFlows(const io::Executor& executor, CaptureParts& parts);

  void send(const net::Datagram& datagram);
  void send(const net::EchoRequest& request);
  io::Task<> stop() { return tasks_.stop(); }

 private:
  struct Key {
    mux::Protocol protocol;
    net::Endpoint source;  // a ping's port is its id
    net::Endpoint destination;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Conversation;
  // The map, and the task that waits for the far end.
  using Shared = std::shared_ptr<Conversation>;

  void send(const Key& key, BytesView datagram);
  io::Task<> resolve(net::Endpoint source, Bytes query);
  io::Task<> receive(Key key, Shared talk);
  io::Task<> receive_stream(Key key, Shared talk);
  io::Task<> receive_socket(Key key, Shared talk);
  void deliver(const Key& key, BytesView datagram);
  void refuse(const Key& key, int error);
  [[nodiscard]] Shared start(const Key& key);

  io::Executor executor_;
  CaptureParts& parts_;
  std::map<Key, Shared> talks_;
  io::TaskGroup tasks_;
};

}  // namespace kt::connect
