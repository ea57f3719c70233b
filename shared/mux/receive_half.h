// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"
#include "mux/byte_queue.h"
#include "mux/frame.h"
#include "mux/send_half.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

namespace kt::mux {

// What one end receives on one stream: in any order within the window, handed on in order.
class ReceiveHalf {
 public:
  // Every link delivers in order, so there are at most as many gaps as links; more are no accident.
  static constexpr std::size_t max_gaps = 64;

  explicit ReceiveHalf(ChunkPool& pool) : queue_(pool) {}

  // The other end's words. False: beyond the limit, or against its own final offset.
  [[nodiscard]] bool receive(std::uint64_t offset, BytesView bytes);
  [[nodiscard]] bool finish(std::uint64_t final_offset);

  // Application's side.
  [[nodiscard]] BytesView peek() const { return queue_.at(queue_.begin()); }
  [[nodiscard]] std::size_t peek(std::span<BytesView> parts) const {
    return queue_.parts(queue_.begin(), parts);
  }
  void consume(std::size_t count) { queue_.drop_before(queue_.begin() + count); }
  [[nodiscard]] bool complete() const { return final_ && queue_.end() == *final_; }  // all has come
  [[nodiscard]] bool ended() const { return complete() && queue_.size() == 0; }

  // What is to be said: the limit lies `grant` behind the consumed offset and never goes back.
  // due: enough has changed to say it now; news: anything has.
  [[nodiscard]] Credit credit(std::uint64_t grant) const;
  void said(const Credit& credit) { said_ = credit; }
  [[nodiscard]] bool due(std::uint64_t grant) const;
  [[nodiscard]] bool news() const;

  // Called on consume(): by how much the window shall grow. A stream whose first window was taken
  // has a reader, and gets 1 MiB; from then on twice what was consumed in one round trip (the
  // bandwidth-delay product).
  [[nodiscard]] std::uint64_t growth(io::TimePoint now, io::Duration round_trip);
  void grow(std::uint64_t by) { window_ += by; }
  [[nodiscard]] std::uint64_t window() const { return window_; }

  void drop();

 private:
  [[nodiscard]] bool keep_for_later(std::uint64_t offset, BytesView bytes);
  void append_later();
  [[nodiscard]] std::uint64_t acknowledged() const;

  using Later = std::map<std::uint64_t, Bytes>;  // offset → bytes behind a gap, not overlapping

  ByteQueue queue_;  // begins at the consumed offset, ends at the first gap
  std::unique_ptr<Later> later_;
  std::optional<std::uint64_t> final_;
  std::uint64_t highest_ = 0;  // behind the last byte seen
  std::uint64_t window_ = initial_window;
  Credit said_{0, initial_window};
  io::TimePoint sample_time_;
  std::uint64_t sample_offset_ = 0;
};

}  // namespace kt::mux
