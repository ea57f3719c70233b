// SPDX-License-Identifier: Apache-2.0
// Anybody in the cluster may speak to the door. What a caller wants may not depend on the portions
// in which its bytes come.
#include "agent/greeting.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

using kt::agent::greet;
using kt::agent::Greeted;
using kt::agent::Greeting;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kt::BytesView bytes = std::as_bytes(std::span(data, size));
  const Greeted whole = greet(bytes);
  const bool http = whole.kind == Greeting::readyz || whole.kind == Greeting::upgrade;
  if (whole.head_length > size || http != (whole.head_length != 0)) {
    std::abort();
  }
  for (std::size_t length = 0; length < size; ++length) {
    const Greeted part = greet(bytes.first(length));
    if (part.kind != Greeting::need_more &&
        (part.kind != whole.kind || part.head_length != whole.head_length)) {
      std::abort();
    }
  }
  return 0;
}
