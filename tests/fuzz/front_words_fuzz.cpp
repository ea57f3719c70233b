// SPDX-License-Identifier: Apache-2.0
// What a laptop or a guard says to the front: the same lines however they were cut, none too long.
#include "agent/front_words.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

using kt::agent::FrontLines;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kt::BytesView bytes = std::as_bytes(std::span(data, size));
  FrontLines whole;
  const std::vector<std::string> lines = whole.receive(bytes);
  FrontLines pieces;
  kt::agent::FrontState state({{80}, true}, {});
  std::size_t count = 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (const std::string& line : pieces.receive(bytes.subspan(i, 1))) {
      if (line.size() >= FrontLines::longest || line != lines.at(count++)) {
        std::abort();
      }
      state.hear(line);
    }
  }
  if (count != lines.size()) {
    std::abort();
  }
  return 0;
}
