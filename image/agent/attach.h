// SPDX-License-Identifier: Apache-2.0
// How link 0 gets from sshd to the agent: sshd's forced command is `kt-agent attach`, which hands
// its standard input and output (sshd's pipes) over a Unix socket to the serving agent (SCM_RIGHTS)
// and then only waits. So no byte is copied twice, and a new login can resume.
#pragma once

#include "base/unique_fd.h"
#include "io/socket_stream.h"

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

namespace kt::agent {

// The forced command. Returns when the agent has closed (sshd drops input after our exit): its exit
// code, 0, or 1 when no agent answers.
int run_attach(const std::string& socket_path);

struct Attached {
  pid_t attach_process;  // a descendant of the sshd that logged it in
  UniqueFd input;        // what the laptop sends
  UniqueFd output;       // what it gets
  io::Socket control;    // closing it ends the forced command
};

// The channel as a link; the forced command ends when the link dies.
[[nodiscard]] std::unique_ptr<io::ByteStream> as_link(const io::Executor& executor,
                                                      Attached attached);

// Accepts on `socket_path` (made with 0600 in a folder of our own) for ever and calls
// `on_attached`; peers of another uid are closed (a sidecar shares nothing of this folder, but be
// sure).
io::Task<> serve_attach(std::string socket_path, std::function<void(Attached)> on_attached);

}  // namespace kt::agent
