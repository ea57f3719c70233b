// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mux/tunnel.h"

namespace kt::connect {

// Where new streams go: the tunnel to the shadow that is there now. Earlier ones, which have ended,
// outlive their streams.
class CurrentTunnel {
 public:
  void set(mux::Tunnel& tunnel) { tunnel_ = &tunnel; }
  [[nodiscard]] mux::Tunnel& operator*() const { return *tunnel_; }
  [[nodiscard]] mux::Tunnel* operator->() const { return tunnel_; }

 private:
  mux::Tunnel* tunnel_ = nullptr;
};

}  // namespace kt::connect
