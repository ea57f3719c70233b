// SPDX-License-Identifier: Apache-2.0
// The life of streams. Frames in: core_input.cpp; frames out: core_output.cpp; links and time:
// core_links.cpp.
#include "mux/core.h"

#include <algorithm>
#include <cerrno>

namespace kt::mux {
namespace {

// A stream is short until it has carried this much, and again after a second without sending.
constexpr std::uint64_t short_carries = 256 * 1024;
constexpr std::chrono::seconds short_again{1};
// Datagrams that wait for a link, of all streams and of one: more are dropped, as networks do.
constexpr std::size_t max_waiting_datagrams = 4 * 1024 * 1024;
constexpr std::uint32_t max_waiting_of_one = 512 * 1024;

}  // namespace

Core::Core(const Options& options, io::TimePoint now)
    : options_(options),
      first_id_(options.role == Role::laptop ? 1 : 2),
      next_id_(first_id_),
      our_finished_(first_id_),
      their_finished_(3 - first_id_),
      linkless_since_(now) {}

StreamState* Core::get(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

const StreamState* Core::find(StreamId id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() || found->second->released ? nullptr : found->second.get();
}

StreamState& Core::create(StreamId id, const Target& target, bool ours) {
  auto stream = std::make_unique<StreamState>(id, target, send_pool_, receive_pool_);
  stream->ours = ours;
  ++(ours ? our_living_ : their_living_);
  ++streams_ever_;
  return *streams_.emplace(id, std::move(stream)).first->second;
}

void Core::say(StreamState& stream, Words words) {
  stream.words |= words;
  if (!stream.in_control_list) {
    stream.in_control_list = true;
    control_list_.push_back(stream.id);
  }
}

void Core::queue_data(StreamState& stream) {
  if (stream.in_data_list || stream.phase != Phase::open || !stream.send.anything_due()) {
    return;
  }
  stream.in_data_list = true;
  (stream.carried < short_carries ? short_list_ : bulk_list_).push_back(stream.id);
}

void Core::changed(StreamState& stream) {
  if (!stream.in_events) {
    stream.in_events = true;
    events_.push_back({EventKind::changed, stream.id});
  }
}

std::vector<Event> Core::take_events() {
  for (const Event& event : events_) {
    if (StreamState* stream = event.kind == EventKind::changed ? get(event.id) : nullptr) {
      stream->in_events = false;
    }
  }
  return std::exchange(events_, {});
}

StreamId Core::open(const Target& target, io::TimePoint now) {
  constexpr StreamId last_id = 0xFFFF'FFF0;
  if (ended_ || draining_ || our_living_ >= max_streams || next_id_ >= last_id) {
    return 0;
  }
  const StreamId id = next_id_;
  next_id_ += 2;
  StreamState& stream = create(id, target, true);
  stream.last_commit = now;
  say(stream, word::open);
  return id;
}

void Core::opened(StreamId id) {
  StreamState* stream = get(id);
  if (stream != nullptr && !stream->ours && stream->phase == Phase::opening) {
    stream->phase = Phase::open;
    say(*stream, word::opened);
    queue_data(*stream);
  }
}

void Core::failed(StreamId id, int error) {
  StreamState* stream = get(id);
  if (stream != nullptr && !stream->ours && stream->phase == Phase::opening) {
    break_off(*stream, error);
    stream->phase = Phase::failing;
    say(*stream, word::failed);
  }
}

MutableBytes Core::prepare(StreamId id) {
  StreamState* stream = get(id);
  if (stream == nullptr || stream->phase != Phase::open || stream->target.is_datagram()) {
    return {};
  }
  if (send_pool_.in_use() >= options_.tunnel_window) {
    if (!stream->in_blocked_list) {
      stream->in_blocked_list = true;
      blocked_list_.push_back(id);
    }
    return {};
  }
  return stream->send.prepare();
}

void Core::commit(StreamId id, std::size_t count, io::TimePoint now) {
  StreamState* stream = get(id);
  if (stream == nullptr || stream->phase != Phase::open) {
    return;
  }
  stream->send.commit(count);
  if (count > 0) {
    if (now - stream->last_commit > short_again) {
      stream->carried = 0;
    }
    stream->last_commit = now;
    queue_data(*stream);
  }
}

void Core::finish(StreamId id) {
  StreamState* stream = get(id);
  if (stream == nullptr || stream->phase == Phase::over || stream->send.finished()) {
    return;
  }
  stream->send.finish();
  queue_data(*stream);
}

void Core::reset(StreamId id, int error) {
  StreamState* stream = get(id);
  if (stream == nullptr || (stream->phase != Phase::open && stream->phase != Phase::opening)) {
    return;
  }
  break_off(*stream, error);
  stream->phase = Phase::resetting;
  say(*stream, word::reset);
}

// Both directions end here and now.
void Core::break_off(StreamState& stream, int error) {
  stream.error = error;
  stream.reset_code = error;
  stream.send.drop();
  stream.receive.drop();
  stream.words &= word::open;  // the other end must know the stream before it hears of its end
  changed(stream);
  wake_blocked();
}

void Core::consume(StreamId id, std::size_t count, io::TimePoint now) {
  StreamState* stream = get(id);
  if (stream == nullptr || count == 0) {
    return;
  }
  stream->receive.consume(count);
  const std::uint64_t wanted = stream->receive.growth(now, round_trip());
  const std::uint64_t room =
      std::min(options_.stream_window - std::min(stream->receive.window(), options_.stream_window),
               options_.tunnel_window - std::min(window_growth_, options_.tunnel_window));
  const std::uint64_t growth = std::min(wanted, room);
  stream->receive.grow(growth);
  window_growth_ += growth;
  ask_for_credit(*stream);
}

// When the tunnel holds much that its applications do not take, streams get less room each.
std::uint64_t Core::grant(const StreamState& stream) const {
  return receive_pool_.in_use() > options_.tunnel_window ? initial_window : stream.receive.window();
}

void Core::ask_for_credit(StreamState& stream) {
  if (stream.phase == Phase::open && stream.receive.due(grant(stream))) {
    say(stream, word::credit);
  }
}

bool Core::send_datagram(StreamId id, BytesView datagram) {
  StreamState* stream = get(id);
  const bool alive =
      stream != nullptr && !stream->send.finished() &&
      (stream->phase == Phase::open || (stream->ours && stream->phase == Phase::opening));
  if (!alive || links_.empty() || datagram.size() > max_datagram ||
      datagram_bytes_ + datagram.size() > max_waiting_datagrams ||
      stream->datagram_bytes_out + datagram.size() > max_waiting_of_one) {
    return false;
  }
  datagram_bytes_ += datagram.size();
  stream->datagram_bytes_out += static_cast<std::uint32_t>(datagram.size());
  datagrams_.push_back({id, Bytes(datagram.begin(), datagram.end())});
  return true;
}

std::optional<Bytes> Core::take_datagram(StreamId id) {
  StreamState* stream = get(id);
  if (stream == nullptr || stream->datagrams == nullptr || stream->datagrams->empty()) {
    return std::nullopt;
  }
  Bytes datagram = std::move(stream->datagrams->front());
  stream->datagrams->pop_front();
  stream->datagram_bytes_in -= static_cast<std::uint32_t>(datagram.size());
  return datagram;
}

void Core::release(StreamId id) {
  StreamState* stream = get(id);
  if (stream == nullptr) {
    return;
  }
  stream->released = true;
  if (!stream->ours && stream->phase == Phase::opening) {
    failed(id, ECONNABORTED);
  } else if (!stream->send.finished() || !stream->receive.complete()) {
    reset(id, ECONNRESET);
  }
  forget_if_released(*stream);
}

void Core::over_if_complete(StreamState& stream) {
  if (stream.phase == Phase::open && stream.send.all_acknowledged() && stream.receive.complete()) {
    over(stream);
  }
}

void Core::over(StreamState& stream) {
  stream.send.drop();
  stream.phase = Phase::over;
  changed(stream);
  forget_if_released(stream);
}

// An over stream stays until the application has let go and its last words are said.
void Core::forget_if_released(StreamState& stream) {
  if (stream.phase != Phase::over || !stream.released || stream.words != 0) {
    return;
  }
  const StreamId id = stream.id;
  window_growth_ -= std::min(window_growth_, stream.receive.window() - initial_window);
  (stream.ours ? our_finished_ : their_finished_).add(id);
  --(stream.ours ? our_living_ : their_living_);
  streams_.erase(id);
  wake_blocked();
}

void Core::wake_blocked() {
  if (blocked_list_.empty() || send_pool_.in_use() >= options_.tunnel_window) {
    return;
  }
  for (const StreamId id : std::exchange(blocked_list_, {})) {
    if (StreamState* stream = get(id)) {
      stream->in_blocked_list = false;
      changed(*stream);
    }
  }
}

void Core::drain(std::string_view reason) {
  draining_ = true;
  const Bytes frame = encode_goaway({GoawayReason::shutting_down, std::string(reason)});
  for (const auto& link : links_) {
    link->control.insert(link->control.end(), frame.begin(), frame.end());
  }
}

void Core::end(GoawayReason reason, std::string_view text) {
  if (ended_) {
    return;
  }
  const Bytes frame = encode_goaway({reason, std::string(text)});
  for (const auto& link : links_) {
    link->control.insert(link->control.end(), frame.begin(), frame.end());
  }
  end_quietly(text);
}

void Core::end_quietly(std::string_view reason) {
  if (ended_) {
    return;
  }
  ended_ = true;
  end_reason_ = reason;
  for (const auto& [id, stream] : streams_) {
    if (stream->phase != Phase::over) {
      break_off(*stream, ECONNABORTED);
      stream->phase = Phase::over;
    }
    stream->words = 0;
  }
  events_.push_back({EventKind::ended, 0});
}

}  // namespace kt::mux
