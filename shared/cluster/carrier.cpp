// SPDX-License-Identifier: Apache-2.0
#include "cluster/carrier.h"

#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "io/backoff.h"
#include "io/socket_stream.h"
#include "kube/upgrade.h"
#include "mux/handshake.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace kt::cluster {
namespace {

using io::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The user waits: longer than a slow login, shorter than the 30 s after which a blocked upgrade
// fails.
constexpr seconds race_limit{15};
// pods/proxy answers within a few round trips or not at all.
constexpr milliseconds least_head_start{300};
constexpr int head_start_round_trips = 4;
// A container runs a moment before its agent listens, a longer one on a busy node.
constexpr milliseconds first_retry{100};
constexpr seconds last_retry{3};  // port-forward costs a kubectl each time

// A `kubectl port-forward` and whether its link still wants it.
struct Forward {
  Forward(const io::Executor& executor, const kube::Kubectl& kubectl, const kube::PodPort& door)
      : child(executor, kubectl, door), closed(executor) {}

  kube::PortForward child;
  io::Event closed;
  bool is_closed = false;
};

// Shared by the link and by the task that reads kubectl's errors and ends it behind the link.
using SharedForward = std::shared_ptr<Forward>;

class ForwardedStream final : public io::ByteStream {
 public:
  ForwardedStream(io::Socket socket, SharedForward forward)
      : socket_(std::move(socket)), forward_(std::move(forward)) {}
  ~ForwardedStream() override { close(); }

  Task<std::size_t> read_some(MutableBytes into) override { return socket_.read_some(into); }
  Task<> write_all(BytesView from) override { return socket_.write_all(from); }
  void close() noexcept override {
    socket_.close();
    forward_->is_closed = true;
    forward_->closed.notify();
  }

 private:
  io::SocketStream socket_;
  SharedForward forward_;
};

Task<> watch_child(SharedForward forward) {
  try {
    co_await forward->child.wait();
  } catch (const Error& e) {
    log::debug("carrier", "port-forward: {}", e.message());
  }
}

Task<> end_behind_link(SharedForward forward) {
  io::TaskGroup group(co_await io::asio::this_coro::executor);
  group.spawn(watch_child(forward));
  bool cancelled = false;
  while (!forward->is_closed && !cancelled) {
    try {
      co_await forward->closed.wait();
    } catch (const boost::system::system_error&) {
      cancelled = true;
    }
  }
  co_await io::ignore_cancellation();
  co_await group.stop();
  co_await forward->child.stop();
}

}  // namespace

std::string_view to_string(Carrier carrier) {
  return carrier == Carrier::proxy ? "pods/proxy" : "port-forward";
}

struct Carriers::Race {
  explicit Race(const io::Executor& executor) : changed(executor) {}

  io::Event changed;
  std::optional<CarriedLink> winner;
  int running = 0;
  bool proxy_failed = false;  // at least once
};

Carriers::Carriers(const io::Executor& executor, Options options)
    : executor_(executor), options_(std::move(options)), children_(executor) {}

const std::string& Carriers::why_not(Carrier carrier) const {
  return why_not_[static_cast<std::size_t>(carrier)];
}

bool Carriers::may_use(Carrier carrier) const {
  return !options_.only || *options_.only == carrier;
}

io::Duration Carriers::head_start() const {
  if (options_.proxy_configured || !may_use(Carrier::proxy)) {
    return io::Duration(0);
  }
  return std::max<io::Duration>(least_head_start, head_start_round_trips * options_.api_round_trip);
}

Task<std::unique_ptr<io::ByteStream>> Carriers::dial_port_forward() {
  const auto forward = std::make_shared<Forward>(executor_, options_.kubectl, options_.door);
  co_await forward->child.start();
  io::Socket socket = co_await io::connect_tcp("127.0.0.1", forward->child.local_port());
  children_.spawn(end_behind_link(forward));
  co_return std::make_unique<ForwardedStream>(std::move(socket), forward);
}

Task<std::unique_ptr<io::ByteStream>> Carriers::dial(Carrier carrier) {
  if (carrier == Carrier::port_forward) {
    co_return co_await dial_port_forward();
  }
  kube::UpgradeTarget target{options_.door.namespace_, options_.door.pod, options_.door.port,
                             std::string(names::door_path), std::string(names::door_protocol)};
  co_return co_await kube::upgrade(options_.api_socket, std::move(target), race_limit);
}

Task<CarriedLink> Carriers::attempt(Carrier carrier, const Secure& secure) {
  CarriedLink link;
  link.carrier = carrier;
  std::unique_ptr<io::ByteStream> below = co_await dial(carrier);
  link.stream = co_await secure(std::move(below));
  link.round_trip = co_await mux::echo(*link.stream, race_limit);
  co_return link;
}

// True when another try is of no use: one has won, or what is missing is a right or the pod.
Task<bool> Carriers::try_once(Carrier carrier, const Secure& secure, Race& race) {
  std::string& why = why_not_[static_cast<std::size_t>(carrier)];
  try {
    CarriedLink link = co_await attempt(carrier, secure);
    why.clear();
    if (!race.winner) {
      race.winner = std::move(link);
    }
  } catch (const Error& e) {
    why = e.message();
    race.proxy_failed = race.proxy_failed || carrier == Carrier::proxy;
    co_return e.kind() != ErrorKind::unavailable;
  }
  co_return true;
}

Task<> Carriers::run_attempt(Carrier carrier, const Secure& secure, Race& race) {
  io::Backoff backoff(first_retry, last_retry);
  while (!co_await try_once(carrier, secure, race)) {
    race.changed.notify();
    co_await io::sleep_for(backoff.next(0.5));
  }
  --race.running;
  race.changed.notify();
}

// The second starts when its head start is over or when the first has failed, and not at all when
// the first has won by then.
Task<> Carriers::run_second(const Secure& secure, Race& race) {
  const io::TimePoint start = io::Clock::now() + head_start();
  while (!race.proxy_failed && !race.winner && io::Clock::now() < start) {
    co_await race.changed.wait_for(start - io::Clock::now());
  }
  if (!race.winner) {
    co_await run_attempt(Carrier::port_forward, secure, race);
  }
}

Task<CarriedLink> Carriers::race(const Secure& secure) {
  Race race(executor_);
  io::TaskGroup group(executor_);
  const io::TimePoint deadline = io::Clock::now() + race_limit;
  race.running = (may_use(Carrier::proxy) ? 1 : 0) + (may_use(Carrier::port_forward) ? 1 : 0);
  if (may_use(Carrier::proxy)) {
    group.spawn(run_attempt(Carrier::proxy, secure, race));
  }
  if (may_use(Carrier::port_forward)) {
    group.spawn(run_second(secure, race));
  }
  bool cancelled = false;
  while (!race.winner && race.running > 0 && !cancelled && io::Clock::now() < deadline) {
    try {
      co_await race.changed.wait_for(deadline - io::Clock::now());
    } catch (const boost::system::system_error&) {
      cancelled = true;
    }
  }
  if (cancelled) {
    co_await io::ignore_cancellation();
  }
  co_await group.stop();
  if (cancelled) {
    throw boost::system::system_error(io::asio::error::operation_aborted);
  }
  if (!race.winner) {
    throw_both();
  }
  co_return std::move(*race.winner);
}

void Carriers::throw_both() const {
  std::string reasons;
  for (const Carrier carrier : {Carrier::proxy, Carrier::port_forward}) {
    if (may_use(carrier)) {
      const std::string& why = why_not(carrier);
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", to_string(carrier),
                             why.empty() ? "no answer for 15 s" : why);
    }
  }
  throw Error(
      ErrorKind::unavailable,
      fmt::format("cannot reach the shadow pod '{}': {}", options_.door.pod, reasons),
      fmt::format("kubectl logs --namespace {} {}", options_.door.namespace_, options_.door.pod));
}

Task<> Carriers::stop() {
  co_await children_.stop();
}

}  // namespace kt::cluster
