// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "io/async.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <string>
#include <vector>

namespace kt::agent {

// One sshd in inetd mode (sshd(8) -i) on a caller's socket: nothing listens, and it dies with it.
class Sshd {
 public:
  // `argv[0]` is a path: sshd insists on one. Throws Error unavailable.
  Sshd(const io::Executor& executor, const std::vector<std::string>& argv, const UniqueFd& socket);
  Sshd(const Sshd&) = delete;
  Sshd& operator=(const Sshd&) = delete;
  ~Sshd() { kill(); }

  // Returns when it has ended, and all that it had started with it.
  io::Task<> wait();
  void kill() noexcept;

  // True when `process` is this sshd or was started by it, however many processes lie between.
  [[nodiscard]] bool is_ancestor_of(pid_t process) const;

 private:
  io::asio::posix::stream_descriptor process_;  // pidfd_open(2): readable when it has ended
  pid_t pid_;
  bool killed_ = false;
};

// Process 1 of a container inherits orphans; collects all that have ended. Runs until cancelled.
io::Task<> reap_children();

}  // namespace kt::agent
