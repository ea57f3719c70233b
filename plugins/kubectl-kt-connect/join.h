// SPDX-License-Identifier: Apache-2.0
// A command's place in the process that holds its tunnel.
#pragma once

#include "flags/surroundings.h"
#include "kubectl-kt-connect/join_socket.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace kt::connect {

// What it takes to find a holder, or to become the first to join a new one.
struct JoinRequest {
  JoinHello hello;
  StartHolding start;
  std::string connection_id;
};

class Membership {
 public:
  // What the holder says for people, and for a second Ctrl-C.
  struct Ears {
    std::function<void(const cli::Line&)> on_line;
    std::function<void(std::string)> on_leftovers;
  };

  // Joins a running connect that would be the same as ours; nothing when there is none.
  static io::Task<std::optional<Membership>> find(JoinRequest request, std::string runtime_folder,
                                                  Ears ears);
  // Starts a holder and joins it.
  static Membership start(const io::Executor& executor, JoinRequest request, Ears ears);

  // Waits for the tunnel. Throws what the holder failed with, or Error unavailable when it is gone.
  io::Task<JoinReady> ready();
  // Hands over CMD's network; CMD may run when this returns.
  io::Task<> capture(std::vector<int> descriptors);
  // Returns when the holder is gone. Throws what it failed with.
  io::Task<> until_gone();
  // Waits, unless the tunnel goes on without us, until all is put back. Never throws.
  io::Task<> leave();

 private:
  Membership(JoinSocket socket, Ears ears) : socket_(std::move(socket)), ears_(std::move(ears)) {}

  io::Task<bool> accepted();
  io::Task<> receive_answer(std::optional<JoinMessage>& answer);
  io::Task<std::optional<JoinMessage>> next();

  JoinSocket socket_;
  Ears ears_;
};

}  // namespace kt::connect
