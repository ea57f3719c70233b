// SPDX-License-Identifier: Apache-2.0
#include "mux/send_half.h"

#include <algorithm>

namespace kt::mux {

std::size_t SendHalf::room() const {
  const std::uint64_t unsent = queue_.end() - next_;
  if (finished_ || queue_.end() >= limit_ || unsent >= max_unsent) {
    return 0;
  }
  return static_cast<std::size_t>(std::min(limit_ - queue_.end(), max_unsent - unsent));
}

MutableBytes SendHalf::prepare() {
  const std::size_t most = room();
  if (most == 0) {
    return {};
  }
  const MutableBytes chunk = queue_.prepare();
  return chunk.first(std::min(chunk.size(), most));
}

BytesView SendHalf::unsent(std::size_t most) const {
  const BytesView together = queue_.at(next_);
  return together.first(std::min(together.size(), most));
}

void SendHalf::sent(std::size_t count, std::uint32_t link_bit) {
  next_ += count;
  sent_ever_ = std::max(sent_ever_, next_);
  used_links_ |= link_bit;
}

void SendHalf::fin_sent() {
  fin_sent_ = true;
  fin_ever_sent_ = true;
}

bool SendHalf::credit(const Credit& credit) {
  const std::uint64_t most = sent_ever_ + (fin_ever_sent_ ? 1 : 0);
  if (credit.acknowledged > most) {
    return false;
  }
  limit_ = std::max(limit_, credit.limit);
  if (credit.acknowledged < queue_.begin()) {
    return true;  // older than what came over another link
  }
  const std::uint64_t bytes = std::min(credit.acknowledged, sent_ever_);
  fin_acknowledged_ = fin_acknowledged_ || credit.acknowledged > sent_ever_;
  next_ = std::max(next_, bytes);
  queue_.drop_before(bytes);
  if (queue_.begin() == next_) {
    used_links_ = 0;
  }
  return true;
}

void SendHalf::acknowledge_all() {
  fin_sent();
  fin_acknowledged_ = true;
  drop();
}

void SendHalf::link_died(std::uint32_t link_bit) {
  if ((used_links_ & link_bit) != 0) {
    next_ = queue_.begin();
    used_links_ = 0;
  }
}

void SendHalf::drop() {
  queue_.clear();
  next_ = queue_.end();
  used_links_ = 0;
}

}  // namespace kt::mux
