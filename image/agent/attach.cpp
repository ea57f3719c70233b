// SPDX-License-Identifier: Apache-2.0
#include "agent/attach.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/socket_base.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace kt::agent {
namespace {

namespace asio = io::asio;
using Unix = asio::local::stream_protocol;

// One descriptor as ancillary data needs this much room.
constexpr std::size_t fd_room = CMSG_SPACE(sizeof(int));

// A message of one byte with the descriptor beside it; sendmsg(2) wants at least one byte.
bool send_fd(int socket, int fd) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, fd_room> room{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

UniqueFd receive_fd(int socket) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, fd_room> room{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) {
    return {};
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return {};
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

UniqueFd connect_to(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), generic, sizeof address) != 0) {
    socket.reset();
  }
  return socket;
}

ucred peer_of(int socket) {
  ucred peer{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
  socklen_t length = sizeof peer;
  (void)::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  return peer;
}

// The peer sends its descriptor at once; a second is generous.
io::Task<> take(Unix::socket control, const std::function<void(Attached)>& on_attached) {
  const io::Executor executor = co_await asio::this_coro::executor;
  const ucred peer = peer_of(control.native_handle());
  if (peer.uid != ::getuid()) {
    co_return;
  }
  co_await io::with_timeout(std::chrono::seconds(1), "attach",
                            control.async_wait(asio::socket_base::wait_read, io::use_task));
  UniqueFd channel = receive_fd(control.native_handle());
  if (!channel) {
    co_return;
  }
  UniqueFd control_fd(control.release());
  on_attached({peer.pid, io::adopt_socket(executor, std::move(channel)),
               io::adopt_socket(executor, std::move(control_fd))});
}

class AttachedLink final : public io::ByteStream {
 public:
  explicit AttachedLink(Attached attached)
      : channel_(std::move(attached.channel)), control_(std::move(attached.control)) {}

  io::Task<std::size_t> read_some(MutableBytes into) override { return channel_.read_some(into); }
  io::Task<> write_all(BytesView from) override { return channel_.write_all(from); }
  void close() noexcept override {
    channel_.close();
    io::error_code ignored;
    control_.close(ignored);
  }

 private:
  io::SocketStream channel_;
  io::Socket control_;
};

}  // namespace

std::unique_ptr<io::ByteStream> as_link(Attached attached) {
  return std::make_unique<AttachedLink>(std::move(attached));
}

int run_attach(const std::string& socket_path) {
  const UniqueFd control = connect_to(socket_path);
  if (!control || !send_fd(control.get(), STDIN_FILENO)) {
    return 1;
  }
  char ignored = 0;
  while (::read(control.get(), &ignored, 1) < 0 && errno == EINTR) {
  }
  return 0;
}

io::Task<> serve_attach(std::string socket_path, std::function<void(Attached)> on_attached) {
  const io::Executor executor = co_await asio::this_coro::executor;
  ::unlink(socket_path.c_str());  // of an earlier agent in this pod
  const mode_t before = ::umask(0177);
  Unix::acceptor acceptor(executor, Unix::endpoint(socket_path));
  ::umask(before);
  while (true) {
    Unix::socket control = co_await acceptor.async_accept(io::use_task);
    try {
      co_await take(std::move(control), on_attached);
    } catch (const Error& e) {
      log::debug("attach", "{}", e.message());
    }
  }
}

}  // namespace kt::agent
