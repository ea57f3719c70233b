// SPDX-License-Identifier: Apache-2.0
// Runs one command with a network and a resolver of its own, without root: new user, network and
// mount namespaces (user_namespaces(7)), in which everything leaves by a TUN that this process
// reads. Nothing outside the command changes, and nothing is left when its last process is gone.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "io/async.h"

namespace kt::host {

struct InterfaceAddress {
  std::string address;    // "198.18.77.1"
  int prefix_length = 0;  // 30
};

// The namespace's only interface beside lo; the default routes go to it. An address of link-local
// scope (169.254/16) would make programs prefer IPv6 (RFC 6724, rule 2): take 198.18/15 (RFC 2544).
struct CaptureNetwork {
  std::string interface = "kt0";
  int mtu = 65'535;  // one packet costs the same whatever its size; this one never fragments UDP
  InterfaceAddress v4;
  std::optional<InterfaceAddress> v6;  // without it IPv6 fails at once with ENETUNREACH
};

// What the command finds in /etc. Sources of names that bypass resolv.conf are masked.
struct CaptureResolver {
  std::string resolv_conf;  // the whole text
  std::string extra_hosts;  // lines to append to /etc/hosts; may be empty
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

// The command in its namespaces, waiting to be told to run. It has the caller's process group,
// terminal, folder and signal dispositions: the caller must have changed none to SIG_IGN (handlers
// are fine). It is killed when this process dies, however that happens. Root keeps its own user
// namespace where it may, so that all uids and groups exist inside.
class NamespacedCommand {
 public:
  // Forks; milliseconds, but for seconds when the kernel is busy with taking down other namespaces.
  // Throws Error config (a namespace or a TUN is forbidden here: why and what to do), or unavailable.
  static io::Task<NamespacedCommand> prepare(CaptureSpec spec);

  NamespacedCommand(NamespacedCommand&& other) noexcept;
  NamespacedCommand& operator=(NamespacedCommand&& other) noexcept = delete;
  // Kills the command if it still runs, and reaps it.
  ~NamespacedCommand();

  // The namespace's TUN, for net::TunDevice.
  [[nodiscard]] UniqueFd take_tun();
  // A TCP socket that listens on the interface's address, port as getsockname(2) says.
  [[nodiscard]] UniqueFd take_listener_v4();
  // The same for IPv6; empty without CaptureNetwork::v6 or where the kernel has no IPv6.
  [[nodiscard]] UniqueFd take_listener_v6();

  // Lets the command start and waits until it has ended. Cancellation leaves it running: stop() it,
  // or let the destructor kill it.
  io::Task<CommandEnd> run();

  // Sends a signal to the command alone; no effect once it has ended.
  void send_signal(int signal) noexcept;

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  NamespacedCommand(const io::Executor& executor, pid_t pid, UniqueFd pidfd, UniqueFd channel);

  io::Task<> receive_descriptors();
  io::Task<int> exec_error();
  io::Task<int> wait_for_exit();

  io::Executor executor_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd channel_;  // to the child: descriptors and failures come out, "go" goes in
  UniqueFd tun_;
  UniqueFd listener_v4_;
  UniqueFd listener_v6_;
};

}  // namespace kt::host
