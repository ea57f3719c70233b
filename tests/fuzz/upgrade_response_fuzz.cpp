// SPDX-License-Identifier: Apache-2.0
// The answer to an upgrade comes from whatever stands between us and the pod.
#include "kube/upgrade.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's own shape
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto head = kt::kube::parse_response_head(bytes);
  if (!head) {
    return 0;
  }
  const bool within = head->size == kt::kube::response_head_size(bytes) && head->size <= size;
  if (!within || head->status < 100 || head->status > 599) {
    std::abort();
  }
  for (const auto& [name, value] : head->headers) {
    if (name.empty() || value.find('\n') != std::string::npos) {
      std::abort();
    }
  }
  return 0;
}
