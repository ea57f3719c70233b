// SPDX-License-Identifier: Apache-2.0
#include "mux/byte_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kt::mux {

ChunkPool::Chunk ChunkPool::take(bool large) {
  std::vector<Chunk>& kept = large ? large_ : small_;
  in_use_ += large ? large_size : small_size;
  if (kept.empty()) {
    // Not make_unique: its zeros would cost as much as the bytes themselves.
    return Chunk(new std::byte[large ? large_size : small_size]);
  }
  Chunk chunk = std::move(kept.back());
  kept.pop_back();
  return chunk;
}

void ChunkPool::give_back(Chunk chunk, bool large) {
  std::vector<Chunk>& kept = large ? large_ : small_;
  in_use_ -= large ? large_size : small_size;
  if (kept.size() < (large ? kept_large : kept_small)) {
    kept.push_back(std::move(chunk));
  }
}

MutableBytes ByteQueue::prepare() {
  if (head_ < slots_.size()) {
    Slot& last = slots_.back();
    const auto used = static_cast<std::size_t>(end_ - last.start);
    if (used < last.capacity()) {
      return MutableBytes(last.bytes.get(), last.capacity()).subspan(used);
    }
  }
  const bool large = head_ < slots_.size();  // one small chunk was not enough
  slots_.push_back({pool_.take(large), end_, large});
  return {slots_.back().bytes.get(), slots_.back().capacity()};
}

void ByteQueue::commit(std::size_t count) {
  end_ += count;
  if (head_ < slots_.size() && slots_.back().start == end_) {
    pool_.give_back(std::move(slots_.back().bytes), slots_.back().large);
    slots_.pop_back();
  }
  if (begin_ == end_) {
    clear();
  }
}

void ByteQueue::append(BytesView bytes) {
  while (!bytes.empty()) {
    const MutableBytes room = prepare();
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    commit(count);
    bytes = bytes.subspan(count);
  }
}

BytesView ByteQueue::at(std::uint64_t offset) const {
  if (offset >= end_) {
    return {};
  }
  const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto behind =
      std::upper_bound(first, slots_.end(), offset,
                       [](std::uint64_t at, const Slot& slot) { return at < slot.start; });
  const Slot& slot = *(behind - 1);
  const std::uint64_t slot_end = std::min(end_, slot.start + slot.capacity());
  return BytesView(slot.bytes.get(), slot.capacity())
      .subspan(static_cast<std::size_t>(offset - slot.start),
               static_cast<std::size_t>(slot_end - offset));
}

std::size_t ByteQueue::parts(std::uint64_t offset, std::span<BytesView> parts) const {
  std::size_t count = 0;
  while (count < parts.size() && offset < end_) {
    parts[count] = at(offset);
    offset += parts[count++].size();
  }
  return count;
}

void ByteQueue::drop_front() {
  Slot& slot = slots_[head_++];
  pool_.give_back(std::move(slot.bytes), slot.large);
}

void ByteQueue::drop_before(std::uint64_t offset) {
  begin_ = offset;
  if (begin_ == end_) {
    clear();
    return;
  }
  while (slots_[head_].start + slots_[head_].capacity() <= offset) {
    drop_front();
  }
  if (head_ > 64 && head_ * 2 > slots_.size()) {
    slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void ByteQueue::clear() {
  while (head_ < slots_.size()) {
    drop_front();
  }
  slots_.clear();
  slots_.shrink_to_fit();
  head_ = 0;
  begin_ = end_;
}

}  // namespace kt::mux
