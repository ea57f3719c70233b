// SPDX-License-Identifier: Apache-2.0
#include "agent/attach.h"

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "host/descriptor_passing.h"
#include "io/readiness.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace kt::agent {
namespace {

namespace asio = io::asio;
using Unix = asio::local::stream_protocol;

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
  co_await io::with_timeout(std::chrono::seconds(1), "attach", io::until_readable(control));
  std::optional<host::PassedMessage> channel = host::receive_message(control.native_handle());
  if (!channel || channel->descriptors.size() != 2) {
    co_return;
  }
  UniqueFd control_fd(control.release());
  on_attached({peer.pid, std::move(channel->descriptors[0]), std::move(channel->descriptors[1]),
               io::adopt_socket(executor, std::move(control_fd))});
}

class AttachedLink final : public io::ByteStream {
 public:
  AttachedLink(const io::Executor& executor, Attached attached)
      : input_(executor, attached.input.release()),
        output_(executor, attached.output.release()),
        control_(std::move(attached.control)) {}

  io::Task<std::size_t> read_some(MutableBytes into) override {
    io::error_code ec;
    const std::size_t count = co_await input_.async_read_some(
        asio::buffer(into.data(), into.size()), asio::redirect_error(io::use_task, ec));
    if (ec == asio::error::eof) {
      co_return 0;
    }
    check(ec);
    co_return count;
  }
  io::Task<> write_all(BytesView from) override {
    io::error_code ec;
    co_await asio::async_write(output_, asio::buffer(from.data(), from.size()),
                               asio::redirect_error(io::use_task, ec));
    check(ec);
  }
  void close() noexcept override {
    io::error_code ignored;
    input_.close(ignored);
    output_.close(ignored);
    control_.close(ignored);
  }

 private:
  static void check(const io::error_code& ec) {
    if (ec == asio::error::operation_aborted) {
      throw boost::system::system_error(ec);
    }
    if (ec) {
      throw Error(ErrorKind::unavailable, "link 0: " + ec.message());
    }
  }

  asio::posix::stream_descriptor input_;
  asio::posix::stream_descriptor output_;
  io::Socket control_;
};

}  // namespace

std::unique_ptr<io::ByteStream> as_link(const io::Executor& executor, Attached attached) {
  return std::make_unique<AttachedLink>(executor, std::move(attached));
}

int run_attach(const std::string& socket_path) {
  const UniqueFd control = connect_to(socket_path);
  if (!control) {
    return 1;
  }
  host::send_message(control.get(), as_bytes("a"), {STDIN_FILENO, STDOUT_FILENO});
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
