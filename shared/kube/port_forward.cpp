// SPDX-License-Identifier: Apache-2.0
#include "kube/port_forward.h"

#include <fmt/format.h>

#include <charconv>

namespace kt::kube {

std::optional<std::uint16_t> parse_forwarding_line(std::string_view line) {
  constexpr std::string_view start = "Forwarding from 127.0.0.1:";
  if (!line.starts_with(start)) {
    return std::nullopt;
  }
  line.remove_prefix(start.size());
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
  const bool whole = std::string_view(end, line.data() + line.size()).starts_with(" -> ");
  return error == std::errc() && whole && port != 0 ? std::optional(port) : std::nullopt;
}

io::Task<> PortForward::start() {
  // `create pods/portforward` suffices for SPDY; a WebSocket would need `get` as well.
  co_await child_.start({"port-forward", "--namespace=" + target_.namespace_, "--address=127.0.0.1",
                         "pod/" + target_.pod, fmt::format(":{}", target_.port)},
                        {{"KUBECTL_PORT_FORWARD_WEBSOCKETS", "false"}},
                        [this](std::string_view line) {
                          local_port_ = parse_forwarding_line(line).value_or(0);
                          return local_port_ != 0;
                        });
}

}  // namespace kt::kube
