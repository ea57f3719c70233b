// SPDX-License-Identifier: Apache-2.0
#include "host/netlink.h"

#include "base/bytes.h"
#include "base/error.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace kt::host {
namespace {

struct BinaryAddress {
  std::uint8_t family = 0;
  Bytes bytes;
};

template <class T>
BytesView bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

BinaryAddress to_binary(const std::string& text) {
  const bool v6 = text.find(':') != std::string::npos;
  BinaryAddress address{static_cast<std::uint8_t>(v6 ? AF_INET6 : AF_INET), Bytes(v6 ? 16 : 4)};
  if (::inet_pton(address.family, text.c_str(), address.bytes.data()) != 1) {
    throw Error(ErrorKind::bug, fmt::format("'{}': not an IP address", text));
  }
  return address;
}

unsigned index_of(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) {
    throw Error(ErrorKind::config, fmt::format("interface '{}': {}", interface, errno_text(errno)));
  }
  return index;
}

// The errno in a netlink acknowledgement, 0 for success; nothing for another message.
std::optional<int> acknowledged(BytesView reply) {
  nlmsghdr header{};
  nlmsgerr error{};
  if (reply.size() < NLMSG_HDRLEN + sizeof error) {
    return std::nullopt;
  }
  std::memcpy(&header, reply.data(), sizeof header);
  std::memcpy(&error, reply.data() + NLMSG_HDRLEN, sizeof error);
  return header.nlmsg_type == NLMSG_ERROR ? std::optional(-error.error) : std::nullopt;
}

}  // namespace

// One message: header, the request's own struct, attributes; each padded to four bytes.
class Netlink::Request {
 public:
  template <class Body>
  Request(std::uint16_t type, std::uint16_t flags, const Body& body) : message_(NLMSG_HDRLEN) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
    append(bytes_of(body));
  }

  void attribute(std::uint16_t type, BytesView value) {
    const rtattr header{static_cast<std::uint16_t>(RTA_LENGTH(value.size())), type};
    append(bytes_of(header));
    append(value);
  }

  [[nodiscard]] BytesView finish(std::uint32_t sequence) {
    header_.nlmsg_len = static_cast<std::uint32_t>(message_.size());
    header_.nlmsg_seq = sequence;
    std::memcpy(message_.data(), &header_, sizeof header_);
    return message_;
  }

 private:
  void append(BytesView value) {
    message_.insert(message_.end(), value.begin(), value.end());
    message_.resize(NLMSG_ALIGN(message_.size()));
  }

  nlmsghdr header_{};
  Bytes message_;
};

Netlink::Netlink() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  check_errno(socket_.get(), "open a netlink socket");
}

int Netlink::acknowledgement() {
  std::array<std::byte, 4096> reply{};
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), reply.data(), reply.size(), 0);
    if (count < 0) {
      return errno;
    }
    const auto error = acknowledged(BytesView(reply).first(static_cast<std::size_t>(count)));
    if (error) {
      return *error;
    }
  }
}

void Netlink::execute(Request& request, const std::string& doing) {
  const BytesView message = request.finish(++sequence_);
  const bool sent = ::send(socket_.get(), message.data(), message.size(), 0) >= 0;
  const int error = sent ? acknowledgement() : errno;
  if (error != 0) {
    throw Error(error == EPERM ? ErrorKind::denied : ErrorKind::config,
                fmt::format("{}: {}", doing, errno_text(error)));
  }
}

void Netlink::set_up(const std::string& interface) {
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index_of(interface));
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, 0, link);
  execute(request, fmt::format("set '{}' up", interface));
}

void Netlink::set_up(const std::string& interface, int mtu) {
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index_of(interface));
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, 0, link);
  request.attribute(IFLA_MTU, bytes_of(mtu));
  execute(request, fmt::format("set '{}' up with MTU {}", interface, mtu));
}

void Netlink::add_address(const std::string& interface, const InterfaceAddress& address) {
  const BinaryAddress binary = to_binary(address.address);
  ifaddrmsg message{};
  message.ifa_family = binary.family;
  message.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix_length);
  message.ifa_flags = IFA_F_NODAD;
  message.ifa_index = index_of(interface);
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, message);
  request.attribute(IFA_LOCAL, binary.bytes);
  request.attribute(IFA_ADDRESS, binary.bytes);
  execute(request,
          fmt::format("add '{}/{}' to '{}'", address.address, address.prefix_length, interface));
}

void Netlink::add_default_route(const std::string& interface, Family family) {
  const unsigned index = index_of(interface);
  rtmsg route{};
  route.rtm_family = family == Family::v6 ? AF_INET6 : AF_INET;
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = family == Family::v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  route.rtm_type = RTN_UNICAST;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  request.attribute(RTA_OIF, bytes_of(index));
  execute(request, fmt::format("add a default route by '{}'", interface));
}

}  // namespace kt::host
