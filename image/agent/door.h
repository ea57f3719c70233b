// SPDX-License-Identifier: Apache-2.0
// The pod's only port of ours. Anybody in the cluster can connect to it, so a caller who has not
// proven the key gets 8 KiB, 5 s and nothing else: no stream, no look-up, no dial.
#pragma once

#include "agent/attach.h"
#include "agent/session.h"
#include "base/unique_fd.h"
#include "io/socket_stream.h"
#include "io/task_group.h"

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace kt::agent {

class Door {
 public:
  struct Options {
    std::uint16_t port;
    std::string attach_socket;           // of serve_attach()
    std::vector<std::string> sshd;       // argv of sshd in inetd mode
    std::function<bool()> ready;         // for the kubelet's probe
    std::size_t unproven_limit = 64;     // callers at a time; the oldest goes first
    std::size_t unproven_ssh_limit = 4;  // of those, sshd processes (10 MB each)
    io::Duration unproven_time = std::chrono::seconds(5);
  };
  // Listens. Throws Error unavailable when the port is taken.
  Door(const io::Executor& executor, Options options, Sessions& sessions);
  ~Door();

  // Serves until cancelled.
  io::Task<> run();

 private:
  struct Caller;
  using Callers = std::list<Caller>;

  io::Task<> accept_callers();
  io::Task<> receive(Callers::iterator caller);
  io::Task<> greet(Caller& caller);
  io::Task<> serve_tls(Caller& caller);
  io::Task<> serve_ssh(Caller& caller);
  io::Task<> serve_attached(Attached attached);
  void on_attached(Attached attached);
  void make_room();

  io::Executor executor_;
  Options options_;
  Sessions& sessions_;
  io::asio::ip::tcp::acceptor acceptor_;
  io::TaskGroup tasks_;
  Callers callers_;  // those that have not proven the key, the oldest first
};

}  // namespace kt::agent
