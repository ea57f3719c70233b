// SPDX-License-Identifier: Apache-2.0
// Keeps the links of one tunnel: link 0 by SSH, which hands over the key, then data links by TLS
// with that key. Each is made again, with the next generation, whenever it breaks; the tunnel's
// streams do not notice.
#pragma once

#include "cluster/carrier.h"
#include "io/task_group.h"
#include "mux/tunnel.h"
#include "ssh/key_pair.h"

#include <optional>
#include <string>
#include <vector>

namespace kt::cluster {

// What one run proves itself with; made once, never written anywhere but into the shadow's Secret
// (the two public halves and the pod's host key).
struct Credentials {
  ssh::KeyPair user_key = ssh::KeyPair::generate();
  ssh::PublicKey host_key{};
  mux::SessionId session{};
  mux::Key key{};
};

class Links {
 public:
  // All three must outlive it. `data_links` besides link 0: 0 to 8.
  Links(const io::Executor& executor, Carriers& carriers, mux::Tunnel& tunnel,
        const Credentials& credentials, int data_links);

  // Makes link 0: the agent's answer. Throws as Carriers::race(), and Error conflict when another
  // laptop is attached to this shadow.
  io::Task<mux::Welcome> connect();

  // What carries a link now; nothing while it is being made.
  [[nodiscard]] std::optional<Carrier> carrier_of(std::uint16_t number) const;

  // Carries link 0 and makes, carries and replaces all others, until cancelled or the tunnel ended.
  io::Task<> keep();

 private:
  struct Slot {
    std::uint32_t generation = 0;
    std::optional<CarriedLink> link;  // made, not yet carrying
    std::optional<Carrier> carrying;
  };

  [[nodiscard]] Carriers::Secure secure(std::uint16_t number) const;
  io::Task<mux::Welcome> greet(std::uint16_t number, CarriedLink& link);
  io::Task<> keep_link(std::uint16_t number);
  io::Task<> carry(std::uint16_t number);
  io::Task<CarriedLink> make(std::uint16_t number);
  io::Task<> await_better(std::uint16_t number, const io::TaskGroup& old);
  io::Task<> run_link(std::uint16_t number, CarriedLink link, std::uint32_t generation);
  io::Task<std::optional<CarriedLink>> find_better(std::uint16_t number);

  io::Executor executor_;
  io::Event link_ended_;
  Carriers& carriers_;
  mux::Tunnel& tunnel_;
  const Credentials& credentials_;
  std::vector<Slot> slots_;
};

}  // namespace kt::cluster
