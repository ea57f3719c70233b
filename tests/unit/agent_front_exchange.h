// SPDX-License-Identifier: Apache-2.0
// A front with the laptop behind it and a caller before it, in one process.
#pragma once

#include "agent/front.h"
#include "base/error.h"
#include "support/run_task.h"
#include "support/tunnel_pair.h"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kt::test {

using Acceptor = io::asio::ip::tcp::acceptor;

template <class Scenario>
void within_twenty_seconds(Scenario scenario) {
  test::run_task([scenario](const io::Executor& executor) {
    return io::with_timeout(std::chrono::seconds(20), "scenario", scenario(executor));
  });
}

inline io::Task<> until(std::function<bool()> condition) {
  while (!condition()) {
    co_await io::sleep_for(std::chrono::milliseconds(1));
  }
}

inline Acceptor listener_on(const io::Executor& executor, const char* address,
                            std::uint16_t port = 0) {
  return {executor, {io::asio::ip::make_address(address), port}};
}

inline agent::Front::Options front_options(const io::Executor& executor) {
  agent::Front::Options options{
      {}, {std::chrono::seconds(10), std::chrono::seconds(10)}, nullptr, {}};
  options.listeners.push_back(listener_on(executor, "127.0.0.1"));
  return options;
}

// A front and the laptop behind it, whose program sends everything back, or refuses.
struct Exchange {
  Exchange(const io::Executor& executor, agent::Front::Options options)
      : port(options.listeners.at(0).local_endpoint().port()),
        front(executor, std::move(options)),
        pair(executor),
        tasks(executor) {
    tasks.spawn(front.run());
    tasks.spawn(answer());
    tasks.spawn(accept_control());
    tasks.spawn(watch_links());
  }

  void attach() {
    // The pair keeps it; it ends after the front.
    front.laptop_came(std::shared_ptr<mux::Tunnel>(std::shared_ptr<void>(), &pair.agent));
    connect();
  }

  void connect() { link_ = pair.link(1); }

  // As a carrier that dies.
  void lose_link() {
    io::error_code ignored;
    link_->socket().shutdown(io::Socket::shutdown_both, ignored);
  }

  io::Task<> answer() {
    while (std::unique_ptr<mux::Stream> stream = co_await pair.laptop.accept()) {
      tasks.spawn(echo(std::move(stream)));
    }
  }

  io::Task<> echo(std::unique_ptr<mux::Stream> stream) {
    while (silent) {
      co_await io::sleep_for(std::chrono::milliseconds(1));
    }
    if (refusal != 0) {
      stream->failed(refusal);
      co_return;
    }
    targets.push_back(stream->target());
    stream->opened();
    Bytes buffer(100);
    try {
      while (const std::size_t count = co_await stream->read_some(buffer)) {
        co_await stream->write_all(BytesView(buffer).first(count));
      }
      stream->finish();
      co_await until([&stream] { return stream->over(); });
    } catch (const Error&) {
      // a probe
    }
  }

  // These two as Sessions does.
  io::Task<> accept_control() {
    while (std::unique_ptr<mux::Stream> stream = co_await pair.agent.accept()) {
      tasks.spawn(front.converse(std::move(stream)));
    }
  }

  io::Task<> watch_links() {
    while (true) {
      front.links_changed();
      co_await io::sleep_for(std::chrono::milliseconds(1));
    }
  }

  [[nodiscard]] const agent::FrontCounts& counts() const { return front.state().counts; }

  io::Task<> stop() {
    co_await tasks.stop();
    co_await pair.stop();
  }

  std::uint16_t port;
  agent::Front front;
  TunnelPair pair;
  io::TaskGroup tasks;
  bool silent = false;  // streams stay unanswered
  int refusal = 0;
  std::vector<mux::Target> targets;

 private:
  io::SocketStream* link_ = nullptr;  // the laptop's end
};

struct Reply {
  std::string text;
  std::string error;
};

// A connection of its own: sends "ping", waits for four bytes.
inline io::Task<> request(std::uint16_t port, Reply& reply) {
  try {
    io::SocketStream caller(co_await io::connect_tcp("127.0.0.1", port));
    co_await caller.write_all(as_bytes("ping"));
    Bytes answer(4);
    const std::size_t count = co_await caller.read_some(answer);
    reply.text = count == 0 ? "nothing" : to_string(BytesView(answer).first(count));
  } catch (const Error& e) {
    reply.error = e.message();
  }
}

inline io::Task<std::unique_ptr<mux::Stream>> open_control(Exchange& exchange) {
  mux::OpenResult opened =
      co_await exchange.pair.laptop.open({mux::Protocol::front, mux::Endpoint(), std::nullopt});
  co_return std::move(opened.stream);
}

}  // namespace kt::test
