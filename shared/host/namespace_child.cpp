// SPDX-License-Identifier: Apache-2.0
#include "host/namespace_child.h"

#include "base/bytes.h"
#include "base/error.h"
#include "host/command_keeper.h"
#include "host/descriptor_passing.h"
#include "host/tun_interface.h"
#include "host/userns_refusal.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <utility>

namespace kt::host {
namespace {

// What the parent gets.
struct Descriptors {
  UniqueFd tun;
  UniqueFd listener_v4;
  UniqueFd listener_v6;
  UniqueFd diagnosis;
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
UniqueFd set_up_v6(Netlink& netlink, const std::string& interface,
                   const InterfaceAddress& address) {
  try {
    netlink.add_address(interface, address);
    netlink.add_default_route(interface, Netlink::Family::v6);
    return listen_v6(address.address);
  } catch (const Error&) {
    return {};
  }
}

Descriptors set_up_network(const CaptureNetwork& network) {
  Descriptors descriptors;
  descriptors.tun = create_tun(network.interface);
  descriptors.diagnosis = open_socket_diagnosis();
  Netlink netlink;
  netlink.set_up("lo");  // which gives it 127.0.0.1 and ::1
  netlink.set_up(network.interface, network.mtu);
  netlink.add_address(network.interface, network.v4);
  netlink.add_default_route(network.interface, Netlink::Family::v4);
  descriptors.listener_v4 = listen_v4(network.v4.address);
  if (network.v6) {
    descriptors.listener_v6 = set_up_v6(netlink, network.interface, *network.v6);
  }
  return descriptors;
}

void report_ready(int channel, const Descriptors& descriptors) {
  std::vector<int> passed{descriptors.tun.get(), descriptors.listener_v4.get(),
                          descriptors.diagnosis.get()};
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

// The parent's own descriptors: kept open here, its peers would not see when it closes them. Those
// that exec(3) would keep are the user's, for the command.
void close_parents_descriptors(int channel) {
  std::vector<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    all.push_back(std::stoi(entry.path().filename().string()));
  }
  for (const int fd : all) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (fd != channel && flags >= 0 && (flags & FD_CLOEXEC) != 0) {
      ::close(fd);
    }
  }
}

void live(const CaptureSpec& spec, int channel) {
  close_parents_descriptors(channel);
  try {
    prepare(spec, channel);
  } catch (const Error& e) {
    report_failure(channel, e);
    return;
  }
  if (wait_for_go(channel)) {
    ::_exit(keep_command(spec.command, channel));
  }
}

}  // namespace

void run_child(const CaptureSpec& spec, UniqueFd channel) noexcept {
  try {
    live(spec, channel.get());
  } catch (const std::exception&) {
    // The channel itself broke: nobody is there to be told.
  }
  // Neither destructors nor atexit: they are the parent's.
  ::_exit(1);
}

}  // namespace kt::host
