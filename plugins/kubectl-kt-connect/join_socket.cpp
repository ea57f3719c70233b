// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/join_socket.h"

#include "base/bytes.h"
#include "base/log.h"
#include "host/descriptor_passing.h"
#include "io/readiness.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

namespace kt::connect {
namespace {

// A command line may be long; a message that is longer is refused by the kernel
// (net.core.wmem_max).
constexpr std::size_t longest_message = 128 * 1024;
constexpr int backlog = 64;

UniqueFd unix_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  check_errno(fd.get(), "open a Unix socket");
  return fd;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw Error(ErrorKind::config, fmt::format("socket '{}': the name is too long", path),
                "set XDG_RUNTIME_DIR to a folder with a shorter name");
  }
  path.copy(address.sun_path, path.size());
  return address;
}

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

JoinSocket::JoinSocket(const io::Executor& executor, UniqueFd fd) : descriptor_(executor) {
  check_errno(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), "join socket");
  descriptor_.assign(fd.release());
}

io::Task<std::optional<JoinSocket::Received>> JoinSocket::receive() {
  co_await io::until_readable(descriptor_);
  std::optional<Received> received;
  auto taken = host::receive_message(descriptor_.native_handle(), longest_message);
  if (taken) {
    if (auto message = decode(to_string(taken->bytes))) {
      received = Received{std::move(*message), std::move(taken->descriptors)};
    }
  }
  co_return received;
}

bool JoinSocket::send(const JoinMessage& message, const std::vector<int>& descriptors) noexcept {
  try {
    const std::string text = encode(message);
    host::send_message(descriptor_.native_handle(), as_bytes(text), descriptors);
    return true;
  } catch (const std::exception& e) {
    log::debug("join", "{}", e.what());
    return false;
  }
}

void JoinSocket::finish() noexcept {
  (void)::shutdown(descriptor_.native_handle(), SHUT_WR);
}

void JoinSocket::keep_until_exit() noexcept {
  (void)descriptor_.release();
}

std::pair<UniqueFd, UniqueFd> join_socket_pair() {
  std::array<int, 2> ends{-1, -1};
  check_errno(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()),
              "open a socket pair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd listen_for_joiners(const std::string& path) {
  UniqueFd fd = unix_socket();
  const sockaddr_un address = address_of(path);
  (void)::unlink(path.c_str());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd.get(), generic(address), sizeof address);
  ::umask(before);
  if (bound != 0 || ::listen(fd.get(), backlog) != 0) {
    throw Error(ErrorKind::config, fmt::format("socket '{}': {}", path, errno_text(errno)));
  }
  return fd;
}

UniqueFd dial_holder(const std::string& path) {
  UniqueFd fd = unix_socket();
  const sockaddr_un address = address_of(path);
  if (::connect(fd.get(), generic(address), sizeof address) != 0) {
    fd.reset();
  }
  return fd;
}

bool is_same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::getuid();
}

}  // namespace kt::connect
