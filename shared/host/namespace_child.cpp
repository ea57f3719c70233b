// SPDX-License-Identifier: Apache-2.0
#include "host/namespace_child.h"

#include "base/bytes.h"
#include "base/error.h"
#include "host/descriptor_passing.h"
#include "host/tun_interface.h"
#include "host/userns_refusal.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <utility>

namespace kt::host {
namespace {

// What the parent gets.
struct Descriptors {
  UniqueFd tun;
  UniqueFd listener_v4;
  UniqueFd listener_v6;
};

bool write_proc(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void write_map(const char* path, const std::string& text) {
  if (!write_proc(path, text)) {
    throw userns_refusal(fmt::format("write '{}'", path), errno, read_userns_facts());
  }
}

// Only the caller's own ids exist inside; an ordinary user may map no others (user_namespaces(7)).
void enter_user_namespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) {
    throw userns_refusal("create a user namespace", errno, read_userns_facts());
  }
  write_map("/proc/self/setgroups", "deny");
  write_map("/proc/self/uid_map", fmt::format("{0} {0} 1", uid));
  write_map("/proc/self/gid_map", fmt::format("{0} {0} 1", gid));
}

// Who may open ping sockets (icmp(7)). Not fatal: /proc/sys is read-only in many containers, and
// then only ping fails.
void allow_ping(bool all_groups) {
  const std::string range = all_groups ? "0 2147483647" : fmt::format("{0} {0}", ::getegid());
  (void)write_proc("/proc/sys/net/ipv4/ping_group_range", range);
}

void enter_namespaces() {
  const bool root = ::geteuid() == 0 && ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0;
  if (!root) {
    enter_user_namespace();
  }
  allow_ping(root);
}

// AppArmor lets a user namespace be made and then denies its capabilities.
template <class Work>
void with_capabilities(const Work& work) {
  try {
    work();
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::denied) {
      throw userns_refusal(e.message(), EPERM, read_userns_facts());
    }
    throw;
  }
}

UniqueFd listen_on(int family, const sockaddr* address, socklen_t size) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  check_errno(socket.get(), "open the listener");
  check_errno(::bind(socket.get(), address, size), "bind the listener");
  // The kernel cuts it to net.core.somaxconn.
  check_errno(::listen(socket.get(), SOMAXCONN), "listen");
  return socket;
}

UniqueFd listen_v4(const std::string& address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  KT_ASSERT(::inet_pton(AF_INET, address.c_str(), &name.sin_addr) == 1);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  return listen_on(AF_INET, reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

UniqueFd listen_v6(const std::string& address) {
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  KT_ASSERT(::inet_pton(AF_INET6, address.c_str(), &name.sin6_addr) == 1);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  return listen_on(AF_INET6, reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

// Empty where the kernel has no IPv6, or has it switched off.
UniqueFd set_up_v6(Netlink& netlink, const CaptureNetwork& network) {
  try {
    netlink.add_address(network.interface, *network.v6);
    netlink.add_default_route(network.interface, Netlink::Family::v6);
    return listen_v6(network.v6->address);
  } catch (const Error&) {
    return {};
  }
}

Descriptors set_up_network(const CaptureNetwork& network) {
  Descriptors descriptors;
  descriptors.tun = create_tun(network.interface);
  Netlink netlink;
  netlink.set_up("lo");  // which gives it 127.0.0.1 and ::1
  netlink.set_up(network.interface, network.mtu);
  netlink.add_address(network.interface, network.v4);
  netlink.add_default_route(network.interface, Netlink::Family::v4);
  descriptors.listener_v4 = listen_v4(network.v4.address);
  if (network.v6) {
    descriptors.listener_v6 = set_up_v6(netlink, network);
  }
  return descriptors;
}

void report_ready(int channel, const Descriptors& descriptors) {
  std::vector<int> passed{descriptors.tun.get(), descriptors.listener_v4.get()};
  if (descriptors.listener_v6) {
    passed.push_back(descriptors.listener_v6.get());
  }
  const std::byte ready{static_cast<unsigned char>(ChildMessage::ready)};
  send_message(channel, BytesView(&ready, 1), passed);
}

void report_failure(int channel, const Error& error) {
  Bytes message;
  ByteWriter writer(message);
  writer.u8(static_cast<std::uint8_t>(ChildMessage::failed));
  writer.u8(static_cast<std::uint8_t>(error.kind()));
  writer.text(error.message());
  writer.u8(0);
  writer.text(error.hint());
  message.resize(std::min(message.size(), max_passed_bytes));
  send_message(channel, message, {});
}

void prepare(const CaptureSpec& spec, int channel) {
  enter_namespaces();
  Descriptors descriptors;
  with_capabilities([&] { descriptors = set_up_network(spec.network); });
  mount_resolver(spec.resolver);
  report_ready(channel, descriptors);
}

// False when the parent is gone or gave up.
bool wait_for_go(int channel) {
  const auto message = receive_message(channel);
  return message && !message->bytes.empty();
}

// Set as late as this because every change of credentials clears it (prctl(2)); the parent may have
// died before.
bool die_with(pid_t parent) {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
}

void change_environment(const CaptureCommand& command) {
  for (const auto& [name, value] : command.environment) {
    if (value) {
      ::setenv(name.c_str(), value->c_str(), 1);
    } else {
      ::unsetenv(name.c_str());
    }
  }
}

bool is_in_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::faccessat(AT_FDCWD, (folder + "/" + name).c_str(), F_OK, 0) == 0) {
      return true;
    }
  }
  return false;
}

// execvp(3) also says EACCES when it was not let into some folder of PATH; no shell does.
int meant_by(int error, const std::string& name) {
  const bool sought = name.find('/') == std::string::npos;
  return error == EACCES && sought && !is_in_path(name) ? ENOENT : error;
}

// Returns the errno when there is no such command or it cannot be executed.
int execute(const CaptureCommand& command) {
  std::vector<char*> argv;
  for (const std::string& word : command.argv) {
    argv.push_back(const_cast<char*>(word.c_str()));  // exec(3) does not write to it
  }
  argv.push_back(nullptr);
  change_environment(command);
  ::execvp(argv.front(), argv.data());
  return meant_by(errno, command.argv.front());
}

void report_exec_error(int channel, int error) {
  Bytes message;
  ByteWriter writer(message);
  writer.u8(static_cast<std::uint8_t>(ChildMessage::exec_failed));
  writer.u32(static_cast<std::uint32_t>(error));
  send_message(channel, message, {});
}

void live(const CaptureSpec& spec, int channel, pid_t parent) {
  try {
    prepare(spec, channel);
  } catch (const Error& e) {
    report_failure(channel, e);
    return;
  }
  if (wait_for_go(channel) && die_with(parent)) {
    report_exec_error(channel, execute(spec.command));
  }
}

}  // namespace

void run_child(const CaptureSpec& spec, UniqueFd channel, pid_t parent) noexcept {
  try {
    live(spec, channel.get(), parent);
  } catch (const std::exception&) {
    // The channel itself broke: nobody is there to be told.
  }
  // Neither destructors nor atexit: they are the parent's.
  ::_exit(1);
}

}  // namespace kt::host
