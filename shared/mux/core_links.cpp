// SPDX-License-Identifier: Apache-2.0
#include "mux/core.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace kt::mux {
namespace {

constexpr std::chrono::seconds ping_every{5};
// A link is dead when nothing came for so long, or so long after something that wants an answer.
constexpr std::chrono::seconds silence_limit{15};
constexpr std::chrono::seconds answer_limit{5};
// After so long without any answer to what was sent a PING asks for one.
constexpr std::chrono::seconds ask_after{1};
// Later than planned by this much: this process itself was stopped, not the links.
constexpr std::chrono::seconds own_pause{2};

}  // namespace

std::optional<LinkHandle> Core::add_link(LinkName name, io::TimePoint now) {
  std::uint32_t used = 0;
  std::optional<LinkHandle> older;
  for (const auto& link : links_) {
    used |= link->bit;
    if (link->name.number == name.number) {
      if (link->name.generation > name.generation) {
        return std::nullopt;
      }
      older = link->handle;
    }
  }
  if (ended_ || used == ~std::uint32_t{0}) {
    return std::nullopt;
  }
  auto link = std::make_unique<Link>();
  link->handle = next_handle_++;
  link->name = name;
  link->bit = std::uint32_t{1} << std::countr_one(used);
  link->last_heard = now;
  link->next_ping = now;
  const LinkHandle handle = link->handle;
  links_.push_back(std::move(link));
  linkless_since_.reset();
  if (older) {
    drop_link(*older, "replaced by a newer generation", now);
  }
  assign_roles();
  return handle;
}

void Core::remove_link(LinkHandle handle, io::TimePoint now) {
  drop_link(handle, "", now);
}

void Core::drop_link(LinkHandle handle, std::string why, io::TimePoint now) {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [handle](const auto& link) { return link->handle == handle; });
  if (found == links_.end()) {
    return;
  }
  const std::uint32_t bit = (*found)->bit;
  dead_links_in_ += (*found)->bytes_in;
  dead_links_out_ += (*found)->bytes_out;
  links_.erase(found);
  if (!why.empty()) {
    link_ends_[handle] = std::move(why);
    events_.push_back({EventKind::link_ended, handle});
  }
  if (links_.empty()) {
    linkless_since_ = now;
  }
  for (const auto& [id, stream] : streams_) {
    repeat_state(*stream, bit);
  }
  assign_roles();
}

// What the dead link may have swallowed is due again: all words are idempotent.
void Core::repeat_state(StreamState& stream, std::uint32_t dead_bit) {
  switch (stream.phase) {
    case Phase::opening:
    case Phase::failing:
    case Phase::resetting:
      repeat_words(stream);
      return;
    case Phase::open:
      say(stream,
          !stream.ours && !stream.opened_known ? Words(word::opened | word::credit) : word::credit);
      stream.send.link_died(dead_bit);
      repeat_words(stream);
      return;
    case Phase::over:
      return;
  }
}

// What waits for an answer is said again.
void Core::repeat_words(StreamState& stream) {
  if (stream.phase == Phase::opening && stream.ours) {
    say(stream, word::open);
  } else if (stream.phase == Phase::failing) {
    say(stream, word::failed);
  } else if (stream.phase == Phase::resetting) {
    say(stream, word::reset);
  } else if (stream.phase == Phase::open) {
    stream.send.repeat_fin();
    queue_data(stream);
  }
}

void Core::repeat_unanswered(io::TimePoint now) {
  while (!unanswered_.empty() && unanswered_.front().due <= now) {
    if (StreamState* stream = get(unanswered_.front().id)) {
      repeat_words(*stream);
    }
    unanswered_.pop_front();
  }
}

// Short flows and words on link 1, bulk on 2 and above; whoever is missing is stood in for, link 0
// only when there is no other.
void Core::assign_roles() {
  Link* first = nullptr;
  Link* shortest = nullptr;
  bool bulk = false;
  for (const auto& link : links_) {
    link->carries_short = false;
    link->carries_bulk = link->name.number >= 2;
    bulk = bulk || link->carries_bulk;
    if (link->name.number == 0) {
      first = link.get();
    } else if (shortest == nullptr || link->name.number < shortest->name.number) {
      shortest = link.get();
    }
  }
  Link* stand_in = shortest != nullptr ? shortest : first;
  if (stand_in != nullptr) {
    stand_in->carries_short = true;
    stand_in->carries_bulk = stand_in->carries_bulk || !bulk;
  }
}

Core::Link* Core::link_of(LinkHandle handle) {
  return const_cast<Link*>(std::as_const(*this).link_of(handle));
}

const Core::Link* Core::link_of(LinkHandle handle) const {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [handle](const auto& link) { return link->handle == handle; });
  return found == links_.end() ? nullptr : found->get();
}

std::string Core::link_end(LinkHandle handle) {
  const auto found = link_ends_.extract(handle);
  return found.empty() ? std::string() : found.mapped();
}

std::vector<LinkCounters> Core::links() const {
  std::vector<LinkCounters> counters;
  counters.reserve(links_.size());
  for (const auto& link : links_) {
    counters.push_back({link->handle, link->name, link->round_trip, link->last_heard,
                        link->bytes_in, link->bytes_out});
  }
  std::sort(counters.begin(), counters.end(), [](const LinkCounters& a, const LinkCounters& b) {
    return a.name.number < b.name.number;
  });
  return counters;
}

std::uint64_t Core::bytes_in() const {
  std::uint64_t sum = dead_links_in_;
  for (const auto& link : links_) {
    sum += link->bytes_in;
  }
  return sum;
}

std::uint64_t Core::bytes_out() const {
  std::uint64_t sum = dead_links_out_;
  for (const auto& link : links_) {
    sum += link->bytes_out;
  }
  return sum;
}

void Core::send_ping(Link& link, io::TimePoint now) {
  link.next_ping = now + ping_every;
  if (link.ping_sent) {
    return;  // its answer is still awaited, and answers both
  }
  Ping ping;
  ping.time = static_cast<std::uint64_t>(now.time_since_epoch().count());
  ping.lowest_living = our_finished_.lowest_living();
  const Bytes frame = encode_ping(FrameType::ping, ping);
  link.control.insert(link.control.end(), frame.begin(), frame.end());
  link.ping_sent = now;
}

std::optional<std::string> Core::death_of(const Link& link, io::TimePoint now) const {
  if (now - link.last_heard >= silence_limit) {
    return "no answer for 15 s";
  }
  if (link.owes_since && link.ping_sent && now - *link.owes_since >= answer_limit) {
    return "no answer for 5 s to what was sent";
  }
  return std::nullopt;
}

io::TimePoint Core::deadline_of(const Link& link) const {
  io::TimePoint deadline = std::min(link.next_ping, link.last_heard + silence_limit);
  if (link.owes_since) {
    deadline = std::min(deadline, *link.owes_since + (link.ping_sent ? answer_limit : ask_after));
  }
  return deadline;
}

void Core::advance(io::TimePoint now) {
  if (ended_) {
    return;
  }
  forgive_own_pause(now);
  repeat_unanswered(now);
  if (now >= acknowledge_at_) {
    acknowledge_late();
  }
  std::vector<std::pair<LinkHandle, std::string>> dead;
  for (const auto& link : links_) {
    if (std::optional<std::string> why = death_of(*link, now)) {
      dead.emplace_back(link->handle, std::move(*why));
    } else if (now >= link->next_ping ||
               (link->owes_since && now - *link->owes_since >= ask_after)) {
      send_ping(*link, now);
    }
  }
  for (auto& [handle, why] : dead) {
    drop_link(handle, std::move(why), now);
  }
  if (linkless_since_ && now - *linkless_since_ >= options_.grace) {
    const auto grace = std::chrono::duration_cast<std::chrono::seconds>(options_.grace);
    end_quietly(fmt::format("no way to the other end for {} s", grace.count()));
  }
}

// What came meanwhile is still unread: the links get their time again.
void Core::forgive_own_pause(io::TimePoint now) {
  for (const auto& link : links_) {
    if (now - deadline_of(*link) >= own_pause) {
      link->last_heard = now;
      link->owes_since.reset();
    }
  }
}

io::TimePoint Core::next_deadline() const {
  if (ended_) {
    return io::TimePoint::max();
  }
  io::TimePoint next = acknowledge_at_;
  if (!unanswered_.empty()) {
    next = std::min(next, unanswered_.front().due);
  }
  for (const auto& link : links_) {
    next = std::min(next, deadline_of(*link));
  }
  return linkless_since_ ? std::min(next, *linkless_since_ + options_.grace) : next;
}

void Core::acknowledge_late() {
  acknowledge_at_ = io::TimePoint::max();
  for (const StreamId id : std::exchange(late_list_, {})) {
    StreamState* stream = get(id);
    if (stream != nullptr) {
      stream->in_late_list = false;
      if (stream->phase == Phase::open && stream->receive.news()) {
        say(*stream, word::credit);
      }
    }
  }
}

io::Duration Core::round_trip() const {
  // Below this the scheduler of the machines, not the way, sets the delay.
  constexpr io::Duration least = std::chrono::milliseconds(2);
  io::Duration shortest = io::Duration::max();
  for (const auto& link : links_) {
    if (link->round_trip > io::Duration::zero()) {
      shortest = std::min(shortest, link->round_trip);
    }
  }
  return shortest == io::Duration::max() ? least : std::max(least, shortest);
}

}  // namespace kt::mux
