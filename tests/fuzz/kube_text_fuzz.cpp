// SPDX-License-Identifier: Apache-2.0
// What kubectl prints and the API server's headers say.
#include "kube/client.h"
#include "kube/port_forward.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's own shape
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)kt::kube::parse_http_date(text);
  const auto duration = kt::kube::parse_duration(text);
  if (duration && *duration < duration->zero()) {
    std::abort();
  }
  if (kt::kube::parse_forwarding_line(text) == 0) {
    std::abort();
  }
  return 0;
}
