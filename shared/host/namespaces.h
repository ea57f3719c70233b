// SPDX-License-Identifier: Apache-2.0
// Runs one command with a network and a resolver of its own, without root: new user, network and
// mount namespaces (user_namespaces(7)), in which everything leaves by a TUN that this process
// reads. Nothing outside the command changes, and nothing is left when its last process is gone.
#pragma once

#include "base/unique_fd.h"
#include "host/netlink.h"
#include "host/resolver_mounts.h"
#include "host/tcp_listeners.h"
#include "io/async.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kt::host {

// The namespace's only interface beside lo; the default routes go to it. An address of link-local
// scope (169.254/16) would make programs prefer IPv6 (RFC 6724, rule 2): take 198.18/15 (RFC 2544).
struct CaptureNetwork {
  std::string interface = "kt0";
  int mtu =
      65'535;  // a packet costs the same whatever its size; with this one UDP needs no fragments
  InterfaceAddress v4;
  std::optional<InterfaceAddress> v6;  // without it IPv6 fails at once with ENETUNREACH
};

struct CaptureCommand {
  std::vector<std::string> argv;                                  // argv[0] is sought in PATH
  std::map<std::string, std::optional<std::string>> environment;  // changes; nullopt removes
};

struct CaptureSpec {
  CaptureNetwork network;
  CaptureResolver resolver;
  CaptureCommand command;
};

// How the command ended.
struct CommandEnd {
  int exit_code = 0;  // its own; 128 + n on signal n; 127 not found, 126 not executable
  // Set when it never ran: "'foo': No such file or directory".
  std::optional<std::string> not_run;
};

// The command in its namespaces, waiting to be told to run. Its parent is a keeper process of ours.
// It has the caller's process group,
// terminal, folder and signal dispositions: the caller must have changed none to SIG_IGN (handlers
// are fine, exec resets them). It is killed when this process dies, however that happens. Root
// stays in its own user namespace where it may, so that all uids and groups exist inside.
class NamespacedCommand {
 public:
  // Forks; milliseconds, but for seconds when the kernel is busy with taking down other namespaces.
  // Throws Error denied or config (a namespace or a TUN is forbidden here: why, what to do), or
  // unavailable.
  static io::Task<NamespacedCommand> prepare(CaptureSpec spec);

  NamespacedCommand(NamespacedCommand&& other) noexcept;
  NamespacedCommand& operator=(NamespacedCommand&&) = delete;
  // Kills the command and all that it started, if something still runs.
  ~NamespacedCommand();

  // The namespace's TUN, for net::TunDevice.
  [[nodiscard]] UniqueFd take_tun() { return std::move(tun_); }
  // TCP sockets that listen on the interface's addresses, port as getsockname(2) says. The second
  // is empty without CaptureNetwork::v6 and where the kernel has no IPv6.
  [[nodiscard]] UniqueFd take_listener_v4() { return std::move(listener_v4_); }
  [[nodiscard]] UniqueFd take_listener_v6() { return std::move(listener_v6_); }

  // Lets the command start and waits until it has ended. Cancellation leaves it running.
  io::Task<CommandEnd> run();

  // Sends a signal to the command alone; no effect once it has ended.
  void send_signal(int signal) noexcept;

  // What listens inside now.
  [[nodiscard]] std::vector<TcpListener> listeners() const {
    return tcp_listeners(diagnosis_.get());
  }

  // A TCP socket to 127.0.0.1 or ::1 inside, perhaps still connecting; else the errno. While run().
  struct Dialled {
    UniqueFd socket;
    int error = 0;
  };
  io::Task<Dialled> dial_inside(bool v6, std::uint16_t port);

  // The keeper's.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  using Descriptor = io::asio::posix::stream_descriptor;

  NamespacedCommand(pid_t pid, Descriptor process, Descriptor channel, std::string name);

  io::Task<> receive_descriptors();
  void take_exec_error();
  io::Task<Dialled> dialled(std::uint32_t tag);
  void end_everything() noexcept;
  io::Task<int> wait_for_exit();

  pid_t pid_;           // of the keeper; 0 once reaped
  Descriptor process_;  // pidfd_open(2); readable when it has ended
  Descriptor channel_;  // to the keeper: descriptors and failures come out, "go" and signals go in
  std::string name_;    // argv[0]
  std::optional<int> exec_error_;
  std::unique_ptr<io::Event> dialled_;  // one asks at a time
  bool dialling_ = false;
  std::uint32_t dials_ = 0;
  std::string network_namespace_;
  UniqueFd tun_;
  UniqueFd listener_v4_;
  UniqueFd listener_v6_;
  UniqueFd diagnosis_;
};

}  // namespace kt::host
