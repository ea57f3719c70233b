// SPDX-License-Identifier: Apache-2.0
// The mux as a pure state machine: bytes of links in, events out; calls of the application in,
// bytes for links out. No socket, no clock: `now` is a parameter. docs/mux.md is the specification;
// both ends are this class.
//
// After every call ask: take_events(), wants_write() of each link, next_deadline().
#pragma once

#include "mux/finished_ids.h"
#include "mux/frame.h"
#include "mux/frame_reader.h"
#include "mux/stream_state.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kt::mux {

enum class Role { laptop, agent };

// What a HELLO says of its link. 0: SSH; 1: short flows; 2 and above: bulk.
struct LinkName {
  std::uint16_t number = 0;
  std::uint32_t generation = 0;  // of that number: a newer one ends the older
};

using LinkHandle = std::uint32_t;  // of one link in its life; never used again

enum class EventKind {
  incoming,    // id: stream that the other end opened
  changed,     // id: stream: something to read, room to write, opened, ended or failed
  link_ended,  // id: link handle: close it; link_end() says why
  ended,       // the tunnel is over: end_reason(); close each link once it wants no write
};
struct Event {
  EventKind kind;
  std::uint32_t id;
};

struct LinkCounters {
  LinkHandle handle = 0;
  LinkName name;
  io::Duration round_trip{};
  io::TimePoint last_heard;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

class Core {
 public:
  struct Options {
    Role role = Role::laptop;
    io::Duration grace = std::chrono::minutes(2);  // streams are kept so long without any link
    std::uint64_t stream_window = 32ULL << 20;     // bytes; the most one stream's window grows to
    std::uint64_t tunnel_window = 64ULL << 20;  // bytes; for all windows' growth, and for sending
  };
  static constexpr std::size_t max_streams = 65'536;  // alive, of one opener
  static constexpr std::size_t max_links = 32;
  static constexpr std::size_t min_fill = 128 * 1024;  // room that fill() asks for, bytes

  Core(const Options& options, io::TimePoint now);

  // Links. A link of the same number and an older generation ends; nothing when this one is the
  // older, or there are too many.
  [[nodiscard]] std::optional<LinkHandle> add_link(LinkName name, io::TimePoint now);
  void remove_link(LinkHandle handle, io::TimePoint now);  // idempotent
  void receive(LinkHandle handle, BytesView bytes, io::TimePoint now);
  [[nodiscard]] bool wants_write(LinkHandle handle) const;
  // Writes whole frames, the most urgent first; how many bytes. `out` has at least min_fill.
  [[nodiscard]] std::size_t fill(LinkHandle handle, MutableBytes out, io::TimePoint now);
  [[nodiscard]] std::string link_end(LinkHandle handle);  // why; says it once
  [[nodiscard]] std::vector<LinkCounters> links() const;  // the living ones, by number
  [[nodiscard]] std::uint64_t bytes_in() const;           // over all links, dead ones too
  [[nodiscard]] std::uint64_t bytes_out() const;

  void advance(io::TimePoint now);
  [[nodiscard]] io::TimePoint next_deadline() const;  // max(): none
  [[nodiscard]] std::vector<Event> take_events();

  // Streams. Of an unknown id: nothing, no bytes, over.
  // 0 when none can be opened: too many, GOAWAY, ended.
  [[nodiscard]] StreamId open(const Target& target, io::TimePoint now);
  void opened(StreamId id);
  void failed(StreamId id, int error);
  [[nodiscard]] const StreamState* find(StreamId id) const;
  [[nodiscard]] MutableBytes prepare(StreamId id);
  void commit(StreamId id, std::size_t count, io::TimePoint now);
  void finish(StreamId id);
  void reset(StreamId id, int error);
  void consume(StreamId id, std::size_t count, io::TimePoint now);
  [[nodiscard]] bool send_datagram(StreamId id, BytesView datagram);
  [[nodiscard]] std::optional<Bytes> take_datagram(StreamId id);
  // The application lets go: what is not finished is reset, and the id is dead to it.
  void release(StreamId id);

  // Tunnel.
  void drain(std::string_view reason);
  void end(GoawayReason reason, std::string_view text);  // says GOAWAY
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::string& end_reason() const { return end_reason_; }
  [[nodiscard]] const std::optional<Goaway>& goaway() const { return goaway_; }
  [[nodiscard]] std::size_t streams() const { return streams_.size(); }
  [[nodiscard]] std::uint64_t streams_ever() const { return streams_ever_; }
  [[nodiscard]] std::optional<io::TimePoint> without_link_since() const { return linkless_since_; }

 private:
  struct Link {
    LinkHandle handle = 0;
    LinkName name;
    std::uint32_t bit = 0;  // in SendHalf::used_links()
    FrameReader reader;
    Bytes control;  // whole frames of the link itself, waiting
    bool carries_short = false;
    bool carries_bulk = false;
    io::TimePoint last_heard;  // bytes came, or what went over it was acknowledged
    io::TimePoint next_ping;
    std::optional<io::TimePoint> owes_since;  // an answer to the stream frames sent since then
    std::optional<io::TimePoint> ping_sent;   // not yet answered
    io::Duration round_trip{};
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };
  class FrameWriter;
  struct Unanswered {  // a word that waits for the other end's
    io::TimePoint due;
    StreamId id;
  };
  struct WaitingDatagram {
    StreamId id;
    Bytes bytes;
  };
  using Turns = std::deque<StreamId>;

  // core.cpp: streams
  StreamState* get(StreamId id);
  StreamState& create(StreamId id, const Target& target, bool ours);
  void say(StreamState& stream, Words words);
  void queue_data(StreamState& stream);
  void changed(StreamState& stream);
  void over(StreamState& stream);
  void break_off(StreamState& stream, int error);
  void over_if_complete(StreamState& stream);
  void forget_if_released(StreamState& stream);
  void ask_for_credit(StreamState& stream);
  [[nodiscard]] std::uint64_t grant(const StreamState& stream) const;
  void end_quietly(std::string_view reason);
  void wake_blocked();

  // core_input.cpp: frames in
  void on_piece(Link& link, const Piece& piece, io::TimePoint now);
  void on_link_piece(Link& link, const Piece& piece, io::TimePoint now);
  void on_stream_piece(Link& link, const Piece& piece, io::TimePoint now);
  void on_living_piece(Link& link, StreamState& stream, const Piece& piece, io::TimePoint now);
  void on_open_piece(StreamState& stream, const Piece& piece, io::TimePoint now);
  void on_unknown_piece(Link& link, const Piece& piece);
  void on_ping(Link& link, BytesView body);
  void on_pong(Link& link, BytesView body, io::TimePoint now);
  void on_goaway(BytesView body);
  void on_open(StreamId id, BytesView body);
  void accept_open(StreamId id, const Target& target);
  void on_opened(StreamState& stream);
  void on_end_word(Link& link, StreamId id, BytesView body);
  void on_done(StreamState& stream);
  void on_data(StreamState& stream, const Piece& piece, io::TimePoint now);
  void on_credit(StreamState& stream, BytesView body, io::TimePoint now);
  void on_fin(StreamState& stream, BytesView body);
  void on_datagram(StreamState& stream, BytesView body);
  [[nodiscard]] bool is_ours(StreamId id) const { return id % 2 == first_id_ % 2; }
  void say_done(Link& link, StreamId id);
  void violation(std::string_view rule);

  // core_output.cpp: frames out
  void write_words(FrameWriter& writer, io::TimePoint now);
  void write_stream_words(FrameWriter& writer, StreamState& stream);
  void expect_answer(const StreamState& stream, io::TimePoint now);
  void write_datagrams(FrameWriter& writer);
  void write_data(FrameWriter& writer, Turns& turns, const Link& link, io::TimePoint now);
  void write_stream_data(FrameWriter& writer, StreamState& stream, std::uint32_t bit);

  // core_links.cpp: links and time
  Link* link_of(LinkHandle handle);
  [[nodiscard]] const Link* link_of(LinkHandle handle) const;
  void drop_link(LinkHandle handle, std::string why, io::TimePoint now);
  void assign_roles();
  void repeat_state(StreamState& stream, std::uint32_t dead_bit);
  void send_ping(Link& link, io::TimePoint now);
  [[nodiscard]] std::optional<std::string> death_of(const Link& link, io::TimePoint now) const;
  [[nodiscard]] io::TimePoint deadline_of(const Link& link) const;
  void repeat_words(StreamState& stream);
  void repeat_unanswered(io::TimePoint now);
  void acknowledge_late();
  void forgive_own_pause(io::TimePoint now);
  [[nodiscard]] io::Duration round_trip() const;

  Options options_;
  StreamId first_id_;
  StreamId next_id_;
  ChunkPool send_pool_;
  ChunkPool receive_pool_;
  std::unordered_map<StreamId, std::unique_ptr<StreamState>> streams_;
  FinishedIds our_finished_;
  FinishedIds their_finished_;
  std::size_t our_living_ = 0;
  std::size_t their_living_ = 0;
  std::uint64_t streams_ever_ = 0;
  std::uint64_t window_growth_ = 0;  // of all windows beyond the initial one

  Turns control_list_;  // words to say
  Turns short_list_;    // data to send, in turn
  Turns bulk_list_;
  std::deque<WaitingDatagram> datagrams_;
  std::size_t datagram_bytes_ = 0;
  std::vector<StreamId> late_list_;     // received, not yet acknowledged
  std::vector<StreamId> blocked_list_;  // wait for the tunnel's own limit on sending
  std::deque<Unanswered> unanswered_;   // by time
  io::TimePoint acknowledge_at_ = io::TimePoint::max();

  std::vector<std::unique_ptr<Link>> links_;
  std::unordered_map<LinkHandle, std::string> link_ends_;
  LinkHandle next_handle_ = 1;
  std::optional<io::TimePoint> linkless_since_;
  std::uint64_t dead_links_in_ = 0;  // bytes
  std::uint64_t dead_links_out_ = 0;

  std::vector<Event> events_;
  std::optional<Goaway> goaway_;
  std::string end_reason_;
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace kt::mux
