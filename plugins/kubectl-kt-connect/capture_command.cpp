// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/capture_command.h"

#include "base/error.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <variant>

namespace kt::connect {
namespace {

using io::Task;

std::uint16_t port_of(const UniqueFd& listener) {
  sockaddr_in6 address{};  // the port is at the same place in both families
  socklen_t length = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  check_errno(::getsockname(listener.get(), generic, &length), "getsockname");
  return ntohs(address.sin6_port);
}

net::Redirector::Options redirector_options(const CaptureDescriptors& descriptors) {
  net::Redirector::Options options;
  options.listener_v4 = net::Endpoint{*net::IpAddress::parse(CaptureAddresses::interface_v4),
                                      port_of(descriptors.listener_v4)};
  if (descriptors.listener_v6) {
    options.listener_v6 = net::Endpoint{*net::IpAddress::parse(CaptureAddresses::interface_v6),
                                        port_of(descriptors.listener_v6)};
  }
  return options;
}

// Takes each outcome of the Redirector to whom it concerns.
struct Dispatch {
  net::TunDevice& tun;
  TcpFlows& tcp;
  DatagramFlows& datagrams;
  MutableBytes packet;

  void operator()(const net::Ignore&) const {}
  void operator()(const net::WriteBack&) const { tun.write(packet); }
  void operator()(const net::Answer& answer) const { tun.write(answer.packet); }
  void operator()(const net::ConnectRequest& request) const { tcp.connect(request); }
  void operator()(const net::Abandoned& abandoned) const {
    tun.write(packet);
    tcp.abandon(abandoned);
  }
  void operator()(const net::Datagram& datagram) const { datagrams.send(datagram); }
  void operator()(const net::EchoRequest& request) const { datagrams.send(request); }
};

// Slots of ended connections become free again; nothing waits for it, so a second's precision does.
Task<> expire(net::Redirector& redirector) {
  while (true) {
    const io::TimePoint now = io::Clock::now();
    redirector.expire(now);
    const io::TimePoint next = redirector.next_deadline().value_or(now + std::chrono::seconds(5));
    co_await io::sleep_for(std::max<io::Duration>(next - now, std::chrono::seconds(1)));
  }
}

}  // namespace

Task<> capture(CaptureDescriptors descriptors, CaptureServices services) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  net::Redirector redirector(redirector_options(descriptors));
  net::TunDevice tun(executor, std::move(descriptors.tun));
  CaptureParts parts{
      tun,          redirector,      services.tunnel,
      services.dns, services.routes, {*net::IpAddress::parse(CaptureAddresses::nameserver), 53}};
  TcpFlows tcp(executor, parts);
  DatagramFlows datagrams(executor, parts);
  io::TaskGroup group(executor);
  group.spawn(tun.run([&](MutableBytes packet) {
    std::visit(Dispatch{tun, tcp, datagrams, packet}, redirector.handle(packet, io::Clock::now()));
  }));
  group.spawn(tcp.accept(std::move(descriptors.listener_v4)));
  if (descriptors.listener_v6) {
    group.spawn(tcp.accept(std::move(descriptors.listener_v6)));
  }
  group.spawn(expire(redirector));
  std::exception_ptr failure;
  try {
    co_await group.join();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await io::ignore_cancellation();
  co_await tcp.stop();
  co_await datagrams.stop();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

}  // namespace kt::connect
