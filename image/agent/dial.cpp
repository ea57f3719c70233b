// SPDX-License-Identifier: Apache-2.0
#include "agent/dial.h"

#include "agent/address.h"
#include "io/relay.h"
#include "io/socket_stream.h"
#include "io/task_group.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace kt::agent {
namespace {

namespace asio = io::asio;
using io::error_code;
using io::Task;
using std::chrono::seconds;
using DatagramSocket = asio::generic::datagram_protocol::socket;

// A conversation of datagrams that nobody used for so long is over (as conntrack's UDP streams).
constexpr seconds datagram_idle{120};

// connect(2)'s errno; ECONNABORTED for what has none.
int errno_of(const error_code& ec) {
  const bool system = ec.category() == boost::system::system_category();
  return system ? ec.value() : ECONNABORTED;
}

Task<> dial_tcp(mux::Stream& stream) {
  const mux::Endpoint to = stream.target().to;
  io::Socket socket(co_await asio::this_coro::executor);
  error_code ec;
  co_await socket.async_connect(asio::ip::tcp::endpoint(to_asio(to.address), to.port),
                                asio::redirect_error(io::use_task, ec));
  if (ec) {
    stream.failed(errno_of(ec));
    co_return;
  }
  stream.opened();
  co_await io::relay(std::move(socket), stream);
}

// UDP, or the kernel's ping socket (icmp(7)), which puts an id of its own into the message.
int open_datagram_socket(const mux::Target& target) {
  const int family = target.to.address.is_v6() ? AF_INET6 : AF_INET;
  int protocol = IPPROTO_UDP;
  if (target.protocol == mux::Protocol::icmp_echo) {
    protocol = family == AF_INET6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
  }
  return ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

// One conversation: datagrams both ways until it fell idle, or its far end refused.
struct Conversation {
  mux::Stream& stream;
  DatagramSocket socket;
  io::TimePoint last_used = io::Clock::now();
};

Task<> send_datagrams(Conversation& talk) {
  while (true) {
    const std::optional<Bytes> datagram = co_await talk.stream.receive_datagram();
    if (!datagram) {
      talk.socket.cancel();
      co_return;
    }
    talk.last_used = io::Clock::now();
    // A full socket buffer or an earlier ICMP error drops this one, as networks do.
    (void)::send(talk.socket.native_handle(), datagram->data(), datagram->size(), MSG_DONTWAIT);
  }
}

Task<> receive_datagrams(Conversation& talk) {
  // One buffer for all conversations: it is used between two suspensions only.
  static std::array<std::byte, mux::max_datagram> buffer;
  while (true) {
    error_code ec;
    co_await talk.socket.async_wait(DatagramSocket::wait_read,
                                    asio::redirect_error(io::use_task, ec));
    if (ec) {
      co_return;
    }
    const ssize_t size =
        ::recv(talk.socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN) {
      talk.stream.reset(errno);  // ECONNREFUSED: the far host's ICMP error
      co_return;
    }
    if (size >= 0) {
      talk.last_used = io::Clock::now();
      talk.stream.send_datagram(BytesView(buffer).first(static_cast<std::size_t>(size)));
    }
  }
}

Task<> end_when_idle(Conversation& talk) {
  while (!talk.stream.over()) {
    const auto idle = io::Clock::now() - talk.last_used;
    if (idle >= datagram_idle) {
      talk.stream.finish();
      talk.socket.cancel();
      co_return;
    }
    co_await io::sleep_for(datagram_idle - idle);
  }
}

Task<> converse(Conversation& talk) {
  const io::Executor executor = co_await asio::this_coro::executor;
  io::TaskGroup group(executor);
  group.spawn(end_when_idle(talk));
  io::TaskGroup both(executor);
  both.spawn(send_datagrams(talk));
  both.spawn(receive_datagrams(talk));
  co_await group.stop_after(both.join());
}

Task<> dial_datagrams(mux::Stream& stream) {
  const io::Executor executor = co_await asio::this_coro::executor;
  const mux::Target target = stream.target();
  UniqueFd fd(open_datagram_socket(target));
  if (!fd) {
    stream.failed(errno);
    co_return;
  }
  const int family = target.to.address.is_v6() ? AF_INET6 : AF_INET;
  DatagramSocket socket(executor, asio::generic::datagram_protocol(family, 0), fd.release());
  error_code ec;
  socket.connect(asio::ip::udp::endpoint(to_asio(target.to.address), target.to.port), ec);
  if (ec) {
    stream.failed(errno_of(ec));
    co_return;
  }
  stream.opened();
  Conversation talk{stream, std::move(socket)};
  co_await converse(talk);
}

}  // namespace

Task<> dial(std::unique_ptr<mux::Stream> stream) {
  if (stream->target().protocol == mux::Protocol::front) {
    stream->failed(EPROTONOSUPPORT);  // who has a front does not come here with it
  } else if (stream->target().is_datagram()) {
    co_await dial_datagrams(*stream);
  } else {
    co_await dial_tcp(*stream);
  }
}

}  // namespace kt::agent
