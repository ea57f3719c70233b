// SPDX-License-Identifier: Apache-2.0
// The story of `kubectl kt-connect -- CMD`, top to bottom: who and where → API → shadow → links →
// networks and DNS → CMD's namespace → CMD → put back.
#include "kubectl-kt-connect/connect.h"

#include "base/error.h"
#include "cli/terminal.h"
#include "cluster/links.h"
#include "cluster/names.h"
#include "cluster/running_connect.h"
#include "cluster/shadow_pod.h"
#include "dns/client.h"
#include "host/namespaces.h"
#include "io/undo_stack.h"
#include "kube/api_proxy.h"
#include "kube/config.h"
#include "kubectl-kt-connect/capture_command.h"
#include "kubectl-kt-connect/cluster_dns.h"
#include "kubectl-kt-connect/networks.h"

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

namespace kt::connect {
namespace {

using io::Task;
using std::chrono::minutes;
using std::chrono::seconds;

// An image of some MB from a far registry; the reason is on the screen meanwhile.
constexpr minutes pod_limit{5};
constexpr seconds undo_limit{5};

template <class Container>
void fill_random(Container& bytes) {
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(ErrorKind::unavailable, "no random bytes: " + errno_text(errno));
  }
}

cluster::Credentials fresh_credentials(const ssh::KeyPair& host_key) {
  cluster::Credentials credentials;
  credentials.host_key = host_key.public_key();
  fill_random(credentials.session);
  fill_random(credentials.key);
  return credentials;
}

cluster::ShadowRun fresh_run(const std::string& namespace_, const Surroundings& surroundings) {
  std::vector<std::uint8_t> random(8);
  fill_random(random);
  cluster::ShadowRun run;
  run.name = cluster::fresh_shadow_name(random);
  run.namespace_ = namespace_;
  run.user = surroundings.user;
  run.host = surroundings.host;
  return run;
}

std::string list(const std::vector<net::Prefix>& prefixes) {
  std::vector<std::string> texts;
  std::ranges::transform(prefixes, std::back_inserter(texts), &net::Prefix::to_string);
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

dns::SplitConfig split_config(const dns::Name& domain, const Routes& routes) {
  dns::SplitConfig split;
  split.cluster_domain = domain;
  for (const net::Prefix& prefix : routes.cluster.prefixes()) {
    split.networks.push_back({io::asio::ip::make_address(prefix.address().to_string()),
                              static_cast<unsigned>(prefix.length())});
  }
  return split;
}

dns::Name cluster_domain(const mux::Welcome& welcome) {
  std::vector<dns::Name> search;
  for (const std::string& text : welcome.search) {
    if (const auto name = dns::Name::from_text(text)) {
      search.push_back(*name);
    }
  }
  const auto domain = dns::cluster_domain_of(search);
  return domain ? *domain : *dns::Name::from_text("cluster.local");
}

Routes make_routes(const ConnectOptions& options, const Networks& networks,
                   const mux::Welcome& welcome) {
  Routes routes;
  routes.all = options.all;
  routes.excluded = net::PrefixSet(options.exclude);
  for (const auto* prefixes : {&networks.services, &networks.pods, &options.include}) {
    std::ranges::for_each(*prefixes, [&](const net::Prefix& p) { routes.cluster.add(p); });
  }
  // The shadow's own network, and the nameservers: known even without any right to list.
  for (const mux::Address& address : welcome.pod_addresses) {
    routes.cluster.add(net::Prefix(to_net(address), address.is_v6() ? 64 : 24));
  }
  for (const mux::Address& address : welcome.nameservers) {
    routes.cluster.add(net::Prefix(to_net(address), address.is_v6() ? 128 : 32));
  }
  return routes;
}

host::CaptureSpec capture_spec(const ConnectOptions& options, const std::string& resolv_conf,
                               const std::string& folder) {
  host::CaptureSpec spec;
  spec.network.v4 = {CaptureAddresses::interface_v4, CaptureAddresses::prefix_length};
  spec.network.v6 = host::InterfaceAddress{CaptureAddresses::interface_v6, 64};
  spec.resolver.resolv_conf = resolv_conf;
  spec.command.argv = options.command;
  spec.command.environment["KT_CONNECT"] = folder;
  return spec;
}

// One run of connect: what the steps of the story share.
class Story {
 public:
  Story(const io::Executor& executor, ConnectOptions options, Surroundings surroundings,
        cli::Interrupts& interrupts)
      : executor_(executor),
        options_(std::move(options)),
        surroundings_(std::move(surroundings)),
        interrupts_(interrupts),
        steps_(executor,
               cli::detect_terminal(STDERR_FILENO, ::getenv("NO_COLOR"), ::getenv("TERM")),
               [](std::string_view line) { log::info("connect", "{}", line); }),
        tasks_(executor) {}

  Task<int> run() {
    std::exception_ptr failure;
    int exit_code = 0;
    try {
      exit_code = co_await tell();
    } catch (...) {
      failure = std::current_exception();
    }
    co_await io::ignore_cancellation();
    co_await put_back();
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
    co_return exit_code;
  }

 private:
  Task<int> tell() {
    const kube::Kubectl kubectl{surroundings_.kubectl, options_.connection};
    const kube::Config config = co_await kube::read_config(kubectl);
    steps_.say(fmt::format("context {}, namespace {}", config.context, config.namespace_));
    if (config.may_ask) {
      co_await kube::log_in_on_terminal(kubectl);
    }
    running_.emplace(cluster::RunningConnect::claim(
        surroundings_.runtime_folder, kube::connection_id(config, options_.connection)));
    proxy_.emplace(executor_, kubectl, config, running_->api_socket());
    co_await proxy_->start();
    tasks_.spawn(proxy_->keep_running());
    client_.emplace(executor_, running_->api_socket());
    co_await make_shadow(config);
    const mux::Welcome welcome = co_await make_links(kubectl, config);
    co_return co_await run_command(config, welcome);
  }

  Task<> make_shadow(const kube::Config& config) {
    const ssh::KeyPair host_key = ssh::KeyPair::generate();
    credentials_.emplace(fresh_credentials(host_key));
    run_ = fresh_run(config.namespace_, surroundings_);
    run_.host_key = host_key.private_key_file("kt-shadow");
    run_.authorized_keys =
        ssh::authorized_key(credentials_->user_key.public_key(), "kt-connect") + "\n";
    steps_.begin("shadow " + run_.name);
    undo_.push(fmt::format("job {} deleted", run_.name), [this] { return delete_shadow(); });
    co_await cluster::create_shadow(*client_, run_, options_.shadow);
    pod_ = co_await cluster::wait_for_pod(
        *client_, run_, pod_limit,
        [this](const std::string& why) { steps_.waits_for("pod: " + why); });
    tasks_.spawn(cluster::renew_deadlines(*client_, run_, options_.shadow.grace));
    steps_.end(fmt::format("shadow {} runs", run_.name));
  }

  Task<mux::Welcome> make_links(const kube::Kubectl& kubectl, const kube::Config& config) {
    steps_.begin("link");
    cluster::Carriers::Options carriers;
    carriers.kubectl = kubectl;
    carriers.api_socket = running_->api_socket();
    carriers.door = {run_.namespace_, pod_, cluster::names::door_port};
    carriers.only = options_.carrier;
    carriers.proxy_configured = !config.proxy_url.empty() || surroundings_.proxy_in_environment;
    carriers.api_round_trip = client_->round_trip().value_or(io::Duration(0));
    carriers_.emplace(executor_, std::move(carriers));
    mux::Tunnel::Options tunnel;
    tunnel.role = mux::Role::laptop;
    tunnel.grace = options_.shadow.grace;
    tunnel_.emplace(executor_, tunnel);
    links_.emplace(executor_, *carriers_, *tunnel_, *credentials_, options_.links);
    mux::Welcome welcome = co_await links_->connect();
    tasks_.spawn(links_->keep());
    tasks_.spawn(keep_tunnel());
    steps_.end("link up");
    co_return welcome;
  }

  Task<int> run_command(const kube::Config& config, const mux::Welcome& welcome) {
    const Networks networks = co_await discover_networks(*client_, config.namespace_);
    Routes routes = make_routes(options_, networks, welcome);
    const dns::Name domain = cluster_domain(welcome);
    const dns::ResolvConf laptop = dns::parse_resolv_conf(surroundings_.resolv_conf);
    ClusterDns cluster_dns(*tunnel_, routes, welcome.nameservers);
    dns::Client laptop_dns(laptop);
    dns::ForwarderOptions forwarding{split_config(domain, routes), dns::system_random_id, {}};
    dns::Forwarder forwarder(executor_, std::move(forwarding), cluster_dns, laptop_dns);
    const std::string resolv_conf = dns::resolv_conf_text(
        dns::pod_resolv_conf(config.namespace_, domain, laptop,
                             io::asio::ip::make_address(CaptureAddresses::nameserver)));
    host::NamespacedCommand command = co_await host::NamespacedCommand::prepare(
        capture_spec(options_, resolv_conf, running_->folder()));
    io::TaskGroup capturing(executor_);
    capturing.spawn(
        capture({command.take_tun(), command.take_listener_v4(), command.take_listener_v6()},
                {*tunnel_, forwarder, routes}));
    steps_.say(fmt::format("connected: services {}, pods {}, *.{}", list(networks.services),
                           list(networks.pods), domain.to_text()));
    std::exception_ptr failure;
    host::CommandEnd end;
    try {
      const cli::Interrupts::Hold hold(interrupts_);
      end = co_await command.run();
    } catch (...) {
      failure = std::current_exception();
    }
    co_await io::ignore_cancellation();
    co_await capturing.stop();
    co_await forwarder.stop();
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
    if (end.not_run) {
      log::error("connect", "cannot run {}", *end.not_run);
    }
    co_return end.exit_code;
  }

  Task<> keep_tunnel() {
    const std::string why = co_await tunnel_->run();
    log::debug("connect", "tunnel ended: {}", why);
  }

  Task<> delete_shadow() { co_await cluster::delete_shadow(*client_, run_); }

  // Everything dies in the order opposite to its birth.
  Task<> put_back() {
    if (tunnel_) {
      tunnel_->end("the laptop disconnects");
    }
    const std::vector<io::UndoStack::Failure> left = co_await undo_.run(undo_limit);
    for (const io::UndoStack::Failure& failure : left) {
      log::warn("connect", "not put back: {}: {}", failure.name, failure.why);
    }
    co_await tasks_.stop();
    if (carriers_) {
      co_await carriers_->stop();
    }
    if (proxy_) {
      co_await proxy_->stop();
    }
  }

  io::Executor executor_;
  ConnectOptions options_;
  Surroundings surroundings_;
  cli::Interrupts& interrupts_;
  cli::Steps steps_;
  io::UndoStack undo_;
  std::optional<cluster::RunningConnect> running_;
  std::optional<kube::ApiProxy> proxy_;
  std::optional<kube::Client> client_;
  cluster::ShadowRun run_;
  std::string pod_;
  std::optional<cluster::Credentials> credentials_;
  std::optional<cluster::Carriers> carriers_;
  std::optional<mux::Tunnel> tunnel_;
  std::optional<cluster::Links> links_;
  io::TaskGroup tasks_;
};

}  // namespace

Task<int> connect(ConnectOptions options, Surroundings surroundings, cli::Interrupts& interrupts) {
  Story story(co_await io::asio::this_coro::executor, std::move(options), std::move(surroundings),
              interrupts);
  co_return co_await story.run();
}

}  // namespace kt::connect
