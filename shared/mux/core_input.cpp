// SPDX-License-Identifier: Apache-2.0
#include "mux/core.h"

#include <cerrno>

namespace kt::mux {
namespace {

// Received datagrams of one stream that the application has not taken: more are dropped.
constexpr std::uint32_t max_untaken = 512 * 1024;
constexpr std::size_t max_untaken_count = 4096;
// An acknowledgement that no credit carries may wait so long for one that does.
constexpr std::chrono::milliseconds acknowledge_delay{50};
// Bytes of PONG and DONE that wait on one link; more questions than that get no answer.
constexpr std::size_t max_answers = 64 * 1024;

}  // namespace

void Core::receive(LinkHandle handle, BytesView bytes, io::TimePoint now) {
  Link* link = link_of(handle);
  if (link == nullptr || ended_) {
    return;
  }
  link->bytes_in += bytes.size();
  link->last_heard = now;
  link->owes_since.reset();
  while (!ended_) {
    const std::optional<Piece> piece = link->reader.next(bytes);
    if (link->reader.failed()) {
      violation("a frame is longer than its type allows");
      return;
    }
    if (!piece) {
      break;
    }
    on_piece(*link, *piece, now);
  }
  if (!late_list_.empty() && acknowledge_at_ == io::TimePoint::max()) {
    acknowledge_at_ = now + acknowledge_delay;
  }
}

void Core::on_piece(Link& link, const Piece& piece, io::TimePoint now) {
  if (piece.header.stream == 0) {
    on_link_piece(link, piece, now);
  } else {
    on_stream_piece(link, piece, now);
  }
}

void Core::on_link_piece(Link& link, const Piece& piece, io::TimePoint now) {
  switch (static_cast<FrameType>(piece.header.type)) {
    case FrameType::ping:
      on_ping(link, piece.body);
      return;
    case FrameType::pong:
      on_pong(link, piece.body, now);
      return;
    case FrameType::goaway:
      on_goaway(piece.body);
      return;
    default:
      return;  // of a later version: skipped
  }
}

void Core::on_ping(Link& link, BytesView body) {
  const std::optional<Ping> ping = decode_ping(body);
  if (!ping) {
    violation("PING is too short");
    return;
  }
  their_finished_.add_all_below(ping->lowest_living);
  if (link.control.size() < max_answers) {
    const Bytes pong = encode_ping(FrameType::pong, *ping);
    link.control.insert(link.control.end(), pong.begin(), pong.end());
  }
}

void Core::on_pong(Link& link, BytesView body, io::TimePoint now) {
  const std::optional<Ping> pong = decode_ping(body);
  if (pong && link.ping_sent &&
      pong->time == static_cast<std::uint64_t>(link.ping_sent->time_since_epoch().count())) {
    link.round_trip = now - *link.ping_sent;
    link.ping_sent.reset();
  }
}

void Core::on_goaway(BytesView body) {
  goaway_ = decode_goaway(body);
  if (goaway_ && goaway_->reason == GoawayReason::shutting_down) {
    draining_ = true;
  } else {
    end_quietly(goaway_ ? goaway_->text : "the other end gave up");
  }
}

void Core::on_stream_piece(Link& link, const Piece& piece, io::TimePoint now) {
  const auto type = static_cast<FrameType>(piece.header.type);
  const StreamId id = piece.header.stream;
  if (type == FrameType::open) {
    on_open(id, piece.body);
    return;
  }
  if (type == FrameType::failed || type == FrameType::reset) {
    on_end_word(link, id, piece.body);
    return;
  }
  StreamState* stream = get(id);
  if (stream == nullptr) {
    on_unknown_piece(link, piece);
    return;
  }
  on_living_piece(link, *stream, piece, now);
}

// A stream that is over here: the other end repeats what it has no answer to.
void Core::on_unknown_piece(Link& link, const Piece& piece) {
  const StreamId id = piece.header.stream;
  const auto type = static_cast<FrameType>(piece.header.type);
  const bool seen = is_ours(id) ? id < next_id_ : their_finished_.contains(id);
  if (!seen && type != FrameType::datagram) {
    violation("a frame of a stream that was never opened");
  } else if (type == FrameType::fin) {
    say_done(link, id);
  }
}

void Core::on_living_piece(Link& link, StreamState& stream, const Piece& piece, io::TimePoint now) {
  const auto type = static_cast<FrameType>(piece.header.type);
  if (type == FrameType::done) {
    on_done(stream);
  } else if (type == FrameType::datagram) {
    on_datagram(stream, piece.body);
  } else if (type == FrameType::fin && stream.phase == Phase::over) {
    say_done(link, stream.id);  // our last acknowledgement was lost with its link
  } else if (!stream.ours && stream.phase == Phase::opening) {
    violation("bytes before OPENED");
  } else {
    on_open_piece(stream, piece, now);
  }
}

void Core::on_open_piece(StreamState& stream, const Piece& piece, io::TimePoint now) {
  stream.opened_known = true;
  if (stream.phase == Phase::opening) {
    on_opened(stream);  // what comes early over another link says OPENED as well
  }
  if (stream.phase != Phase::open) {
    return;  // reset here; its DONE is on the way
  }
  switch (static_cast<FrameType>(piece.header.type)) {
    case FrameType::data:
      on_data(stream, piece, now);
      return;
    case FrameType::credit:
      on_credit(stream, piece.body, now);
      return;
    case FrameType::fin:
      on_fin(stream, piece.body);
      return;
    default:
      return;
  }
}

void Core::on_open(StreamId id, BytesView body) {
  if (is_ours(id)) {
    violation("OPEN with an id of the other side");
    return;
  }
  if (StreamState* known = get(id)) {  // said again after a link's death: so is our answer
    if (known->phase == Phase::open && !known->opened_known) {
      say(*known, word::opened);
    }
    return;
  }
  const std::optional<Target> target = decode_target(body);
  if (their_finished_.contains(id)) {
    return;
  }
  if (!target) {
    violation("OPEN cannot be read");
    return;
  }
  accept_open(id, *target);
}

void Core::accept_open(StreamId id, const Target& target) {
  // Twice: the opener may know earlier than we that one is over.
  if (their_living_ >= 2 * max_streams) {
    violation("too many streams");
    return;
  }
  StreamState& stream = create(id, target, false);
  if (draining_) {
    stream.released = true;
    failed(id, ECONNABORTED);
    return;
  }
  events_.push_back({EventKind::incoming, id});
}

void Core::on_opened(StreamState& stream) {
  stream.phase = Phase::open;
  stream.words &= static_cast<Words>(~word::open);
  if (!stream.target.is_datagram()) {
    say(stream, word::credit);  // so that the acceptor knows that OPENED has come
  }
  changed(stream);
  queue_data(stream);
}

// RESET and FAILED: both are answered by DONE, however often they come.
void Core::on_end_word(Link& link, StreamId id, BytesView body) {
  ByteReader reader(body);
  const int code = static_cast<int>(reader.u32() & 0xfff);
  StreamState* stream = get(id);
  say_done(link, id);
  if (stream == nullptr) {
    if (!is_ours(id)) {
      their_finished_.add(id);  // its OPEN may still be on the way
    }
    if (their_finished_.ranges() > 2 * max_streams) {
      violation("too many streams");
    }
    return;
  }
  if (stream->phase == Phase::over) {
    return;
  }
  if (stream->phase == Phase::open || stream->phase == Phase::opening) {
    break_off(*stream, code == 0 ? ECONNRESET : code);
  }
  stream->words = 0;
  over(*stream);
}

void Core::on_done(StreamState& stream) {
  if (stream.phase == Phase::resetting || stream.phase == Phase::failing) {
    over(stream);
    return;
  }
  if (stream.phase == Phase::open && stream.send.fin_unanswered() && stream.receive.complete()) {
    stream.send.acknowledge_all();
    over_if_complete(stream);
  } else if (stream.phase == Phase::open || stream.phase == Phase::opening) {
    break_off(stream, ECONNRESET);
    stream.words = 0;
    over(stream);
  }
}

void Core::on_data(StreamState& stream, const Piece& piece, io::TimePoint) {
  if (stream.target.is_datagram() || !stream.receive.receive(piece.offset, piece.body)) {
    violation("DATA beyond the credit or the end of its stream");
    return;
  }
  changed(stream);
  ask_for_credit(stream);
  if ((stream.words & word::credit) == 0 && !stream.in_late_list) {
    stream.in_late_list = true;
    late_list_.push_back(stream.id);
  }
  over_if_complete(stream);
}

void Core::on_credit(StreamState& stream, BytesView body, io::TimePoint now) {
  ByteReader reader(body);
  const Credit credit{reader.u64(), reader.u64()};
  if (!reader.ok()) {
    violation("CREDIT is too short");
    return;
  }
  const std::uint32_t carried_by = stream.send.used_links();
  const std::uint64_t known = stream.send.acknowledged();
  if (!stream.send.credit(credit)) {
    violation("CREDIT acknowledges what was never sent");
    return;
  }
  for (const auto& link : links_) {
    if (stream.send.acknowledged() > known && (carried_by & link->bit) != 0) {
      link->last_heard = now;
      link->owes_since.reset();
    }
  }
  changed(stream);
  queue_data(stream);
  wake_blocked();
  over_if_complete(stream);
}

void Core::on_fin(StreamState& stream, BytesView body) {
  ByteReader reader(body);
  const std::uint64_t final_offset = reader.u64();
  if (!reader.ok() || !stream.receive.finish(final_offset)) {
    violation("FIN before what was sent already");
    return;
  }
  if (stream.target.is_datagram() && !stream.send.finished()) {
    stream.send.finish();  // of datagrams the end of one direction is the end of both
    queue_data(stream);
  }
  say(stream, word::credit);
  changed(stream);
  over_if_complete(stream);
}

void Core::on_datagram(StreamState& stream, BytesView body) {
  // An empty one costs memory too.
  const auto size = static_cast<std::uint32_t>(body.size());
  if (!stream.target.is_datagram()) {
    violation("DATAGRAM on a stream of bytes");
    return;
  }
  if (stream.ours && stream.phase == Phase::opening) {
    on_opened(stream);
  }
  const bool wanted = stream.phase == Phase::open || stream.phase == Phase::opening;
  if (!wanted || size > max_datagram ||
      (stream.datagrams != nullptr && stream.datagrams->size() >= max_untaken_count) ||
      stream.datagram_bytes_in + size > max_untaken) {
    return;
  }
  if (stream.datagrams == nullptr) {
    stream.datagrams = std::make_unique<std::deque<Bytes>>();
  }
  stream.datagrams->emplace_back(body.begin(), body.end());
  stream.datagram_bytes_in += size;
  changed(stream);
}

void Core::say_done(Link& link, StreamId id) {
  if (link.control.size() >= max_answers) {
    return;  // asked again in a few seconds
  }
  Bytes frame(header_size);
  store_header(frame, id, FrameType::done, 0);
  link.control.insert(link.control.end(), frame.begin(), frame.end());
}

void Core::violation(std::string_view rule) {
  end(GoawayReason::protocol_error, "mux protocol error: " + std::string(rule));
}

}  // namespace kt::mux
