// SPDX-License-Identifier: Apache-2.0
#include "kube/kubectl_child.h"

#include "base/error.h"
#include "base/log.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <fmt/format.h>

#include <exception>
#include <tuple>

namespace kt::kube {
namespace {

using io::asio::co_spawn;
using io::asio::deferred;
using io::asio::experimental::make_parallel_group;
using io::asio::experimental::wait_for_all;
using io::asio::experimental::wait_for_one;

constexpr std::size_t max_words = 5;  // lines
// A credential plugin may still hold kubectl's pipes after kubectl has ended.
constexpr auto settle_time = std::chrono::milliseconds(100);

using Ends = std::tuple<std::array<std::size_t, 2>, std::exception_ptr, std::exception_ptr>;

ErrorKind kind_of(std::string_view complaint) {
  const bool refused = complaint.find("orbidden") != std::string_view::npos ||
                       complaint.find("nauthorized") != std::string_view::npos;
  return refused ? ErrorKind::denied : ErrorKind::unavailable;
}

}  // namespace

void KubectlChild::launch(const std::vector<std::string>& arguments,
                          std::map<std::string, std::string> environment) {
  io::Command command = kubectl_.command(arguments);
  command.environment = std::move(environment);
  command.in_batches = in_batches_;
  log::debug("kube", "{}", kubectl_.printable(arguments));
  words_.clear();
  try {
    child_ = std::make_unique<io::Subprocess>(executor_, command);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found) {
      throw_kubectl_missing(kubectl_.program);
    }
    throw;
  }
}

io::Task<> KubectlChild::start(std::vector<std::string> arguments,
                               std::map<std::string, std::string> environment,
                               std::function<bool(std::string_view)> is_ready) {
  launch(arguments, std::move(environment));
  for (;;) {
    const std::optional<std::string> line = co_await child_->out().next();
    if (line && is_ready(*line)) {
      co_return;
    }
    if (!line) {
      break;
    }
  }
  co_await wait();
  const std::string complaint = kubectl_complaint(last_words());
  throw Error(kind_of(complaint), fmt::format("kubectl {}: {}", arguments.at(0), complaint),
              kubectl_.printable(arguments));
}

io::Task<> KubectlChild::listen_to(io::LineReader& reader, bool keep) {
  while (const std::optional<std::string> line = co_await reader.next()) {
    if (!keep || line->empty()) {
      continue;
    }
    log::debug("kubectl", "{}", *line);
    words_.push_back(*line);
    if (words_.size() > max_words) {
      words_.pop_front();
    }
  }
}

io::Task<> KubectlChild::listen() {
  auto both = make_parallel_group(co_spawn(executor_, listen_to(child_->out(), false), deferred),
                                  co_spawn(executor_, listen_to(child_->err(), true), deferred));
  co_await std::move(both).async_wait(wait_for_all(), io::use_task);
}

io::Task<> KubectlChild::end_and_settle() {
  co_await child_->wait();
  co_await io::sleep_for(settle_time);
}

io::Task<> KubectlChild::wait() {
  auto race = make_parallel_group(co_spawn(executor_, listen(), deferred),
                                  co_spawn(executor_, end_and_settle(), deferred));
  co_await std::move(race).async_wait(wait_for_one(), io::use_task);
  co_await child_->wait();
}

io::Task<> KubectlChild::stop() {
  if (child_ != nullptr) {
    co_await child_->stop();
  }
}

std::string KubectlChild::last_words() const {
  return words_.empty() ? std::string() : words_.back();
}

}  // namespace kt::kube
