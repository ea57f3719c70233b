// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/published_ports.h"

#include "base/error.h"
#include "base/log.h"
#include "io/relay_sockets.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <exception>

namespace kt::connect {
namespace {

namespace asio = io::asio;
using io::Task;
using Tcp = asio::ip::tcp;

// A server that has just started is found this much later. Looking costs some system calls.
constexpr std::chrono::milliseconds look_every{300};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size() && port > 0;
  return whole ? std::optional(port) : std::nullopt;
}

std::optional<PublishedPort> parse_pair(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto laptop = parse_port(text.substr(0, colon));
  const auto inside = colon == text.size() ? laptop : parse_port(text.substr(colon + 1));
  return laptop && inside ? std::optional(PublishedPort{*laptop, *inside}) : std::nullopt;
}

bool by_v6_only(const std::vector<host::TcpListener>& listeners, std::uint16_t port) {
  const auto listens = [&](bool v6) {
    return std::ranges::any_of(listeners,
                               [&](const auto& l) { return l.port == port && l.v6 == v6; });
  };
  return listens(true) && !listens(false);
}

}  // namespace

// A listener on the laptop.
struct PublishedPorts::Open {
  Open(const io::Executor& executor, const PublishedPort& which, bool by_v6)
      : acceptor(executor, Tcp::endpoint(asio::ip::address_v4::loopback(), which.laptop)),
        port(which),
        v6(by_v6) {}

  Tcp::acceptor acceptor;
  PublishedPort port;
  bool v6;  // inside it listens on ::1 only
};

std::optional<PublishRule> parse_publish_rule(std::string_view text) {
  PublishRule rule;
  if (text == "auto" || text == "none") {
    rule.automatic = text == "auto";
    return rule;
  }
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto pair = parse_pair(text.substr(0, comma));
    if (!pair) {
      return std::nullopt;
    }
    rule.ports.push_back(*pair);
    if (comma == text.size()) {
      return rule;
    }
    text.remove_prefix(comma + 1);
  }
}

std::set<PublishedPort> wanted_ports(const PublishRule& rule,
                                     const std::vector<host::TcpListener>& inside) {
  std::set<PublishedPort> wanted(rule.ports.begin(), rule.ports.end());
  for (const host::TcpListener& listener : inside) {
    if (rule.automatic && listener.on_loopback) {
      wanted.insert({listener.port, listener.port});
    }
  }
  return wanted;
}

PublishedPorts::PublishedPorts(const io::Executor& executor, PublishRule rule,
                               host::NamespacedCommand& command,
                               std::function<void(const cli::Line&)> say)
    : executor_(executor),
      rule_(std::move(rule)),
      command_(command),
      say_(std::move(say)),
      tasks_(executor) {}

PublishedPorts::~PublishedPorts() = default;

Task<> PublishedPorts::run() {
  co_await tasks_.stop_after(follow());
}

Task<> PublishedPorts::follow() {
  while (rule_.automatic || !rule_.ports.empty()) {
    const std::vector<host::TcpListener> inside = command_.listeners();
    const std::set<PublishedPort> wanted = wanted_ports(rule_, inside);
    close_all_but(wanted);
    for (const PublishedPort& port : wanted) {
      if (!open_.contains(port) && !refused_.contains(port)) {
        open(port, by_v6_only(inside, port.inside));
      }
    }
    co_await io::sleep_for(look_every);
  }
}

void PublishedPorts::close_all_but(const std::set<PublishedPort>& wanted) {
  std::erase_if(open_, [&](auto& entry) {
    const bool over = !wanted.contains(entry.first);
    if (over) {
      entry.second->acceptor.close();
    }
    return over;
  });
}

void PublishedPorts::open(const PublishedPort& port, bool v6) {
  try {
    auto opened = std::make_shared<Open>(executor_, port, v6);
    open_[port] = opened;
    tasks_.spawn(accept(opened));
    say_({{},
          fmt::format("published: 127.0.0.1:{}{}", port.laptop,
                      port.laptop == port.inside ? "" : fmt::format(" → {}", port.inside))});
  } catch (const boost::system::system_error& e) {
    refused_.insert(port);
    say_taken(port, e.code().value());
  }
}

void PublishedPorts::say_taken(const PublishedPort& port, int error) {
  const std::string owner = error == EADDRINUSE ? host::owner_of_port(port.laptop) : "";
  say_({cli::Line::Mark::warns,
        fmt::format("port {} is not published: {}{}", port.laptop, errno_text(error),
                    owner.empty() ? "" : ", by " + owner)});
}

Task<> PublishedPorts::accept(std::shared_ptr<Open> open) {
  while (open->acceptor.is_open()) {
    io::error_code ec;
    Tcp::socket outside =
        co_await open->acceptor.async_accept(asio::redirect_error(io::use_task, ec));
    if (!ec) {
      tasks_.spawn(carry(io::Socket(std::move(outside)), open->port.inside, open->v6));
    } else if (ec == asio::error::operation_aborted) {
      co_return;
    }
  }
}

Task<> PublishedPorts::carry(io::Socket outside, std::uint16_t port, bool v6) {
  host::NamespacedCommand::Dialled dialled = co_await command_.dial_inside(v6, port);
  if (!dialled.socket) {
    log::debug("publish", "port {}: {}", port, errno_text(dialled.error));
    io::error_code ignored;
    outside.set_option(asio::socket_base::linger(true, 0), ignored);
    outside.close(ignored);  // by itself: Asio's destructor takes the option back
    co_return;
  }
  co_await io::relay_sockets(std::move(outside),
                             io::adopt_socket(executor_, std::move(dialled.socket)));
}

}  // namespace kt::connect
