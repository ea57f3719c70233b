// SPDX-License-Identifier: Apache-2.0
#include "host/tcp_listeners.h"

#include "base/error.h"
#include "host/processes.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

namespace kt::host {
namespace {

namespace fs = std::filesystem;

constexpr unsigned listening = 10;                // TCP_LISTEN of the kernel's net/tcp_states.h
constexpr std::size_t datagram_size = 32 * 1024;  // as the kernel fills them (netlink(7))

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

void ask(int diagnosis, int family) {
  Question question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.request.sdiag_family = static_cast<std::uint8_t>(family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = 1U << listening;
  check_errno(static_cast<int>(::send(diagnosis, &question, sizeof question, 0)),
              "ask for listeners");
}

bool is_on_loopback(const inet_diag_msg& message) {
  const auto* const words = static_cast<const std::uint32_t*>(message.id.idiag_src);
  if (message.idiag_family == AF_INET) {
    const std::uint32_t address = ntohl(words[0]);
    return address == INADDR_ANY || address >> 24 == 127;
  }
  const bool zeros = words[0] == 0 && words[1] == 0 && words[2] == 0;
  return zeros && (words[3] == 0 || ntohl(words[3]) == 1);
}

std::optional<TcpListener> read_listener(BytesView body) {
  inet_diag_msg message{};
  if (body.size() < sizeof message) {
    return std::nullopt;
  }
  std::memcpy(&message, body.data(), sizeof message);
  return TcpListener{ntohs(message.id.idiag_sport), message.idiag_family == AF_INET6,
                     is_on_loopback(message), message.idiag_inode};
}

// False too for a process that is not ours to look at, or ends meanwhile.
bool has_socket(pid_t pid, std::uint32_t inode) {
  const std::string wanted = fmt::format("socket:[{}]", inode);
  std::error_code ec;
  fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), ec);
  for (const fs::directory_iterator end; !ec && entry != end; entry.increment(ec)) {
    std::error_code unreadable;
    if (fs::read_symlink(entry->path(), unreadable) == wanted) {
      return true;
    }
  }
  return false;
}

std::string name_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return fmt::format("{} (pid {})", name, pid);
}

}  // namespace

UniqueFd open_socket_diagnosis() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  check_errno(socket.get(), "open sock_diag");
  return socket;
}

std::vector<TcpListener> tcp_listeners(int diagnosis) {
  std::vector<TcpListener> listeners;
  Bytes datagram(datagram_size);
  for (const int family : {AF_INET, AF_INET6}) {
    ask(diagnosis, family);
    bool over = false;
    while (!over) {
      const auto size = static_cast<std::size_t>(
          check_errno(static_cast<int>(::recv(diagnosis, datagram.data(), datagram.size(), 0)),
                      "list listeners"));
      over = read_diagnosis(BytesView(datagram).first(size), listeners);
    }
  }
  return listeners;
}

bool read_diagnosis(BytesView datagram, std::vector<TcpListener>& into) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof header);
    const bool cut = header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size();
    if (cut || header.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
      return true;  // NLMSG_DONE, NLMSG_ERROR, or not understood
    }
    const BytesView body = datagram.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
    if (const auto listener = read_listener(body)) {
      into.push_back(*listener);
    }
    datagram =
        datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  return false;
}

std::string owner_of_port(std::uint16_t port) {
  const std::vector<TcpListener> all = tcp_listeners(open_socket_diagnosis().get());
  const auto taken = std::ranges::find_if(
      all, [port](const TcpListener& l) { return l.port == port && l.on_loopback; });
  if (taken == all.end()) {
    return {};
  }
  for (const pid_t pid : running_processes()) {
    if (has_socket(pid, taken->inode)) {
      return name_of(pid);
    }
  }
  return {};
}

}  // namespace kt::host
