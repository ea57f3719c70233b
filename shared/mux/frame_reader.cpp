// SPDX-License-Identifier: Apache-2.0
#include "mux/frame_reader.h"

#include <algorithm>

namespace kt::mux {
namespace {

bool is_known(std::uint8_t type) {
  return (type >= static_cast<std::uint8_t>(FrameType::hello) &&
          type <= static_cast<std::uint8_t>(FrameType::goaway)) ||
         (type >= static_cast<std::uint8_t>(FrameType::open) &&
          type <= static_cast<std::uint8_t>(FrameType::datagram));
}

bool is_data(const Header& header) {
  return header.type == static_cast<std::uint8_t>(FrameType::data);
}

BytesView take_front(BytesView& input, std::size_t count) {
  const BytesView front = input.first(count);
  input = input.subspan(count);
  return front;
}

}  // namespace

// Completes partial_ to `size` bytes.
bool FrameReader::collect(BytesView& input, std::size_t size) {
  const BytesView more = take_front(input, std::min(size - partial_.size(), input.size()));
  partial_.insert(partial_.end(), more.begin(), more.end());
  return partial_.size() == size;
}

std::optional<Piece> FrameReader::next(BytesView& input) {
  while (!failed_) {
    if (state_ == State::header && !take_header(input)) {
      return std::nullopt;
    }
    if (state_ == State::body) {
      return whole_body(input);
    }
    if (state_ == State::payload) {
      return payload(input);
    }
    if (state_ == State::skip && !skip(input)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool FrameReader::take_header(BytesView& input) {
  if (!collect(input, header_size)) {
    return false;
  }
  header_ = decode_header(std::span<const std::byte, header_size>(partial_.data(), header_size));
  partial_.clear();
  left_ = header_.length;
  const bool known = is_known(header_.type);
  failed_ = known && (header_.length > max_body || (is_data(header_) && left_ < data_prefix_size));
  state_ = known ? State::body : State::skip;
  return !failed_;
}

std::optional<Piece> FrameReader::whole_body(BytesView& input) {
  const std::size_t size = is_data(header_) ? data_prefix_size : header_.length;
  BytesView body;
  if (partial_.empty() && input.size() >= size) {
    body = take_front(input, size);
  } else if (collect(input, size)) {
    body = partial_;
  } else {
    return std::nullopt;
  }
  if (!is_data(header_)) {
    state_ = State::header;
    spent_.swap(partial_);  // `body` may point into it
    partial_.clear();
    return Piece{header_, 0, body};
  }
  offset_ = ByteReader(body).u64();
  partial_.clear();
  left_ = header_.length - data_prefix_size;
  state_ = State::payload;
  return payload(input);
}

std::optional<Piece> FrameReader::payload(BytesView& input) {
  if (left_ == 0) {
    state_ = State::header;
    return Piece{header_, offset_, {}};
  }
  const BytesView part = take_front(input, std::min(left_, input.size()));
  if (part.empty()) {
    return std::nullopt;
  }
  const Piece piece{header_, offset_, part};
  offset_ += part.size();
  left_ -= part.size();
  if (left_ == 0) {
    state_ = State::header;
  }
  return piece;
}

bool FrameReader::skip(BytesView& input) {
  const std::size_t count = std::min(left_, input.size());
  (void)take_front(input, count);
  left_ -= count;
  if (left_ > 0) {
    return false;
  }
  state_ = State::header;
  return true;
}

}  // namespace kt::mux
