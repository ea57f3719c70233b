// SPDX-License-Identifier: Apache-2.0
#include "agent/door.h"

#include "agent/greeting.h"
#include "agent/listen.h"
#include "agent/sshd.h"
#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "tls/psk_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace kt::agent {
namespace {

namespace asio = io::asio;
namespace names = cluster::names;
using io::Task;

// Looks at what has come without taking it, until it is known what the caller wants. What arrives
// behind a greeting stays in the socket for whoever serves it.
Task<Greeted> look(io::Socket& socket) {
  std::array<std::byte, head_limit> bytes;
  int awaited = 1;
  while (true) {
    // Sleeps until there is more than what was seen already.
    (void)::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &awaited, sizeof awaited);
    co_await socket.async_wait(io::Socket::wait_read, io::use_task);
    const ssize_t size =
        ::recv(socket.native_handle(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) {
      continue;
    }
    const Greeted greeted = size <= 0
                                ? Greeted{Greeting::unknown, 0}
                                : greet(BytesView(bytes).first(static_cast<std::size_t>(size)));
    const bool ended = size > 0 && size < awaited;  // woken by an end of file
    if (greeted.kind != Greeting::need_more || ended) {
      awaited = 1;
      (void)::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &awaited, sizeof awaited);
      co_return ended&& greeted.kind == Greeting::need_more ? Greeted{Greeting::unknown, 0}
                                                            : greeted;
    }
    awaited = static_cast<int>(size) + 1;
  }
}

std::string_view name_of(Greeting kind) {
  switch (kind) {
    case Greeting::need_more:
    case Greeting::unknown:
      return "nothing that is here";
    case Greeting::readyz:
      return "to know whether we are ready";
    case Greeting::upgrade:
      return "an upgrade";
    case Greeting::ssh:
      return "SSH";
    case Greeting::tls:
      return "TLS";
  }
  return {};
}

Task<> skip(io::Socket& socket, std::size_t count) {
  Bytes head(count);
  co_await asio::async_read(socket, asio::buffer(head), io::use_task);
}

Task<> say(io::Socket& socket, std::string text) {
  co_await asio::async_write(socket, asio::buffer(text), io::use_task);
}

std::string switching_protocols() {
  return fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n",
      names::door_protocol);
}

std::string readyz_answer(bool ready) {
  const std::string_view body = ready ? "ok\n" : "not ready\n";
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      ready ? "200 OK" : "503 Service Unavailable", body.size(), body);
}

mux::SessionId session_id(BytesView identity) {
  mux::SessionId id{};
  std::copy_n(identity.begin(), std::min(identity.size(), id.size()), id.begin());
  return id;
}

}  // namespace

// Somebody at the door. `hold` is a second descriptor of the socket: shutting it down ends whatever
// waits on the first.
struct Door::Caller {
  Caller(io::Socket connected, UniqueFd held)
      : socket(std::move(connected)), hold(std::move(held)) {}

  io::Socket socket;
  UniqueFd hold;
  io::TimePoint since = io::Clock::now();
  std::unique_ptr<Sshd> sshd;
  bool proven = false;

  void evict() {
    ::shutdown(hold.get(), SHUT_RDWR);
    if (sshd != nullptr) {
      sshd->kill();
    }
  }
};

Door::Door(const io::Executor& executor, Options options, Sessions& sessions)
    : executor_(executor),
      options_(std::move(options)),
      sessions_(sessions),
      acceptor_(listen_on(executor, options_.port)),
      tasks_(executor) {}

Door::~Door() = default;

Task<> Door::run() {
  tasks_.spawn(serve_attach(options_.attach_socket,
                            [this](Attached attached) { on_attached(std::move(attached)); }));
  tasks_.spawn(reap_children());
  tasks_.spawn(accept_callers());
  co_await tasks_.join();
}

Task<> Door::accept_callers() {
  while (true) {
    io::Socket socket = co_await accept_caller(acceptor_);
    make_room();
    UniqueFd hold(::fcntl(socket.native_handle(), F_DUPFD_CLOEXEC, 0));
    callers_.emplace_back(std::move(socket), std::move(hold));
    tasks_.spawn(receive(std::prev(callers_.end())));
  }
}

// The oldest unproven caller leaves when there are too many, so that the owner always gets in: no
// cap by source, since everybody comes from the API server's address or the loopback.
void Door::make_room() {
  std::size_t unproven = 0;
  Caller* oldest = nullptr;
  for (Caller& caller : callers_) {
    if (!caller.proven) {
      ++unproven;
      oldest = oldest == nullptr ? &caller : oldest;
    }
  }
  if (unproven >= options_.unproven_limit) {
    oldest->evict();
    oldest->proven = true;  // on its way out: not counted again
  }
}

Task<> Door::receive(Callers::iterator caller) {
  try {
    co_await greet(*caller);
  } catch (const Error& e) {
    log::debug("door", "caller turned away: {}", e.message());
  } catch (const boost::system::system_error& e) {
    log::debug("door", "caller left: {}", e.code().message());
  }
  callers_.erase(caller);
}

namespace {

// Everything up to TLS or SSH.
Task<> pass_http(io::Socket& socket, const std::function<bool()>& ready, Greeted& greeted) {
  greeted = co_await look(socket);
  if (greeted.kind == Greeting::readyz) {
    co_await skip(socket, greeted.head_length);
    co_await say(socket, readyz_answer(ready()));
  }
  if (greeted.kind == Greeting::upgrade) {
    co_await skip(socket, greeted.head_length);
    co_await say(socket, switching_protocols());
    greeted = co_await look(socket);
  }
}

}  // namespace

Task<> Door::greet(Caller& caller) {
  Greeted greeted{Greeting::unknown, 0};
  co_await io::with_timeout(options_.unproven_time, "greeting",
                            pass_http(caller.socket, options_.ready, greeted));
  log::debug("door", "a caller wants {}", name_of(greeted.kind));
  if (greeted.kind == Greeting::tls) {
    co_await serve_tls(caller);
  }
  if (greeted.kind == Greeting::ssh) {
    co_await serve_ssh(caller);
  }
}

Task<> Door::serve_tls(Caller& caller) {
  std::optional<mux::SessionId> proven;
  const auto lookup = [this, &proven](BytesView identity) {
    const std::optional<mux::Key> key = sessions_.key_of(identity);
    proven = key ? std::optional(session_id(identity)) : std::nullopt;
    return key;
  };
  auto link = co_await tls::PskStream::accept(
      std::make_unique<io::SocketStream>(std::move(caller.socket)), lookup, options_.unproven_time);
  caller.proven = true;
  if (proven) {
    co_await sessions_.serve_data_link(std::move(link), *proven);
  }
}

Task<> Door::serve_ssh(Caller& caller) {
  std::size_t running = 0;
  for (Caller& other : callers_) {
    running += !other.proven && other.sshd != nullptr ? 1 : 0;
  }
  for (auto other = callers_.begin(); running >= options_.unproven_ssh_limit; ++other) {
    if (!other->proven && other->sshd != nullptr) {
      other->evict();
      other->proven = true;
      --running;
    }
  }
  UniqueFd socket(caller.socket.release());
  const int flags = ::fcntl(socket.get(), F_GETFL);
  ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK);  // sshd expects a blocking one
  caller.sshd = std::make_unique<Sshd>(executor_, options_.sshd, socket);
  socket.reset();
  try {
    co_await io::with_timeout(options_.unproven_time, "SSH login", caller.sshd->wait());
  } catch (const Error&) {
    if (!caller.proven) {
      caller.evict();
      throw;
    }
  }
  co_await caller.sshd->wait();
  ::shutdown(caller.hold.get(), SHUT_RDWR);
}

void Door::on_attached(Attached attached) {
  for (Caller& caller : callers_) {
    if (caller.sshd != nullptr && caller.sshd->is_ancestor_of(attached.attach_process)) {
      caller.proven = true;
      tasks_.spawn(serve_attached(std::move(attached)));
      return;
    }
  }
}

Task<> Door::serve_attached(Attached attached) {
  try {
    co_await sessions_.serve_first_link(as_link(executor_, std::move(attached)));
  } catch (const Error& e) {
    log::debug("door", "link 0: {}", e.message());
  }
}

}  // namespace kt::agent
