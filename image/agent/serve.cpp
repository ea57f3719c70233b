// SPDX-License-Identifier: Apache-2.0
#include "agent/serve.h"

#include "agent/attach.h"
#include "agent/door.h"
#include "agent/session.h"
#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "dns/resolv_conf.h"
#include "io/signals.h"
#include "io/task_group.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>

#include <exception>
#include <fstream>
#include <iterator>
#include <memory>

namespace kt::agent {
namespace {

namespace asio = io::asio;
namespace names = cluster::names;
using io::Task;

std::string attach_socket() {
  return std::string(names::agent_folder) + "/attach.sock";
}

std::optional<mux::Address> address_of(const sockaddr* address) {
  if (address == nullptr) {
    return std::nullopt;
  }
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  if (address->sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    return mux::Address::from_bytes(std::as_bytes(std::span(&v4, 1)));
  }
  if (address->sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    return IN6_IS_ADDR_LINKLOCAL(&v6) ? std::nullopt
                                      : mux::Address::from_bytes(std::as_bytes(std::span(&v6, 1)));
  }
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  return std::nullopt;
}

std::vector<mux::Address> pod_addresses() {
  std::vector<mux::Address> addresses;
  ifaddrs* first = nullptr;
  check_errno(::getifaddrs(&first), "getifaddrs");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> guard(first, &::freeifaddrs);
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    const auto address = address_of(each->ifa_addr);
    if (address && (each->ifa_flags & IFF_LOOPBACK) == 0) {
      addresses.push_back(*address);
    }
  }
  return addresses;
}

mux::Address to_mux(const asio::ip::address& address) {
  if (address.is_v6()) {
    const auto bytes = address.to_v6().to_bytes();
    return *mux::Address::from_bytes(std::as_bytes(std::span(bytes)));
  }
  const auto bytes = address.to_v4().to_bytes();
  return *mux::Address::from_bytes(std::as_bytes(std::span(bytes)));
}

mux::Welcome welcome() {
  std::ifstream file("/etc/resolv.conf");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const dns::ResolvConf conf = dns::parse_resolv_conf(text);
  mux::Welcome welcome;
  welcome.pod_addresses = pod_addresses();
  for (const asio::ip::address& nameserver : conf.nameservers) {
    welcome.nameservers.push_back(to_mux(nameserver));
  }
  for (const dns::Name& name : conf.search) {
    welcome.search.push_back(name.to_text());
  }
  return welcome;
}

Task<> until_terminated(io::Event& over) {
  io::Signals signals(co_await asio::this_coro::executor, {SIGTERM, SIGINT});
  co_await signals.next();
  over.notify();
}

Task<> until_abandoned(Sessions& sessions, io::Event& over) {
  co_await sessions.until_abandoned();
  log::info("agent", "no laptop was attached for the grace time");
  over.notify();
}

Door::Options door_options(const ServeOptions& options) {
  return {
      options.port, attach_socket(), {"/usr/sbin/sshd", "-i", "-e", "-f", "/etc/ssh/sshd_config"}};
}

Task<> run(ServeOptions options) {
  const io::Executor executor = co_await asio::this_coro::executor;
  Sessions sessions(executor, {options.grace, welcome()});
  Door door(executor, door_options(options), sessions);
  io::Event over(executor);
  io::TaskGroup tasks(executor);
  tasks.spawn(door.run());
  tasks.spawn(until_terminated(over));
  tasks.spawn(until_abandoned(sessions, over));
  log::info("agent", "kt-agent {} listens on port {}", KT_VERSION, options.port);
  co_await over.wait();
  co_await io::ignore_cancellation();
  co_await sessions.stop();
  co_await tasks.stop();
}

}  // namespace

int serve(const ServeOptions& options) {
  log::set_level(log::Level::debug);  // `kubectl logs` is where one looks when a link fails
  asio::io_context context(1);
  std::exception_ptr failure;
  asio::co_spawn(context, run(options), [&failure](std::exception_ptr e) { failure = e; });
  context.run();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
  return 0;
}

int attach() {
  return run_attach(attach_socket());
}

}  // namespace kt::agent
