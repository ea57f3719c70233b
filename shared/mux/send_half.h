// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mux/byte_queue.h"
#include "mux/frame.h"

#include <cstddef>
#include <cstdint>

namespace kt::mux {

inline constexpr std::uint64_t initial_window = 256 * 1024;  // both ends' first credit

// What one end sends on one stream: kept until acknowledged, so that it can be sent again.
class SendHalf {
 public:
  // More than this that no link has taken yet is not accepted: the kernel's buffer is the queue.
  static constexpr std::size_t max_unsent = 512 * 1024;

  explicit SendHalf(ChunkPool& pool) : queue_(pool) {}

  // Application's side.
  [[nodiscard]] std::size_t room() const;  // 0 too when finish() was called
  [[nodiscard]] MutableBytes prepare();    // at most room()
  void commit(std::size_t count) { queue_.commit(count); }
  void finish() { finished_ = true; }
  [[nodiscard]] bool finished() const { return finished_; }

  // Link's side: the next bytes to send, at most `most` of them, from next() on.
  [[nodiscard]] BytesView unsent(std::size_t most) const;
  [[nodiscard]] std::uint64_t next() const { return next_; }
  void sent(std::size_t count, std::uint32_t link_bit);
  [[nodiscard]] bool fin_due() const { return finished_ && !fin_sent_ && next_ == queue_.end(); }
  void fin_sent();
  [[nodiscard]] bool anything_due() const { return next_ < queue_.end() || fin_due(); }
  [[nodiscard]] bool fin_unanswered() const { return fin_sent_ && !fin_acknowledged_; }
  void repeat_fin() { fin_sent_ = fin_acknowledged_; }

  // The other end's words. False: it acknowledged what was never sent.
  [[nodiscard]] bool credit(const Credit& credit);
  [[nodiscard]] std::uint64_t acknowledged() const { return queue_.begin(); }
  [[nodiscard]] bool all_acknowledged() const { return fin_acknowledged_; }
  void acknowledge_all();

  // A link died: what went over it and is not acknowledged is due again.
  void link_died(std::uint32_t link_bit);
  [[nodiscard]] std::uint32_t used_links() const { return used_links_; }
  [[nodiscard]] bool idle() const { return queue_.size() == 0; }
  void drop();

 private:
  ByteQueue queue_;  // begins at the acknowledged offset
  std::uint64_t next_ = 0;
  std::uint64_t sent_ever_ = 0;  // the highest offset that was ever sent
  std::uint64_t limit_ = initial_window;
  std::uint32_t used_links_ = 0;  // over which unacknowledged bytes went
  bool finished_ = false;
  bool fin_sent_ = false;
  bool fin_ever_sent_ = false;
  bool fin_acknowledged_ = false;
};

}  // namespace kt::mux
