// SPDX-License-Identifier: Apache-2.0
#include "host/descriptor_passing.h"

#include "base/error.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace kt::host {
namespace {

constexpr std::size_t control_size = CMSG_SPACE(max_passed_descriptors * sizeof(int));

std::vector<UniqueFd> take_descriptors(msghdr& header) {
  std::vector<UniqueFd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

}  // namespace

void send_message(int socket, BytesView bytes, const std::vector<int>& descriptors) {
  KT_ASSERT(!bytes.empty() && descriptors.size() <= max_passed_descriptors);
  alignas(cmsghdr) std::array<char, control_size> control{};
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};  // sendmsg only reads it
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  if (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    throw Error(ErrorKind::unavailable, "send descriptors: " + errno_text(errno));
  }
}

std::optional<PassedMessage> receive_message(int socket, std::size_t limit) {
  alignas(cmsghdr) std::array<char, control_size> control{};
  PassedMessage message{Bytes(limit), {}};
  iovec part{message.bytes.data(), message.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t count = -1;
  do {
    count = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno == EAGAIN) {
      return std::nullopt;
    }
    throw Error(ErrorKind::unavailable, "receive descriptors: " + errno_text(errno));
  }
  message.bytes.resize(static_cast<std::size_t>(count));
  message.descriptors = take_descriptors(header);
  return message;
}

}  // namespace kt::host
