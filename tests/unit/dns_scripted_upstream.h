// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dns/upstream.h"
#include "io/async.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace kt::test {

// Nameservers that answer by a script.
class ScriptedUpstream final : public dns::Upstream {
 public:
  struct Asked {
    Bytes query;
    dns::Transport transport;
    std::size_t nameserver;
  };
  // Called for each question; nullopt = not reachable.
  using Script = std::function<std::optional<Bytes>(const Asked&)>;

  ScriptedUpstream(const io::Executor& executor, Script script, std::size_t nameservers = 1)
      : script_(std::move(script)), nameservers_(nameservers), released_(executor) {}

  [[nodiscard]] std::size_t nameserver_count() const override { return nameservers_; }

  io::Task<std::optional<Bytes>> ask(Bytes query, dns::Transport transport,
                                     std::size_t nameserver) override {
    asked_.push_back({std::move(query), transport, nameserver});
    const Asked asked = asked_.back();
    while (held_ || silent_ == nameserver) {
      co_await released_.wait();
    }
    co_return script_(asked);
  }

  [[nodiscard]] const std::vector<Asked>& asked() const { return asked_; }
  // Answers wait until release().
  void hold() { held_ = true; }
  void release() {
    held_ = false;
    silent_.reset();
    released_.notify();
  }
  // This nameserver answers only after release().
  void silence(std::size_t nameserver) { silent_ = nameserver; }

 private:
  Script script_;
  std::size_t nameservers_;
  io::Event released_;
  std::vector<Asked> asked_;
  bool held_ = false;
  std::optional<std::size_t> silent_;
};

}  // namespace kt::test
