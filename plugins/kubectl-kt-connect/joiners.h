// SPDX-License-Identifier: Apache-2.0
// The commands that have joined the tunnel, as the process sees them that holds it: each brings the
// TUN of a namespace of its own.
#pragma once

#include "io/task_group.h"
#include "kubectl-kt-connect/capture_command.h"
#include "kubectl-kt-connect/join_socket.h"
#include "kubectl-kt-connect/status.h"

#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <vector>

namespace kt::connect {

class Joiners {
 public:
  // `tunnel`: tunnel_key(), those who want another one are sent away.
  Joiners(const io::Executor& executor, std::string tunnel);
  ~Joiners();

  // One who is there already.
  void adopt(JoinSocket socket);
  // Lets others in, until cancelled. Throws Error config when it cannot listen.
  io::Task<> listen(std::string path);
  // From now on they are served; `services` outlive stop().
  void let_in(JoinReady ready, const CaptureServices& services);

  // To everybody, also to those who have left or were stopped and wait for our end.
  void say(const cli::Line& line);
  void set_leftovers(std::string text);
  void fail(const Error& error);

  // Returns once nobody has been there for as long as the last one asked for.
  io::Task<> until_deserted();
  // Serves nobody any more: all captures end. The connections end with this process.
  io::Task<> stop();

  [[nodiscard]] std::vector<JoinedCommand> commands() const;
  // Somebody has come or gone.
  [[nodiscard]] io::Event& changed() { return changed_; }

 private:
  struct Joiner;

  io::Task<> serve(JoinSocket socket);
  io::Task<> converse(Joiner& joiner);
  bool welcome(Joiner& joiner, JoinHello hello);
  void capture_for(Joiner& joiner, std::vector<UniqueFd> descriptors);
  void tell(const JoinMessage& message);
  void part(Joiner& joiner);

  io::Executor executor_;
  std::string tunnel_;
  std::optional<JoinReady> ready_;
  std::optional<CaptureServices> services_;
  std::string leftovers_;
  std::list<Joiner*> joiners_;     // in serve()'s frames
  std::list<JoinSocket> leaving_;  // they wait for our end
  bool stopped_ = false;
  std::chrono::seconds linger_{0};
  io::Event changed_;
  io::TaskGroup tasks_;
};

}  // namespace kt::connect
