// SPDX-License-Identifier: Apache-2.0
#include "agent/originals.h"

#include "base/error.h"
#include "base/log.h"
#include "dns/lookup.h"
#include "dns/retry.h"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <random>

namespace kt::agent {
namespace {

namespace asio = io::asio;
using io::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

// An original that has become ready is found this much later; one that has gone is refused, or
// silent for `dial_limit`, which lets a lost SYN be sent again (after 1 s).
constexpr milliseconds kept_for{500};
constexpr seconds dial_limit{2};
// Callers wait meanwhile, and ask again.
constexpr dns::RetryRule retry{milliseconds(500), seconds(2)};

Task<std::vector<asio::ip::address>> ask(dns::Upstream& nameserver, dns::Question question) {
  const auto id = static_cast<std::uint16_t>(std::random_device{}());
  const Bytes query = dns::make_query(id, question);
  std::optional<Bytes> reply =
      co_await dns::ask_with_retries(nameserver, query, dns::Transport::udp, retry);
  const std::optional<dns::Header> header = reply ? dns::Header::read(*reply) : std::nullopt;
  if (header && header->is_truncated()) {
    reply = co_await dns::ask_with_retries(nameserver, query, dns::Transport::tcp, retry);
  }
  co_return reply ? dns::parse_addresses(*reply) : std::vector<asio::ip::address>();
}

Task<> connect(io::Socket& socket, asio::ip::tcp::endpoint to) {
  io::error_code ec;
  co_await socket.async_connect(to, asio::redirect_error(io::use_task, ec));
  if (ec) {
    throw Error(ErrorKind::unavailable, ec.message());
  }
}

}  // namespace

Originals::Originals(const io::Executor& executor, Options options)
    : options_(std::move(options)), resolved_(executor) {}

// One look-up for all who wait. Its asker may be cancelled: then the next one asks.
Task<Originals::Addresses> Originals::addresses() {
  while (!resolved_at_ || io::Clock::now() - *resolved_at_ >= kept_for) {
    if (resolving_) {
      co_await resolved_.wait();
    } else {
      co_await resolve();
    }
  }
  co_return addresses_;
}

Task<> Originals::resolve() {
  struct Resolving {
    explicit Resolving(Originals& owner) : originals(owner) { originals.resolving_ = true; }
    Resolving(const Resolving&) = delete;
    Resolving& operator=(const Resolving&) = delete;
    ~Resolving() {
      originals.resolving_ = false;
      originals.resolved_.notify();
    }
    Originals& originals;
  };
  const Resolving resolving(*this);
  Addresses found;
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    std::ranges::copy(co_await ask(*options_.nameserver, {options_.name, type, dns::Class::in}),
                      std::back_inserter(found));
  }
  std::erase_if(found, [this](const asio::ip::address& each) {
    return std::ranges::find(options_.own, each) != options_.own.end();
  });
  // The Service goes away with the shadow, before its pod has drained.
  if (!found.empty()) {
    addresses_ = std::move(found);
  }
  resolved_at_ = io::Clock::now();
}

Task<std::optional<io::Socket>> Originals::dial(std::uint16_t port) {
  const Addresses all = co_await addresses();
  const std::size_t first = turn_++;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const asio::ip::tcp::endpoint to(all[(first + i) % all.size()], port);
    io::Socket socket(co_await asio::this_coro::executor);
    try {
      co_await io::with_timeout(dial_limit, "dial", connect(socket, to));
      co_return socket;
    } catch (const Error& e) {
      log::debug("front", "original {}: {}", to.address().to_string(), e.message());
    }
  }
  co_return std::nullopt;
}

}  // namespace kt::agent
