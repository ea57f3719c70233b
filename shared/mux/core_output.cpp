// SPDX-License-Identifier: Apache-2.0
#include "mux/core.h"

#include <algorithm>

namespace kt::mux {

// Whole frames into one contiguous buffer.
class Core::FrameWriter {
 public:
  explicit FrameWriter(MutableBytes out) : out_(out) {}

  [[nodiscard]] std::size_t room() const { return out_.size() - at_; }
  [[nodiscard]] std::size_t size() const { return at_; }

  // At most `size` bytes more.
  void limit(std::size_t size) { out_ = out_.first(at_ + std::min(size, room())); }

  // False and nothing written when it does not fit.
  bool raw(BytesView frames) {
    if (frames.size() > room()) {
      return false;
    }
    std::copy(frames.begin(), frames.end(), out_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += frames.size();
    return true;
  }
  bool frame(StreamId id, FrameType type, BytesView body) {
    if (header_size + body.size() > room()) {
      return false;
    }
    store_header(out_.subspan(at_, header_size), id, type, body.size());
    at_ += header_size;
    return raw(body);
  }
  // One big-endian number of 4 or 8 bytes each.
  bool numbers(StreamId id, FrameType type, std::initializer_list<std::uint64_t> values) {
    Bytes body;
    ByteWriter writer(body);
    for (const std::uint64_t value : values) {
      writer.u64(value);
    }
    return frame(id, type, body);
  }
  bool error(StreamId id, FrameType type, int code) {
    Bytes body;
    ByteWriter(body).u32(static_cast<std::uint32_t>(code));
    return frame(id, type, body);
  }
  void data(StreamId id, std::uint64_t offset, BytesView bytes) {
    const std::size_t length = data_prefix_size + bytes.size();
    store_header(out_.subspan(at_, header_size), id, FrameType::data, length);
    at_ += header_size;
    store_u32(out_, at_, static_cast<std::uint32_t>(offset >> 32));
    store_u32(out_, at_ + 4, static_cast<std::uint32_t>(offset));
    at_ += data_prefix_size;
    (void)raw(bytes);
  }

 private:
  MutableBytes out_;
  std::size_t at_ = 0;
};

namespace {

// Every word of one stream, OPEN with two IPv6 endpoints included, fits into this.
constexpr std::size_t words_room = 512;
// Shorter DATA is not worth its header, unless it is all there is.
constexpr std::size_t least_data_room = 4096;
constexpr std::chrono::seconds repeat_after{5};

}  // namespace

bool Core::wants_write(LinkHandle handle) const {
  const Link* link = link_of(handle);
  if (link == nullptr || ended_) {
    return link != nullptr && !link->control.empty();  // the GOAWAY
  }
  const bool words = !control_list_.empty() || !datagrams_.empty() || !short_list_.empty();
  return !link->control.empty() || (link->carries_short && words) ||
         (link->carries_bulk && !bulk_list_.empty());
}

std::size_t Core::fill(LinkHandle handle, MutableBytes out, io::TimePoint now) {
  Link* link = link_of(handle);
  if (link == nullptr) {
    return 0;
  }
  FrameWriter writer(out);
  (void)writer.raw(link->control);  // at most max_answers and a few frames
  link->control.clear();
  link->bytes_out += writer.size();
  if (ended_) {
    return writer.size();
  }
  const std::size_t own = writer.size();
  if (link->carries_short) {
    write_words(writer, now);
    write_datagrams(writer);
    write_data(writer, short_list_, *link, now);
  }
  if (link->carries_bulk) {
    // Urgent frames of a link that carries everything shall wait behind one DATA, not behind four.
    writer.limit(link->carries_short ? max_data + data_prefix_size + header_size : out.size());
    write_data(writer, bulk_list_, *link, now);
  }
  if (writer.size() > own && !link->owes_since) {
    link->owes_since = now;
  }
  link->bytes_out += writer.size() - own;
  return writer.size();
}

void Core::write_words(FrameWriter& writer, io::TimePoint now) {
  for (std::size_t turns = control_list_.size(); turns > 0 && writer.room() > words_room; --turns) {
    const StreamId id = control_list_.front();
    control_list_.pop_front();
    StreamState* stream = get(id);
    if (stream != nullptr) {
      stream->in_control_list = false;
      write_stream_words(writer, *stream);
      expect_answer(*stream, now);
      forget_if_released(*stream);
    }
  }
}

// Words that the other end must answer are said again until it does: its answer may have gone over
// a link whose death it notices later than we.
void Core::expect_answer(const StreamState& stream, io::TimePoint now) {
  const bool waits = (stream.ours && stream.phase == Phase::opening) ||
                     stream.phase == Phase::failing || stream.phase == Phase::resetting ||
                     (stream.phase == Phase::open && stream.send.fin_unanswered());
  if (waits && (unanswered_.empty() || unanswered_.back().id != stream.id)) {
    unanswered_.push_back({now + repeat_after, stream.id});
  }
}

void Core::write_stream_words(FrameWriter& writer, StreamState& stream) {
  const Words words = std::exchange(stream.words, Words{0});
  if ((words & word::open) != 0) {
    (void)writer.frame(stream.id, FrameType::open, encode_target(stream.target));
  }
  if ((words & word::opened) != 0) {
    (void)writer.frame(stream.id, FrameType::opened, {});
  }
  if ((words & word::failed) != 0) {
    (void)writer.error(stream.id, FrameType::failed, stream.reset_code);
  }
  if ((words & word::reset) != 0) {
    (void)writer.error(stream.id, FrameType::reset, stream.reset_code);
  }
  if ((words & word::credit) != 0) {
    const Credit credit = stream.receive.credit(grant(stream));
    (void)writer.numbers(stream.id, FrameType::credit, {credit.acknowledged, credit.limit});
    stream.receive.said(credit);
  }
}

void Core::write_datagrams(FrameWriter& writer) {
  while (!datagrams_.empty()) {
    WaitingDatagram& next = datagrams_.front();
    if (!writer.frame(next.id, FrameType::datagram, next.bytes)) {
      return;
    }
    datagram_bytes_ -= next.bytes.size();
    if (StreamState* stream = get(next.id)) {
      stream->datagram_bytes_out -= static_cast<std::uint32_t>(next.bytes.size());
    }
    datagrams_.pop_front();
  }
}

// In turn, one DATA each, so that no stream waits behind another's backlog.
void Core::write_data(FrameWriter& writer, Turns& turns, const Link& link, io::TimePoint now) {
  while (!turns.empty() && writer.room() > least_data_room) {
    const StreamId id = turns.front();
    turns.pop_front();
    StreamState* stream = get(id);
    if (stream == nullptr) {
      continue;
    }
    stream->in_data_list = false;
    write_stream_data(writer, *stream, link.bit);
    expect_answer(*stream, now);
    queue_data(*stream);  // behind the others; among the bulk ones when it has carried much
  }
}

void Core::write_stream_data(FrameWriter& writer, StreamState& stream, std::uint32_t bit) {
  if (stream.phase != Phase::open) {
    return;
  }
  const std::size_t most = std::min(max_data, writer.room() - header_size - data_prefix_size);
  const BytesView bytes = stream.send.unsent(most);
  if (!bytes.empty()) {
    const bool was_full = stream.send.room() == 0;
    writer.data(stream.id, stream.send.next(), bytes);
    stream.send.sent(bytes.size(), bit);
    stream.carried += bytes.size();
    if (was_full && stream.send.room() > 0) {
      changed(stream);
    }
  }
  if (stream.send.fin_due() && writer.room() > header_size + data_prefix_size) {
    (void)writer.numbers(stream.id, FrameType::fin, {stream.send.next()});
    stream.send.fin_sent();
  }
}

}  // namespace kt::mux
