// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/tcp_flows.h"

#include "base/error.h"
#include "base/log.h"
#include "io/socket_stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace kt::connect {
namespace {

namespace asio = io::asio;
using io::Task;

struct Accepted {
  UniqueFd socket;
  std::optional<net::Endpoint> peer;
};

std::optional<net::Endpoint> endpoint_of(const sockaddr_storage& address) {
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    const auto ip = net::IpAddress::from_bytes(std::as_bytes(std::span(&v4.sin_addr, 1)));
    return net::Endpoint{*ip, ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    const auto ip = net::IpAddress::from_bytes(std::as_bytes(std::span(&v6.sin6_addr, 1)));
    return net::Endpoint{*ip, ntohs(v6.sin6_port)};
  }
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  return std::nullopt;
}

Accepted accept_one(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  UniqueFd socket(::accept4(listener, generic, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  return {std::move(socket), endpoint_of(address)};
}

}  // namespace

TcpFlows::TcpFlows(const io::Executor& executor, CaptureParts& parts)
    : executor_(executor), parts_(parts), tasks_(executor) {}

void TcpFlows::connect(const net::ConnectRequest& request) {
  if (request.destination == parts_.nameserver) {
    establish(request.flow, std::nullopt);
  } else {
    tasks_.spawn(dial(request));
  }
}

void TcpFlows::abandon(const net::Abandoned& abandoned) {
  dialled_.erase(abandoned.flow);
}

void TcpFlows::establish(net::FlowId flow, Far far) {
  const std::optional<Bytes> syn = parts_.redirector.connected(flow, io::Clock::now());
  if (syn) {
    dialled_.insert_or_assign(flow, std::move(far));
    parts_.tun.write(*syn);
  }
}

Task<> TcpFlows::dial(net::ConnectRequest request) {
  const Side side = parts_.routes.side_of(request.destination.address);
  Reached reached = co_await reach(parts_.tunnel, side, request.destination, request.source);
  if (reached.far) {
    establish(request.flow, std::move(*reached.far));
    co_return;
  }
  log::debug("flow", "{}: {}", request.destination.to_string(), errno_text(reached.error));
  if (const std::optional<Bytes> answer = parts_.redirector.failed(request.flow, reached.error)) {
    parts_.tun.write(*answer);
  }
}

Task<> TcpFlows::accept(UniqueFd listener) {
  asio::posix::stream_descriptor descriptor(executor_, listener.release());
  while (true) {
    co_await descriptor.async_wait(asio::posix::stream_descriptor::wait_read, io::use_task);
    while (true) {
      Accepted accepted = accept_one(descriptor.native_handle());
      if (!accepted.socket) {
        break;
      }
      const auto flow =
          accepted.peer ? parts_.redirector.flow_of_peer(*accepted.peer) : std::nullopt;
      const auto far = flow ? dialled_.find(*flow) : dialled_.end();
      if (far != dialled_.end()) {  // else a stranger inside the namespace: closed
        io::Socket near = io::adopt_socket(executor_, std::move(accepted.socket));
        tasks_.spawn(carry(std::move(near), std::move(far->second), *flow));
        dialled_.erase(far);
      }
    }
  }
}

Task<> TcpFlows::carry(io::Socket near, Far far, net::FlowId flow) {
  if (far) {
    co_await relay_to(std::move(*far), std::move(near));
  } else {
    io::SocketStream client(std::move(near));
    co_await parts_.dns.serve(client);
  }
  parts_.redirector.closed(flow, io::Clock::now());
}

}  // namespace kt::connect
