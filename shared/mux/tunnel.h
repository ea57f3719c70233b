// SPDX-License-Identifier: Apache-2.0
// One end of the mux on Asio: links come and go, streams stay. The rules are Core's; this file only
// moves bytes, time and wake-ups. One executor, one thread.
#pragma once

#include "io/byte_stream.h"
#include "mux/core.h"
#include "mux/stream.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace kt::mux {

// Exactly one of both: a stream, or the errno (Linux numbers) with which the other end's dial
// failed. Besides what connect(2) gives: ECONNABORTED when the tunnel has ended, EMFILE when there
// are too many streams.
struct OpenResult {
  std::unique_ptr<Stream> stream;
  int error = 0;
};

struct LinkStatus {
  LinkName name;
  io::Duration round_trip{};  // of the last echo; 0 before the first
  io::TimePoint last_sign_of_life;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

struct TunnelStatus {
  std::vector<LinkStatus> links;  // the living ones, by number
  std::uint64_t bytes_in = 0;     // over all links, dead ones too, frame headers included
  std::uint64_t bytes_out = 0;
  std::size_t streams = 0;  // alive now, in both directions
  std::uint64_t streams_ever = 0;
  std::optional<io::TimePoint> without_link_since;
};

// The owner's life with it:
//   laptop: echo() → greet() → run_link(); a new link (with the next generation) when it returns
//   agent:  await_hello() → session unknown? send_goaway() : send_welcome() → run_link()
// (mux/handshake.h), and beside all that run(). Streams do not notice which links there are.
// Streams must not outlive the tunnel; every task inside run(), run_link(), open() and accept()
// must have ended before it dies (they belong to the owner's TaskGroup).
class Tunnel {
 public:
  using Options = Core::Options;

  Tunnel(const io::Executor& executor, const Options& options);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel();

  // Keeps the tunnel's time: liveness, acknowledgements, grace. Returns when the tunnel has ended,
  // with the reason in words: grace passed without a link, end(), the other end's GOAWAY or a
  // protocol error. By then all streams have been reset and all links are being closed.
  io::Task<std::string> run();

  // Carries frames over `link` (past its HELLO and WELCOME) until it died; returns why, for status
  // and log: "no answer for 15 s", "replaced by a newer generation". Closes the link. A link of the
  // same number and an older or equal generation ends now; a link that is itself older is refused.
  io::Task<std::string> run_link(std::unique_ptr<io::ByteStream> link, LinkName name);

  // Asks the other end to reach `target`; waits for its answer (the other end bounds the time).
  // A cancelled wait resets the stream. Waits also while there is no link, up to the grace time.
  io::Task<OpenResult> open(Target target);

  // Asks and does not wait: for datagrams, whose first may follow the OPEN at once, and for who
  // waits for more than the answer. A failure shows later as Stream::error(). Nothing when open()
  // would fail at once.
  std::unique_ptr<Stream> begin(const Target& target);

  // The next stream that the other end opened. Dial stream->target(), then call opened() or
  // failed(errno); one that is destroyed unanswered fails with ECONNABORTED. Nothing when the
  // tunnel has ended.
  io::Task<std::unique_ptr<Stream>> accept();

  // Orderly: says GOAWAY; no stream is opened any more, the living ones go on.
  void drain(const std::string& reason);
  // At once: says GOAWAY (as far as links take it without waiting), resets all streams.
  void end(const std::string& reason);

  [[nodiscard]] TunnelStatus status() const;
  [[nodiscard]] bool ended() const { return core_.ended(); }
  // What the other end's GOAWAY said.
  [[nodiscard]] const std::optional<Goaway>& goaway() const { return core_.goaway(); }

 private:
  friend class Stream;
  struct Link;

  io::Task<> read_link(Link& link);
  io::Task<> write_link(Link& link);
  std::unique_ptr<Stream> adopt(StreamId id);
  io::Task<> last_words();
  void settle();
  void dispatch(const Event& event);
  void close_link(LinkHandle handle, std::string why);
  void forget(StreamId id);

  io::Executor executor_;
  Core core_;
  io::Event time_changed_;
  io::Event incoming_;
  io::TimePoint armed_ = io::TimePoint::max();
  std::map<LinkHandle, Link*> links_;              // each lives in its run_link()
  std::unordered_map<StreamId, Stream*> streams_;  // owned by whoever opened or accepted them
  std::deque<StreamId> waiting_;                   // incoming, not yet accepted
};

}  // namespace kt::mux
