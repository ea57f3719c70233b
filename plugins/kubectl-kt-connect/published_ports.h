// SPDX-License-Identifier: Apache-2.0
// What CMD listens on, on the laptop's 127.0.0.1: a browser outside CMD's network gets in.
#pragma once

#include "cli/terminal.h"
#include "host/namespaces.h"
#include "host/tcp_listeners.h"
#include "io/socket_stream.h"
#include "io/task_group.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kt::connect {

struct PublishedPort {
  std::uint16_t laptop = 0;
  std::uint16_t inside = 0;

  friend auto operator<=>(const PublishedPort&, const PublishedPort&) = default;
};

// --publish
struct PublishRule {
  bool automatic = false;  // every port, as it comes and goes
  std::vector<PublishedPort> ports;

  friend bool operator==(const PublishRule&, const PublishRule&) = default;
};

// "auto", "none", or "LAPTOP[:INSIDE],…"; nothing when it is none of these.
[[nodiscard]] std::optional<PublishRule> parse_publish_rule(std::string_view text);

// Those that should be open now.
[[nodiscard]] std::set<PublishedPort> wanted_ports(const PublishRule& rule,
                                                   const std::vector<host::TcpListener>& inside);

class PublishedPorts {
 public:
  PublishedPorts(const io::Executor& executor, PublishRule rule, host::NamespacedCommand& command,
                 std::function<void(const cli::Line&)> say);
  ~PublishedPorts();

  // Until cancelled; all connections end with it.
  io::Task<> run();

 private:
  struct Open;

  io::Task<> follow();
  void close_all_but(const std::set<PublishedPort>& wanted);
  void open(const PublishedPort& port, bool v6);
  void say_taken(const PublishedPort& port, int error);
  io::Task<> accept(std::shared_ptr<Open> open);
  io::Task<> carry(io::Socket outside, std::uint16_t port, bool v6);

  io::Executor executor_;
  PublishRule rule_;
  host::NamespacedCommand& command_;
  std::function<void(const cli::Line&)> say_;
  std::map<PublishedPort, std::shared_ptr<Open>> open_;
  std::set<PublishedPort> refused_;  // said once
  io::TaskGroup tasks_;
};

}  // namespace kt::connect
