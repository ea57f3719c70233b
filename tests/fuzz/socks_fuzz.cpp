// SPDX-License-Identifier: Apache-2.0
// A handshake must come to the same end whole and byte by byte.
#include "net/socks.h"

#include <cstdlib>

using namespace kt;
using namespace kt::net;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input = std::as_bytes(std::span(data, size));
  SocksHandshake whole;
  whole.receive(input);
  SocksHandshake pieces;
  for (std::size_t i = 0; i < size; ++i) {
    pieces.receive(input.subspan(i, 1));
  }
  const bool same = whole.request() == pieces.request() && whole.refused() == pieces.refused() &&
                    whole.take_output() == pieces.take_output();
  if (!same || (whole.request() && whole.refused())) {
    std::abort();
  }
  return 0;
}
