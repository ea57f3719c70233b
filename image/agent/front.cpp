// SPDX-License-Identifier: Apache-2.0
#include "agent/front.h"

#include "agent/listen.h"
#include "base/log.h"

#include <cerrno>
#include <exception>
#include <utility>

namespace kt::agent {
namespace {

using io::Task;
using Acceptor = io::asio::ip::tcp::acceptor;

constexpr std::chrono::seconds probe_pause{1};
constexpr std::chrono::milliseconds drain_pause{100};

FrontState::Options state_options(const Front::Options& options) {
  FrontState::Options state;
  state.has_originals = options.originals != nullptr;
  for (const Acceptor& listener : options.listeners) {
    state.ports.push_back(listener.local_endpoint().port());
  }
  return state;
}

}  // namespace

Front::Front(const io::Executor& executor, Options options)
    : executor_(executor),
      options_(std::move(options)),
      state_(state_options(options_), io::Clock::now()),
      way_changed_(executor),
      news_(executor),
      tasks_(executor),
      connections_(executor) {}

Front::~Front() = default;

Task<> Front::run() {
  for (Acceptor& listener : options_.listeners) {
    const std::uint16_t port = listener.local_endpoint().port();
    log::debug("front", "port {} is served", port);
    tasks_.spawn(accept(listener));
    tasks_.spawn(probe(port));
  }
  std::exception_ptr failure;
  try {
    co_await tasks_.join();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await io::ignore_cancellation();
  co_await connections_.stop();
  tunnel_.reset();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

Task<> Front::accept(Acceptor& listener) {
  while (true) {
    io::asio::ip::tcp::socket caller = co_await accept_caller(listener);
    connections_.spawn(serve(std::move(caller)));
  }
}

Task<> Front::drain() {
  log::debug("front", "drains");
  const io::TimePoint start = io::Clock::now();
  const auto in_time = [start](io::Duration limit) { return io::Clock::now() - start < limit; };
  while (in_time(options_.drain.least) ||
         (in_time(options_.drain.most) && connections_.size() > 0)) {
    co_await io::sleep_for(drain_pause);
  }
}

void Front::laptop_came(std::shared_ptr<mux::Tunnel> tunnel) {
  tunnel_ = std::move(tunnel);
  state_.laptop_came();
  links_changed();
}

void Front::links_changed() {
  if (tunnel_ != nullptr && tunnel_->ended()) {
    tunnel_.reset();
  }
  const bool linked = tunnel_ != nullptr && !tunnel_->status().links.empty();
  if (linked == state_.linked()) {
    return;
  }
  state_.set_linked(linked, io::Clock::now());
  log::debug("front", "the laptop is {}", linked ? "there" : "gone");
  wake();
}

// Whoever waits looks where its way goes now.
void Front::wake() {
  way_changed_.notify();
  news_.notify();
  for (mux::Stream* stream : opening_) {
    stream->wake();
  }
}

Task<> Front::probe(std::uint16_t port) {
  while (true) {
    if (state_.needs_probe(port)) {
      co_await probe_once(port);
    }
    (void)co_await way_changed_.wait_for(probe_pause);
  }
}

// The stream's end resets what it has opened, as the kubelet's own TCP probe does.
Task<> Front::probe_once(std::uint16_t port) {
  const std::shared_ptr<mux::Tunnel> tunnel = tunnel_;
  const mux::OpenResult result =
      co_await tunnel->open({mux::Protocol::tcp, {mux::Address(), port}, std::nullopt});
  if (tunnel != tunnel_) {
    co_return;  // of a laptop that has been replaced
  }
  if (result.stream != nullptr) {
    state_.on_proven(port);
  } else if (result.error == ECONNREFUSED) {
    state_.on_probe_refused(port);
  }
  news_.notify();
}

}  // namespace kt::agent
