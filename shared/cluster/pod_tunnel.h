// SPDX-License-Identifier: Apache-2.0
// The tunnel to one shadow pod, with all that it needs on the laptop.
#pragma once

#include "cluster/links.h"

#include <optional>
#include <string>

namespace kt::cluster {

class PodTunnel {
 public:
  struct Options {
    kube::Kubectl kubectl;
    std::string api_socket;
    std::optional<Carrier> carrier;  // nothing = race
    bool proxy_configured = false;
    int links = 2;       // data links beside link 0
    io::Duration grace;  // streams are kept so long without any link
  };
  // `credentials` outlive it.
  PodTunnel(const io::Executor& executor, Options options, const Credentials& credentials);

  // Link 0, with the agent's answer; all other links follow by themselves. `api_round_trip` as
  // Carriers::Options has it. Throws as Links::connect().
  io::Task<mux::Welcome> attach(kube::PodPort door, io::Duration api_round_trip);
  // Runs the tunnel and its links; returns, with the reason, when the tunnel has ended.
  io::Task<std::string> run();

  void end(const std::string& why) { tunnel_.end(why); }
  // Behind run(): ends what is left on the laptop.
  io::Task<> stop();

  [[nodiscard]] mux::Tunnel& tunnel() { return tunnel_; }
  [[nodiscard]] const mux::Tunnel& tunnel() const { return tunnel_; }
  [[nodiscard]] std::optional<Carrier> carrier_of(std::uint16_t link) const;
  [[nodiscard]] std::string why_not(Carrier carrier) const;

 private:
  io::Task<> run_tunnel(std::string& why);

  io::Executor executor_;
  Options options_;
  const Credentials& credentials_;
  mux::Tunnel tunnel_;
  std::optional<Carriers> carriers_;
  std::optional<Links> links_;
};

}  // namespace kt::cluster
