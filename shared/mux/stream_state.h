// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mux/frame.h"
#include "mux/receive_half.h"
#include "mux/send_half.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace kt::mux {

enum class Phase : std::uint8_t {
  opening,  // OPEN was sent or received, the acceptor has not answered
  open,
  failing,    // FAILED was sent, DONE has not come
  resetting,  // RESET was sent, DONE has not come
  over,       // nothing more to say or to hear
};

// What is still to be said about a stream; a set of bits.
using Words = std::uint8_t;
namespace word {
inline constexpr Words open = 1;
inline constexpr Words opened = 2;
inline constexpr Words failed = 4;
inline constexpr Words credit = 8;
inline constexpr Words reset = 16;
}  // namespace word

// A stream as Core keeps it. Pure data with two halves that know their own rules.
struct StreamState {
  StreamState(StreamId number, Target where, ChunkPool& send_pool, ChunkPool& receive_pool)
      : id(number), target(std::move(where)), send(send_pool), receive(receive_pool) {}

  StreamId id;
  Target target;
  Phase phase = Phase::opening;
  bool ours = false;             // this end opened it
  bool released = false;         // the application has let go of it
  bool opened_known = false;     // the opener has shown that it knows OPENED
  bool in_control_list = false;  // these five: already in Core's list of that name
  bool in_data_list = false;
  bool in_late_list = false;
  bool in_blocked_list = false;
  bool in_events = false;
  Words words = 0;
  int error = 0;
  int reset_code = 0;         // the errno that RESET or FAILED carries
  std::uint64_t carried = 0;  // bytes sent since it was last idle for long
  io::TimePoint last_commit;
  SendHalf send;
  ReceiveHalf receive;
  std::unique_ptr<std::deque<Bytes>> datagrams;  // received, not yet taken
  std::uint32_t datagram_bytes_in = 0;           // waiting in `datagrams`
  std::uint32_t datagram_bytes_out = 0;          // waiting in Core for a link
};

}  // namespace kt::mux
