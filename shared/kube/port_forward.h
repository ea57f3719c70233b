// SPDX-License-Identifier: Apache-2.0
// One `kubectl port-forward` child for one port of a pod: the carrier that enters through the
// kubelet and the pod's loopback. Its local port is TCP on 127.0.0.1, so every user of the laptop
// can connect: what runs in it must prove itself.
#pragma once

#include "kube/kubectl_child.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kt::kube {

struct PodPort {
  std::string namespace_;
  std::string pod;
  std::uint16_t port = 0;
};

class PortForward {
 public:
  PortForward(const io::Executor& executor, Kubectl kubectl, PodPort target)
      : child_(executor, std::move(kubectl), true), target_(std::move(target)) {}

  // Returns when kubectl listens. Throws Error unavailable, denied or config with kubectl's own
  // words; put io::with_timeout around it. "Listens" does not mean that the pod answers.
  io::Task<> start();

  [[nodiscard]] std::uint16_t local_port() const { return local_port_; }

  // Returns when kubectl has ended ("lost connection to pod"). Keeps its pipes empty, so it must
  // run beside the link. Ends by cancellation.
  io::Task<> wait() { return child_.wait(); }

  io::Task<> stop() { return child_.stop(); }

  [[nodiscard]] int pid() const { return child_.pid(); }
  // kubectl's last words on stderr; empty when it said nothing.
  [[nodiscard]] std::string last_words() const { return child_.last_words(); }

 private:
  KubectlChild child_;
  PodPort target_;
  std::uint16_t local_port_ = 0;
};

// "Forwarding from 127.0.0.1:40123 -> 7070" → 40123.
[[nodiscard]] std::optional<std::uint16_t> parse_forwarding_line(std::string_view line);

}  // namespace kt::kube
