// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mux/frame.h"

#include <optional>

namespace kt::mux {

// A whole frame, or a part of a DATA frame's payload: that is passed on as it comes, so it is
// copied only once. `body` points into the input or into the reader and is valid until the next
// call.
struct Piece {
  Header header;
  std::uint64_t offset = 0;  // of DATA: where `body` belongs in the stream
  BytesView body;            // DATA: payload only
};

// Cuts a link's bytes, arriving in any portions, into frames.
class FrameReader {
 public:
  // Takes bytes from the front of `input`; nothing when more input is needed, or failed().
  [[nodiscard]] std::optional<Piece> next(BytesView& input);
  // A frame of a known type was longer than any may be, or DATA shorter than its offset.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  enum class State { header, body, payload, skip };

  bool collect(BytesView& input, std::size_t size);
  bool take_header(BytesView& input);
  std::optional<Piece> whole_body(BytesView& input);
  std::optional<Piece> payload(BytesView& input);
  bool skip(BytesView& input);

  State state_ = State::header;
  Header header_;
  std::uint64_t offset_ = 0;
  std::size_t left_ = 0;  // of the payload, or of what is skipped
  Bytes partial_;         // of a header or body that came in portions
  Bytes spent_;           // the body handed out last
  bool failed_ = false;
};

}  // namespace kt::mux
