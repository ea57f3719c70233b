// SPDX-License-Identifier: Apache-2.0
#include "dns/retry.h"

#include "base/log.h"
#include "dns/message.h"
#include "dns/reply.h"
#include "io/task_group.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace kt::dns {
namespace {

struct Job {
  Upstream& upstream;
  Bytes query;
  Transport transport;
};

// What the attempts under way share; in the frame of ask_with_retries, which outlives them.
struct Race {
  explicit Race(const io::Executor& executor) : changed(executor) {}

  io::Event changed;
  std::optional<Bytes> reply;
  std::optional<Bytes> failure;  // a reply too, but another nameserver may know better
  std::size_t running = 0;
};

// RFC 1035 §7.1's way out, and glibc's: these say something about the server, not about the name.
bool is_servers_failure(BytesView reply) {
  switch (Header::read(reply).value().rcode()) {
    case Rcode::server_failure:
    case Rcode::not_implemented:
    case Rcode::refused:
      return true;
    case Rcode::no_error:
    case Rcode::format_error:
    case Rcode::name_error:
      return false;
  }
  return false;
}

io::Task<> attempt(const Job& job, std::size_t nameserver, Race& race) {
  std::optional<Bytes> reply;
  try {
    reply = co_await job.upstream.ask(job.query, job.transport, nameserver);
  } catch (const std::exception& e) {  // a broken tunnel is a nameserver that cannot be reached
    log::debug("dns", "nameserver {}: {}", nameserver, e.what());
  }
  --race.running;
  if (reply && is_reply_to(*reply, job.query)) {
    (is_servers_failure(*reply) ? race.failure : race.reply) = std::move(reply);
  }
  race.changed.notify();
}

// Returns when a reply is there, no attempt is under way, or at `limit`.
io::Task<> settle(Race& race, io::TimePoint limit) {
  while (!race.reply && race.running > 0 && io::Clock::now() < limit) {
    co_await race.changed.wait_for(limit - io::Clock::now());
  }
}

io::Task<> run(const Job& job, RetryRule rule, Race& race, io::TaskGroup& attempts) {
  const io::TimePoint deadline = io::Clock::now() + rule.give_up_after;
  for (std::size_t i = 0; !race.reply && io::Clock::now() < deadline; ++i) {
    const std::size_t count = job.upstream.nameserver_count();
    const bool all_were_asked = i >= count;
    if (count == 0 || (all_were_asked && (race.failure || i >= 2))) {
      break;
    }
    ++race.running;
    attempts.spawn(attempt(job, i % count, race));
    co_await settle(race, std::min(io::Clock::now() + rule.retry_after, deadline));
  }
  co_await settle(race, deadline);
}

}  // namespace

io::Task<std::optional<Bytes>> ask_with_retries(Upstream& upstream, Bytes query,
                                                Transport transport, RetryRule rule) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  const Job job{upstream, std::move(query), transport};
  Race race(executor);
  io::TaskGroup attempts(executor);
  co_await attempts.stop_after(run(job, rule, race, attempts));
  co_return race.reply ? std::move(race.reply) : std::move(race.failure);
}

}  // namespace kt::dns
