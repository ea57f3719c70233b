// SPDX-License-Identifier: Apache-2.0
// The story of `kubectl kt-connect -- CMD`, top to bottom: who and where → API and rights → shadow
// → links → networks and names → CMD's namespace → CMD → put back.
#include "kubectl-kt-connect/connect.h"

#include "base/error.h"
#include "cli/terminal.h"
#include "cluster/links.h"
#include "cluster/names.h"
#include "cluster/rights.h"
#include "cluster/running_connect.h"
#include "cluster/shadow_login.h"
#include "cluster/shadow_pod.h"
#include "host/namespaces.h"
#include "io/undo_stack.h"
#include "kube/api_proxy.h"
#include "kube/config.h"
#include "kubectl-kt-connect/capture_command.h"
#include "kubectl-kt-connect/capture_socks.h"
#include "kubectl-kt-connect/cluster_view.h"
#include "kubectl-kt-connect/status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

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
constexpr seconds status_every{1};

std::string list(const std::vector<net::Prefix>& prefixes) {
  std::vector<std::string> texts;
  std::ranges::transform(prefixes, std::back_inserter(texts), &net::Prefix::to_string);
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
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

kube::ClientOptions client_options(const kube::ConnectionFlags& flags) {
  kube::ClientOptions options;
  if (const auto limit = kube::parse_duration(flags.find("request-timeout").value_or(""))) {
    options.request_timeout = *limit;
  }
  return options;
}

// One run of connect: what the steps of the story share.
class Story {
 public:
  Story(const io::Executor& executor, ConnectOptions options, Surroundings surroundings,
        cli::Interrupts& interrupts)
      : executor_(executor),
        options_(std::move(options)),
        surroundings_(std::move(surroundings)),
        kubectl_{surroundings_.kubectl, options_.connection},
        interrupts_(interrupts),
        steps_(executor,
               cli::detect_terminal(STDERR_FILENO, ::getenv("NO_COLOR"), ::getenv("TERM")),
               &log::say),
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
    config_ = co_await kube::read_config(kubectl_);
    steps_.say(fmt::format("context {}, namespace {}", config_.context, config_.namespace_));
    co_await check_machine();
    co_await open_api();
    co_await check_rights();
    co_await make_shadow();
    const mux::Welcome welcome = co_await make_links();
    Networks networks = co_await discover_networks(*client_, config_.namespace_);
    view_.emplace(executor_, *tunnel_,
                  ClusterView::Parts{options_, config_.namespace_, std::move(networks), welcome,
                                     dns::parse_resolv_conf(surroundings_.resolv_conf)});
    tasks_.spawn(keep_status());
    tasks_.spawn(capture_socks(running_->socks_socket(),
                               {*tunnel_, view_->dns(), view_->resolv_conf(), view_->routes()}));
    co_return co_await run_command();
  }

  // Makes CMD's namespaces and lets them go again: where they are forbidden, nothing was created.
  Task<> check_machine() {
    (void)co_await host::NamespacedCommand::prepare(capture_spec(options_, {}, {}));
  }

  Task<> open_api() {
    if (config_.may_ask) {
      co_await kube::log_in_on_terminal(kubectl_);
    }
    running_.emplace(cluster::RunningConnect::claim(
        surroundings_.runtime_folder, kube::connection_id(config_, options_.connection)));
    proxy_.emplace(executor_, kubectl_, config_, running_->api_socket());
    co_await proxy_->start();
    tasks_.spawn(proxy_->keep_running());
    client_.emplace(executor_, running_->api_socket(), client_options(options_.connection));
  }

  // The first words with the API server, so it is here that one shows which does not answer.
  Task<> check_rights() {
    steps_.begin("API server " + config_.server);
    steps_.waits_for("no answer yet");
    co_await cluster::check_connect_rights(*client_, config_.namespace_, options_.carrier,
                                           surroundings_.program);
    steps_.end("rights checked");
  }

  Task<> make_shadow() {
    login_.emplace(
        cluster::fresh_login(config_.namespace_, surroundings_.user, surroundings_.host));
    const cluster::ShadowRun& run = login_->run;
    steps_.begin("shadow " + run.name);
    undo_.push(fmt::format("job {} deleted", run.name), [this] { return delete_shadow(); });
    interrupts_.set_leftovers(leftovers(run));
    co_await cluster::create_shadow(*client_, run, options_.shadow);
    pod_ = co_await cluster::wait_for_pod(*client_, run, pod_limit, [this](const std::string& why) {
      steps_.waits_for("pod: " + why);
    });
    tasks_.spawn(cluster::renew_deadlines(*client_, run, options_.shadow.grace));
    steps_.end(fmt::format("shadow {} runs", run.name));
  }

  [[nodiscard]] std::string leftovers(const cluster::ShadowRun& run) const {
    return fmt::format(
        "left: job {}, which ends by itself within {}\nhint: kubectl --namespace {} delete job "
        "{}\n",
        run.name, cli::render_duration(3 * options_.shadow.grace), run.namespace_, run.name);
  }

  Task<mux::Welcome> make_links() {
    steps_.begin("link");
    cluster::Carriers::Options carriers;
    carriers.kubectl = kubectl_;
    carriers.api_socket = running_->api_socket();
    carriers.door = {config_.namespace_, pod_, cluster::names::door_port};
    carriers.only = options_.carrier;
    carriers.proxy_configured = !config_.proxy_url.empty() || surroundings_.proxy_in_environment;
    carriers.api_round_trip = client_->round_trip().value_or(io::Duration(0));
    carriers_.emplace(executor_, std::move(carriers));
    mux::Tunnel::Options tunnel;
    tunnel.role = mux::Role::laptop;
    tunnel.grace = options_.shadow.grace;
    tunnel_.emplace(executor_, tunnel);
    links_.emplace(executor_, *carriers_, *tunnel_, login_->credentials, options_.links);
    mux::Welcome welcome = co_await links_->connect();
    tasks_.spawn(links_->keep());
    tasks_.spawn(keep_tunnel());
    steps_.end("link up");
    co_return welcome;
  }

  Task<> keep_tunnel() {
    const std::string why = co_await tunnel_->run();
    log::debug("connect", "tunnel ended: {}", why);
  }

  [[nodiscard]] StatusFacts status_facts() const {
    return {surroundings_.user,
            surroundings_.host,
            config_.context,
            config_.namespace_,
            login_->run.name,
            pod_,
            view_->domain().to_text(),
            running_->folder(),
            view_->networks(),
            options_.command,
            std::chrono::system_clock::now()};
  }

  [[nodiscard]] StatusNow status_now() const {
    StatusNow now{tunnel_->status(),
                  {},
                  carriers_->why_not(cluster::Carrier::proxy),
                  carriers_->why_not(cluster::Carrier::port_forward),
                  io::Clock::now()};
    for (const mux::LinkStatus& link : now.tunnel.links) {
      if (const auto carrier = links_->carrier_of(link.name.number)) {
        now.carriers.push_back({link.name.number, std::string(cluster::to_string(*carrier))});
      }
    }
    return now;
  }

  Task<> keep_status() {
    const StatusFacts facts = status_facts();
    while (true) {
      running_->write_status(status_json(facts, status_now()).dump());
      co_await io::sleep_for(status_every);
    }
  }

  Task<int> run_command() {
    host::NamespacedCommand command = co_await host::NamespacedCommand::prepare(
        capture_spec(options_, dns::resolv_conf_text(view_->resolv_conf()), running_->folder()));
    io::TaskGroup capturing(executor_);
    capturing.spawn(
        capture({command.take_tun(), command.take_listener_v4(), command.take_listener_v6()},
                {*tunnel_, view_->dns(), view_->routes()}));
    steps_.say(fmt::format("connected: services {}, pods {}, *.{}",
                           list(view_->networks().services), list(view_->networks().pods),
                           view_->domain().to_text()));
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
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
    if (end.not_run) {
      log::error("connect", "cannot run {}", *end.not_run);
    }
    co_return end.exit_code;
  }

  Task<> delete_shadow() { co_await cluster::delete_shadow(*client_, login_->run); }

  // Everything dies in the order opposite to its birth.
  Task<> put_back() {
    if (tunnel_) {
      tunnel_->end("the laptop disconnects");
    }
    const std::vector<std::string> steps = undo_.pending();
    const std::vector<io::UndoStack::Failure> left = co_await undo_.run(undo_limit);
    for (const io::UndoStack::Failure& failure : left) {
      log::warn("connect", "not put back: {}: {}", failure.name, failure.why);
    }
    co_await tasks_.stop();
    if (view_) {
      co_await view_->stop();
    }
    if (carriers_) {
      co_await carriers_->stop();
    }
    if (proxy_) {
      co_await proxy_->stop();
    }
    if (left.empty() && !steps.empty()) {
      steps_.say(fmt::format("put back: {}", fmt::join(steps, ", ")));
    }
  }

  io::Executor executor_;
  ConnectOptions options_;
  Surroundings surroundings_;
  kube::Kubectl kubectl_;
  cli::Interrupts& interrupts_;
  cli::Steps steps_;
  io::UndoStack undo_;
  kube::Config config_;
  std::optional<cluster::RunningConnect> running_;
  std::optional<kube::ApiProxy> proxy_;
  std::optional<kube::Client> client_;
  std::optional<cluster::ShadowLogin> login_;
  std::string pod_;
  std::optional<cluster::Carriers> carriers_;
  std::optional<mux::Tunnel> tunnel_;
  std::optional<cluster::Links> links_;
  std::optional<ClusterView> view_;
  io::TaskGroup tasks_;
};

}  // namespace

Task<int> connect(ConnectOptions options, Surroundings surroundings, cli::Interrupts& interrupts) {
  Story story(co_await io::asio::this_coro::executor, std::move(options), std::move(surroundings),
              interrupts);
  co_return co_await story.run();
}

}  // namespace kt::connect
