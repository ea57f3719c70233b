// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/local_ports.h"

#include "base/log.h"
#include "io/relay.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cerrno>
#include <optional>

namespace kt::exchange {
namespace {

namespace asio = io::asio;
using io::Task;

// A connected socket, or the errno of connect(2).
struct Dialled {
  std::optional<io::Socket> socket;
  int error = 0;
};

Task<Dialled> dial(asio::ip::address address, std::uint16_t port) {
  io::Socket socket(co_await asio::this_coro::executor);
  io::error_code ec;
  co_await socket.async_connect(asio::ip::tcp::endpoint(address, port),
                                asio::redirect_error(io::use_task, ec));
  Dialled dialled;
  dialled.error = ec.value();
  if (!ec) {
    dialled.socket = std::move(socket);
  }
  co_return dialled;
}

// Programs listen on the one, the other or both.
Task<Dialled> dial_loopback(std::uint16_t port) {
  Dialled v4 = co_await dial(asio::ip::address_v4::loopback(), port);
  if (v4.socket) {
    co_return v4;
  }
  Dialled v6 = co_await dial(asio::ip::address_v6::loopback(), port);
  co_return v6.socket ? std::move(v6) : std::move(v4);
}

Task<> serve(std::unique_ptr<mux::Stream> stream, const PortMap& ports) {
  const mux::Target target = stream->target();
  const auto local = ports.find(target.to.port);
  if (target.protocol != mux::Protocol::tcp || local == ports.end()) {
    stream->failed(ECONNREFUSED);
    co_return;
  }
  Dialled dialled = co_await dial_loopback(local->second);
  if (!dialled.socket) {
    stream->failed(dialled.error);
    co_return;
  }
  stream->opened();
  co_await io::relay(std::move(*dialled.socket), *stream);
}

Task<> accept(mux::Tunnel& tunnel, const PortMap& ports, io::TaskGroup& streams) {
  while (std::unique_ptr<mux::Stream> stream = co_await tunnel.accept()) {
    streams.spawn(serve(std::move(stream), ports));
  }
}

}  // namespace

Task<bool> is_listening(std::uint16_t port) {
  co_return (co_await dial_loopback(port)).socket.has_value();
}

Task<> serve_local_ports(mux::Tunnel& tunnel, const PortMap& ports) {
  io::TaskGroup streams(co_await asio::this_coro::executor);
  co_await streams.stop_after(accept(tunnel, ports, streams));
}

}  // namespace kt::exchange
