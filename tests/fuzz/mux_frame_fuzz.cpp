// SPDX-License-Identifier: Apache-2.0
#include "mux/frame.h"
#include "mux/frame_reader.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes = std::as_bytes(std::span(data, size));
  (void)mux::decode_hello(bytes);
  (void)mux::decode_welcome(bytes);
  (void)mux::decode_goaway(bytes);
  (void)mux::decode_ping(bytes);
  if (const std::optional<mux::Target> target = mux::decode_target(bytes)) {
    if (mux::decode_target(mux::encode_target(*target)) != target) {
      std::abort();
    }
  }
  mux::FrameReader reader;
  BytesView input = bytes;
  while (const std::optional<mux::Piece> piece = reader.next(input)) {
    if (piece->body.size() > mux::max_body) {
      std::abort();
    }
  }
  return 0;
}
