// SPDX-License-Identifier: Apache-2.0
// Two tunnels in one process, joined by socket pairs.
#pragma once

#include "io/socket_stream.h"
#include "io/task_group.h"
#include "mux/tunnel.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kt::test {

inline mux::Tunnel::Options tunnel_options(mux::Role role) {
  mux::Tunnel::Options options;
  options.role = role;
  return options;
}

struct TunnelPair {
  explicit TunnelPair(const io::Executor& where)
      : executor(where),
        laptop(where, tunnel_options(mux::Role::laptop)),
        agent(where, tunnel_options(mux::Role::agent)),
        tasks(where) {
    tasks.spawn(run(laptop));
    tasks.spawn(run(agent));
  }

  static io::Task<> run(mux::Tunnel& tunnel) { (void)co_await tunnel.run(); }

  io::Task<> carry(mux::Tunnel& tunnel, std::unique_ptr<io::SocketStream> stream,
                   mux::LinkName name) {
    const std::string why = co_await tunnel.run_link(std::move(stream), name);
    link_ends.push_back(why);
  }

  // A new link; the laptop's end of it, for tests that break it.
  io::SocketStream* link(std::uint16_t number) {
    io::SocketPair pair = io::make_socket_pair(executor);
    auto first = std::make_unique<io::SocketStream>(std::move(pair.first));
    auto second = std::make_unique<io::SocketStream>(std::move(pair.second));
    io::SocketStream* laptop_end = first.get();
    const mux::LinkName name{number, ++generation};
    tasks.spawn(carry(laptop, std::move(first), name));
    tasks.spawn(carry(agent, std::move(second), name));
    return laptop_end;
  }

  // The owner's duty before it dies.
  io::Task<> stop() {
    laptop.end("the test is over");
    agent.end("the test is over");
    co_await tasks.stop();
  }

  io::Executor executor;
  mux::Tunnel laptop;
  mux::Tunnel agent;
  io::TaskGroup tasks;
  std::vector<std::string> link_ends;
  std::uint32_t generation = 0;
};

// Both ends of one open TCP stream.
struct StreamPair {
  std::unique_ptr<mux::Stream> laptop;
  std::unique_ptr<mux::Stream> agent;
};

inline mux::Target tcp_target() {
  return {mux::Protocol::tcp, {mux::Address{}, 80}, std::nullopt};
}

inline io::Task<> accept_one(mux::Tunnel& tunnel, std::unique_ptr<mux::Stream>& into) {
  into = co_await tunnel.accept();
  into->opened();
}

inline io::Task<StreamPair> open_stream(TunnelPair& pair) {
  StreamPair streams;
  pair.tasks.spawn(accept_one(pair.agent, streams.agent));
  mux::OpenResult result = co_await pair.laptop.open(tcp_target());
  streams.laptop = std::move(result.stream);
  co_return streams;
}

}  // namespace kt::test
