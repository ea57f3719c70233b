// SPDX-License-Identifier: Apache-2.0
// Stands in for the cluster: takes what comes out of a captured command's TUN, and behaves as the
// destination port says. The glue between NamespacedCommand, TunDevice and Redirector, without a
// mux.
#pragma once

#include "base/bytes.h"
#include "host/namespaces.h"
#include "io/async.h"
#include "io/task_group.h"
#include "net/redirector.h"
#include "net/tun_device.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

namespace kt::test {

// What lives at which port, for TCP and UDP alike; at others nothing listens.
namespace port {
inline constexpr std::uint16_t echo = 7;     // sends back what it gets, also behind a FIN
inline constexpr std::uint16_t discard = 9;  // reads until FIN, then closes
inline constexpr std::uint16_t hello = 17;   // says "hello" and closes first
inline constexpr std::uint16_t reset = 18;   // resets after the first bytes
inline constexpr std::uint16_t no_host = 101;
inline constexpr std::uint16_t no_network = 102;
inline constexpr std::uint16_t forbidden = 103;
inline constexpr std::uint16_t silent = 104;  // never answers
}  // namespace port

inline int errno_at(std::uint16_t to) {
  switch (to) {
    case port::echo:
    case port::discard:
    case port::hello:
    case port::reset:
      return 0;
    case port::no_host:
      return EHOSTUNREACH;
    case port::no_network:
      return ENETUNREACH;
    case port::forbidden:
      return EACCES;
    case port::silent:
      return ETIMEDOUT;
    default:
      return ECONNREFUSED;
  }
}

class FarEnd {
 public:
  FarEnd(const io::Executor& executor, host::NamespacedCommand& command)
      : tun_(executor, command.take_tun()),
        v4_(executor),
        v6_(executor),
        redirector_(listen(command)),
        tasks_(executor) {}

  void start() {
    tasks_.spawn(tun_.run([this](MutableBytes packet) { take(packet); }));
    tasks_.spawn(accept_all(v4_));
    if (v6_.is_open()) {
      tasks_.spawn(accept_all(v6_));
    }
  }

  io::Task<> stop() { return tasks_.stop(); }

  [[nodiscard]] const net::Redirector& redirector() const { return redirector_; }
  [[nodiscard]] bool has_v6() const { return v6_.is_open(); }

 private:
  using Tcp = io::asio::ip::tcp;

  static net::Endpoint to_endpoint(const Tcp::endpoint& endpoint) {
    return {net::IpAddress::parse(endpoint.address().to_string()).value_or(net::IpAddress()),
            endpoint.port()};
  }

  net::Redirector::Options listen(host::NamespacedCommand& command) {
    net::Redirector::Options options;
    v4_.assign(Tcp::v4(), command.take_listener_v4().release());
    options.listener_v4 = to_endpoint(v4_.local_endpoint());
    if (UniqueFd fd = command.take_listener_v6()) {
      v6_.assign(Tcp::v6(), fd.release());
      options.listener_v6 = to_endpoint(v6_.local_endpoint());
    }
    return options;
  }

  void write(const std::optional<Bytes>& packet) {
    if (packet) {
      tun_.write(*packet);
    }
  }

  void take(MutableBytes packet) {
    const net::Outcome outcome = redirector_.handle(packet, io::Clock::now());
    std::visit([&](const auto& what) { act(what, packet); }, outcome);
  }

  void act(const net::Ignore&, MutableBytes) {}
  void act(const net::WriteBack&, MutableBytes packet) { tun_.write(packet); }
  void act(const net::Abandoned&, MutableBytes packet) { tun_.write(packet); }
  void act(const net::Answer& answer, MutableBytes) { tun_.write(answer.packet); }
  void act(const net::ConnectRequest& request, MutableBytes) {
    const int error = errno_at(request.destination.port);
    if (error != 0) {
      write(redirector_.failed(request.flow, error));
      return;
    }
    destinations_[request.flow] = request.destination;
    write(redirector_.connected(request.flow, io::Clock::now()));
  }
  void act(const net::Datagram& datagram, MutableBytes) {
    const int error = errno_at(datagram.destination.port);
    if (error != 0) {
      write(net::datagram_failure(datagram.source, datagram.destination, error));
      return;
    }
    write(net::udp_packet(datagram.destination, datagram.source, datagram.payload));
  }
  void act(const net::EchoRequest& ping, MutableBytes) {
    write(net::echo_packet(ping.destination, ping.source, {false, ping.id, ping.sequence},
                           ping.payload));
  }

  // `acceptor` is a member of this.
  io::Task<> accept_all(Tcp::acceptor& acceptor) {
    for (;;) {
      Tcp::socket socket = co_await acceptor.async_accept(io::use_task);
      const auto flow = redirector_.flow_of_peer(to_endpoint(socket.remote_endpoint()));
      if (flow) {
        tasks_.spawn(serve(std::move(socket), *flow));
      }
    }
  }

  io::Task<> serve(Tcp::socket socket, net::FlowId flow) {
    io::error_code ec;
    switch (destinations_.at(flow).port) {
      case port::hello:
        co_await io::asio::async_write(socket, io::asio::buffer("hello", 5),
                                       io::asio::redirect_error(io::use_task, ec));
        break;
      case port::reset:
        co_await read_some(socket, ec);
        socket.set_option(io::asio::socket_base::linger(true, 0));
        break;
      default:
        co_await read_all(socket, destinations_.at(flow).port == port::echo);
    }
    socket.close(ec);
    redirector_.closed(flow, io::Clock::now());
  }

  // `socket` is of the caller's frame.
  io::Task<Bytes> read_some(Tcp::socket& socket, io::error_code& ec) {
    Bytes bytes(std::size_t{256} * 1024);
    bytes.resize(co_await socket.async_read_some(io::asio::buffer(bytes),
                                                 io::asio::redirect_error(io::use_task, ec)));
    co_return bytes;
  }

  io::Task<> read_all(Tcp::socket& socket, bool send_back) {
    Bytes bytes(std::size_t{256} * 1024);
    io::error_code ec;
    while (!ec) {
      const std::size_t count = co_await socket.async_read_some(
          io::asio::buffer(bytes), io::asio::redirect_error(io::use_task, ec));
      if (send_back && count > 0) {
        co_await io::asio::async_write(socket, io::asio::buffer(bytes.data(), count),
                                       io::asio::redirect_error(io::use_task, ec));
      }
    }
  }

  net::TunDevice tun_;
  Tcp::acceptor v4_;
  Tcp::acceptor v6_;
  net::Redirector redirector_;
  std::map<net::FlowId, net::Endpoint> destinations_;
  io::TaskGroup tasks_;
};

}  // namespace kt::test
