// SPDX-License-Identifier: Apache-2.0
#include "mux/receive_half.h"

#include <algorithm>
#include <iterator>

namespace kt::mux {
namespace {

// Said early enough that the sender never waits for it, seldom enough to cost nothing.
constexpr std::uint64_t acknowledge_after = 256 * 1024;
constexpr std::uint64_t window_of_readers = 1024 * 1024;

using Pieces = std::map<std::uint64_t, Bytes>;

// What of `bytes` comes before the pieces from `next` on; those that it covers wholly are dropped.
BytesView cut_before(Pieces& pieces, Pieces::iterator next, std::uint64_t offset, BytesView bytes) {
  while (next != pieces.end() && next->first < offset + bytes.size()) {
    const std::uint64_t next_end = next->first + next->second.size();
    if (next_end > offset + bytes.size()) {
      return bytes.first(static_cast<std::size_t>(next->first - offset));
    }
    next = pieces.erase(next);
  }
  return bytes;
}

}  // namespace

bool ReceiveHalf::receive(std::uint64_t offset, BytesView bytes) {
  const std::uint64_t end = offset + bytes.size();
  if (end < offset || end > said_.limit || (final_ && end > *final_)) {
    return false;
  }
  highest_ = std::max(highest_, end);
  if (end <= queue_.end()) {
    return true;  // all of it has come before
  }
  if (offset > queue_.end()) {
    return keep_for_later(offset, bytes);
  }
  queue_.append(bytes.subspan(static_cast<std::size_t>(queue_.end() - offset)));
  append_later();
  return true;
}

// Cuts away what is held already, and joins what touches: gaps are few, whatever the portions.
bool ReceiveHalf::keep_for_later(std::uint64_t offset, BytesView bytes) {
  if (later_ == nullptr) {
    later_ = std::make_unique<Later>();
  }
  const auto next = later_->upper_bound(offset);
  Bytes* before = nullptr;
  if (next != later_->begin()) {
    const auto previous = std::prev(next);
    const std::uint64_t previous_end = previous->first + previous->second.size();
    if (previous_end >= offset) {
      before = &previous->second;
      const std::uint64_t known = std::min<std::uint64_t>(previous_end - offset, bytes.size());
      bytes = bytes.subspan(static_cast<std::size_t>(known));
      offset += known;
    }
  }
  bytes = cut_before(*later_, next, offset, bytes);
  if (bytes.empty()) {
    return true;
  }
  if (before != nullptr) {
    before->insert(before->end(), bytes.begin(), bytes.end());
    return true;
  }
  later_->emplace(offset, Bytes(bytes.begin(), bytes.end()));
  return later_->size() <= max_gaps;
}

void ReceiveHalf::append_later() {
  while (later_ != nullptr && !later_->empty() && later_->begin()->first <= queue_.end()) {
    const auto first = later_->begin();
    const std::uint64_t known = queue_.end() - first->first;
    if (known < first->second.size()) {
      queue_.append(BytesView(first->second).subspan(static_cast<std::size_t>(known)));
    }
    later_->erase(first);
  }
  if (later_ != nullptr && later_->empty()) {
    later_.reset();
  }
}

bool ReceiveHalf::finish(std::uint64_t final_offset) {
  if (final_offset < highest_ || final_offset > said_.limit ||
      (final_ && *final_ != final_offset)) {
    return false;
  }
  final_ = final_offset;
  return true;
}

std::uint64_t ReceiveHalf::acknowledged() const {
  return queue_.end() + (complete() ? 1 : 0);
}

Credit ReceiveHalf::credit(std::uint64_t grant) const {
  return {acknowledged(), std::max(said_.limit, queue_.begin() + grant)};
}

bool ReceiveHalf::news() const {
  return acknowledged() > said_.acknowledged || queue_.begin() + window_ > said_.limit;
}

bool ReceiveHalf::due(std::uint64_t grant) const {
  const Credit now = credit(grant);
  const std::uint64_t received = now.acknowledged - said_.acknowledged;
  const bool fin_came = complete() && received > 0;
  // Of what the sender may really use: a crowded tunnel grants less than the window.
  const std::uint64_t enough = std::min(window_, grant) / 4;
  return fin_came || received >= std::min(acknowledge_after, enough) ||
         (!complete() && now.limit - said_.limit >= enough);
}

std::uint64_t ReceiveHalf::growth(io::TimePoint now, io::Duration round_trip) {
  if (window_ < window_of_readers && queue_.begin() >= initial_window) {
    return window_of_readers - window_;
  }
  if (now - sample_time_ < round_trip) {
    return 0;
  }
  // Only a whole sample counts: one that began long ago tells the rate of an idle stream.
  const bool fresh = now - sample_time_ < 2 * round_trip;
  const std::uint64_t wanted = fresh ? 2 * (queue_.begin() - sample_offset_) : 0;
  sample_time_ = now;
  sample_offset_ = queue_.begin();
  return wanted > window_ ? wanted - window_ : 0;
}

void ReceiveHalf::drop() {
  queue_.clear();
  later_.reset();
}

}  // namespace kt::mux
