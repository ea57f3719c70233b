// SPDX-License-Identifier: Apache-2.0
// The pod's side of an exchange: it owns the app's ports and brings each connection to the laptop,
// or to an original, or holds it until one of them is there. What it decides is front_state's; this
// moves bytes and wake-ups.
#pragma once

#include "agent/front_state.h"
#include "agent/originals.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "mux/tunnel.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <set>
#include <vector>

namespace kt::agent {

class Front {
 public:
  // After SIGTERM: kube-proxy learns of a stopping pod up to 2 s late, so connections still come.
  struct Drain {
    io::Duration least = std::chrono::seconds(3);
    io::Duration most = std::chrono::seconds(10);  // while there are connections
  };
  struct Options {
    std::vector<io::asio::ip::tcp::acceptor> listeners;
    Patience::Limits limits;
    std::unique_ptr<Originals> originals;  // null: they are not known
    Drain drain;
  };
  Front(const io::Executor& executor, Options options);
  ~Front();

  // Serves until cancelled; then all connections are reset.
  io::Task<> run();
  // Returns when run() may be cancelled. It stays ready: its pod is in the Services no more, but as
  // one that ends and still serves, which kube-proxy falls back to while no other is ready.
  io::Task<> drain();

  // A session has begun; its owner and the connections over it share the tunnel.
  void laptop_came(std::shared_ptr<mux::Tunnel> tunnel);
  // Of that tunnel, or it has ended.
  void links_changed();
  // Serves a stream of the line protocol (docs/mux.md) to its end.
  io::Task<> converse(std::unique_ptr<mux::Stream> stream);

  [[nodiscard]] const FrontState& state() const { return state_; }

 private:
  struct Connection;

  io::Task<> accept(io::asio::ip::tcp::acceptor& listener);
  io::Task<> probe(std::uint16_t port);
  io::Task<> probe_once(std::uint16_t port);
  io::Task<> serve(io::asio::ip::tcp::socket caller);
  io::Task<> carry(Connection& connection);
  io::Task<int> try_way(Connection& connection, Way way);
  io::Task<int> by_laptop(Connection& connection);
  io::Task<> until_answered(mux::Stream& stream);
  io::Task<int> by_originals(Connection& connection);
  [[nodiscard]] bool hold(Connection& connection);
  io::Task<> listen(mux::Stream& stream);
  io::Task<> tell(mux::Stream& stream);
  void wake();

  io::Executor executor_;
  Options options_;
  FrontState state_;
  std::shared_ptr<mux::Tunnel> tunnel_;  // the current session's, null before and after
  std::set<mux::Stream*> opening_;       // not yet answered, in the frames of their connections
  io::Event way_changed_;
  io::Event news_;  // for who listens to the line protocol
  io::TaskGroup tasks_;
  io::TaskGroup connections_;
};

}  // namespace kt::agent
