// SPDX-License-Identifier: Apache-2.0
#include "agent/serve.h"

#include "agent/address.h"
#include "agent/attach.h"
#include "agent/door.h"
#include "agent/front.h"
#include "agent/listen.h"
#include "agent/session.h"
#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "dns/client.h"
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

dns::ResolvConf resolv_conf() {
  std::ifstream file("/etc/resolv.conf");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return dns::parse_resolv_conf(text);
}

mux::Welcome welcome(const dns::ResolvConf& conf) {
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

// "svc.cluster.local", whatever the cluster's domain is: kubelet writes it into the search list.
std::string services_domain(const dns::ResolvConf& conf) {
  for (const dns::Name& name : conf.search) {
    if (std::string text = name.to_text(); text.starts_with("svc.")) {
      return text;
    }
  }
  return "svc.cluster.local";
}

std::unique_ptr<Originals> originals(const io::Executor& executor, const ServeOptions& options) {
  if (options.originals.empty()) {
    return nullptr;
  }
  const dns::ResolvConf conf = resolv_conf();
  const std::optional<dns::Name> name =
      dns::Name::from_text(options.originals + "." + services_domain(conf));
  if (!name) {
    throw Error(ErrorKind::usage, "--originals: '" + options.originals + "' is no DNS name");
  }
  Originals::Options parts{*name, {}, std::make_unique<dns::Client>(conf)};
  for (const mux::Address& address : pod_addresses()) {
    parts.own.push_back(to_asio(address));
  }
  return std::make_unique<Originals>(executor, std::move(parts));
}

std::unique_ptr<Front> front(const io::Executor& executor, const ServeOptions& options) {
  if (options.front.empty()) {
    return nullptr;
  }
  Front::Options parts{
      {}, {options.hold, options.grace}, originals(executor, options), Front::Drain()};
  for (const std::uint16_t port : options.front) {
    parts.listeners.push_back(listen_on(executor, port));
  }
  return std::make_unique<Front>(executor, std::move(parts));
}

// The agent's end: for a reason that was logged, or a failure.
struct End {
  explicit End(const io::Executor& executor) : changed(executor) {}

  io::Event changed;
  bool reached = false;
  std::exception_ptr failure;
};

Task<> ends_with(Task<> task, End& end) {
  try {
    co_await std::move(task);
  } catch (...) {
    end.failure = std::current_exception();
  }
  end.reached = true;
  end.changed.notify();
}

Task<> until_terminated(Front* front) {
  io::Signals signals(co_await asio::this_coro::executor, {SIGTERM, SIGINT});
  co_await signals.next();
  if (front != nullptr) {
    co_await front->drain();
  }
}

Task<> until_abandoned(Sessions& sessions) {
  co_await sessions.until_abandoned();
  log::info("agent", "no laptop was attached for the grace time");
}

Door::Options door_options(const ServeOptions& options, const Front* front) {
  return {options.port,
          attach_socket(),
          {"/usr/sbin/sshd", "-i", "-e", "-f", "/etc/ssh/sshd_config"},
          [front] { return front == nullptr || front->state().ready(); }};
}

Task<> run(ServeOptions options) {
  const io::Executor executor = co_await asio::this_coro::executor;
  const std::unique_ptr<Front> front = agent::front(executor, options);
  Sessions sessions(executor, {options.grace, welcome(resolv_conf()), front.get()});
  Door door(executor, door_options(options, front.get()), sessions);
  End end(executor);
  io::TaskGroup tasks(executor);
  tasks.spawn(ends_with(door.run(), end));
  tasks.spawn(ends_with(until_terminated(front.get()), end));
  tasks.spawn(front != nullptr ? ends_with(front->run(), end)
                               : ends_with(until_abandoned(sessions), end));
  log::info("agent", "kt-agent {} listens on port {}", KT_VERSION, options.port);
  while (!end.reached) {
    co_await end.changed.wait();
  }
  const std::exception_ptr failure = end.failure;
  co_await io::ignore_cancellation();
  co_await sessions.stop();
  co_await tasks.stop();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
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
