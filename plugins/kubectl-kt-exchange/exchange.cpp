// SPDX-License-Identifier: Apache-2.0
// The story of an exchange, top to bottom: preflight → claim → shadow → prove → commit → switch →
// wait → put back. Without a guard in the cluster it is this process that patches.
#include "kubectl-kt-exchange/exchange.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/terminal.h"
#include "cluster/exchange_shadow.h"
#include "cluster/names.h"
#include "cluster/pod_tunnel.h"
#include "cluster/rights.h"
#include "cluster/shadow_login.h"
#include "cluster/shadow_pod.h"
#include "io/backoff.h"
#include "kube/json_fields.h"
#include "kubectl-kt-exchange/borrowed_api.h"
#include "kubectl-kt-exchange/claim.h"
#include "kubectl-kt-exchange/front_control.h"
#include "kubectl-kt-exchange/switch_over.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <list>

namespace kt::exchange {
namespace {

namespace names = cluster::names;
using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::seconds;

constexpr std::chrono::minutes pod_limit{5};
// From the link to an accepting local port; a program that starts late is waited for longer.
constexpr std::chrono::minutes proof_limit{5};
// What is open when the Services are back may end in peace for so long.
constexpr seconds drain_limit{5};
constexpr seconds first_retry{1};
constexpr seconds last_retry{5};

class Story {
 public:
  Story(const io::Executor& executor, ExchangeOptions options, flags::Surroundings surroundings,
        cli::Interrupts& interrupts)
      : executor_(executor),
        options_(std::move(options)),
        surroundings_(std::move(surroundings)),
        interrupts_(interrupts),
        kubectl_{surroundings_.kubectl, options_.connection},
        steps_(executor, [this](const cli::Line& line) { say(line); }),
        front_(executor),
        keeping_(executor),
        tasks_(executor) {}

  Task<int> run() {
    std::exception_ptr failure;
    try {
      co_await tell();
    } catch (...) {
      failure = std::current_exception();
    }
    co_await io::ignore_cancellation();
    co_await keeping_.stop();  // what is lost from here on is not replaced
    const bool whole = co_await put_back();
    co_await tasks_.stop();
    if (!whole) {
      co_return cli::partly;
    }
    if (!(exchanged_ && is_interrupt(failure))) {
      std::rethrow_exception(failure);
    }
    co_return cli::done;  // Ctrl-C is the normal end
  }

 private:
  Task<> tell() {
    config_ = co_await kube::read_config(kubectl_);
    steps_.say(fmt::format("context {}, namespace {}", config_.context, config_.namespace_));
    open_api();
    if (options_.timeout > seconds(0)) {
      co_await io::with_timeout(options_.timeout, "exchange", start());
    } else {
      co_await start();
    }
    co_await until_lost();
  }

  Task<> start() {
    co_await look();
    co_await claim();
    co_await make_shadow();
    co_await attach();
    keeping_.spawn(keep_attached());
    co_await prove();
    co_await switch_over();
  }

  void open_api() {
    api_socket_ = borrow_api(surroundings_.runtime_folder, config_, options_.connection,
                             surroundings_.program);
    login_ = cluster::fresh_login(names::exchange_prefix, config_.namespace_, surroundings_.user,
                                  surroundings_.host);
    plan_.session = login_.run.name.substr(names::exchange_prefix.size());
    client_.emplace(executor_, api_socket_);
  }

  // Nothing is changed before all this is known.
  Task<> look() {
    workload_ = co_await find_workload(*client_, config_.namespace_, options_.workload);
    co_await check_rights();
    plan_.target = workload_.ref;
    plan_.title = workload_.title();
    plan_.scales = options_.scales;
    plan_.user = surroundings_.user;
    plan_.host = surroundings_.host;
    claim_.emplace(executor_, *client_, plan_);
    co_await claim_->check_free(surroundings_.program);  // before its 0 replicas are found strange
    check_exchangeable(workload_, options_.scales);
    ports_ = map_ports(options_.ports, workload_);
    for (const auto& [remote, local] : ports_.local) {
      if (!co_await is_listening(local)) {
        log::warn("exchange", "nothing listens on local port {}: the exchange waits for it", local);
      }
    }
  }

  Task<> check_rights() {
    std::vector<std::string> unused;
    for (const kube::Resource& other : {kube::stateful_sets, kube::replica_sets}) {
      if (workload_.ref.resource != other) {
        unused.push_back(other.plural);
      }
    }
    if (workload_.ref.resource != kube::deployments) {
      unused.emplace_back("deployments/scale");  // the shadow is one, and is never scaled
    }
    co_await cluster::check_rights(*client_, cluster::Command::exchange, config_.namespace_,
                                   options_.carrier, surroundings_.program, std::move(unused));
  }

  // What there is to come back to is read under the lock.
  Task<> claim() {
    interrupts_.set_leftovers(left() + "\n" + remedy() + "\n");
    co_await claim_->take(workload_.object, surroundings_.program);
    tasks_.spawn(keep_claim());
    workload_.object = co_await client_->get(workload_.ref);
    check_exchangeable(workload_, options_.scales);
    plan_.uid = workload_.uid();
    plan_.replicas = workload_.replicas();
    for (const json& service :
         co_await services_of(*client_, config_.namespace_, workload_.pod_labels())) {
      plan_.services.push_back({text_at(field(service, "metadata"), "name"),
                                kube::texts_at(field(service, "spec"), "selector")});
    }
    co_await claim_->write_plan(plan_);
    co_await client_->create(kube::config_maps, config_.namespace_,
                             copy_object(plan_, workload_.object));
    copied_ = true;
  }

  Task<> keep_claim() {
    lost_ = co_await claim_->keep();
    front_.wake();
  }

  Task<> make_shadow() {
    steps_.begin("shadow " + login_.run.name);
    const cluster::ExchangeShadow shadow{plan_.session, ports_.front, options_.hold};
    made_ = true;
    const json deployment = co_await client_->create(
        kube::deployments, config_.namespace_,
        cluster::exchange_deployment(login_.run, options_.shadow, shadow, workload_.object));
    co_await client_->create(kube::secrets, config_.namespace_,
                             cluster::shadow_secret(login_.run, deployment));
    co_await client_->create(kube::services, config_.namespace_,
                             cluster::originals_service(login_.run, deployment, workload_.object));
    co_await find_pod();
    steps_.end(fmt::format("shadow {} runs", login_.run.name));
  }

  Task<> find_pod() {
    pod_ = co_await cluster::wait_for_pod(
        *client_, shadow_pods(), pod_limit,
        [this](const std::string& why) { steps_.waits_for("pod: " + why); });
  }

  [[nodiscard]] cluster::ShadowPods shadow_pods() const {
    return {fmt::format("{}={}", names::session_label, plan_.session),
            {kube::deployments, config_.namespace_, login_.run.name, {}}};
  }

  Task<> attach() {
    steps_.begin("link");
    cluster::PodTunnel& tunnel =
        tunnels_.emplace_back(executor_, tunnel_options(), login_.credentials);
    (void)co_await tunnel.attach(door(), client_->round_trip().value_or(io::Duration(0)));
    const json pod = co_await client_->get({kube::pods, config_.namespace_, pod_, {}});
    address_ = text_at(field(pod, "status"), "podIP");
    why_detached_.clear();
    tasks_.spawn(use_tunnel(tunnel));
    tasks_.spawn(watch_pod(pod_));
    steps_.end("link up");
  }

  // The tunnel of a pod that is being deleted goes on beside its successor's, until it ends itself.
  Task<> use_tunnel(cluster::PodTunnel& tunnel) {
    io::TaskGroup users(executor_);
    users.spawn(serve_local_ports(tunnel.tunnel(), ports_.local));
    users.spawn(speak_with_front(tunnel));
    std::string why;
    std::exception_ptr cancelled;
    try {
      why = co_await tunnel.run();
    } catch (...) {
      cancelled = std::current_exception();
    }
    co_await io::ignore_cancellation();
    tunnel.end("the laptop leaves");
    co_await users.stop();
    co_await tunnel.stop();
    if (cancelled != nullptr) {
      std::rethrow_exception(cancelled);
    }
    if (&tunnel == &tunnels_.back()) {
      detach(why);
    }
  }

  Task<> speak_with_front(cluster::PodTunnel& tunnel) {
    try {
      co_await front_.run(tunnel.tunnel());
    } catch (const Error& e) {
      tunnel.end(e.message());
    }
  }

  Task<> watch_pod(std::string pod) {
    cluster::ShadowPods this_one = shadow_pods();
    this_one.name = pod;
    try {
      const std::string why = co_await cluster::until_pod_lost(*client_, std::move(this_one));
      if (pod == pod_) {
        detach("shadow pod: " + why);
      }
    } catch (const Error& e) {
      log::debug("exchange", "the shadow is not watched: {}", e.message());
    }
  }

  void detach(const std::string& why) {
    if (why_detached_.empty()) {
      why_detached_ = why;
      front_.wake();
    }
  }

  // A pod that is lost comes again by its Deployment; a connect that is lost, by its user. Requests
  // are held meanwhile, or go to the originals where there are any.
  Task<> keep_attached() {
    while (true) {
      while (why_detached_.empty()) {
        co_await front_.changed();
      }
      steps_.say("the way to the shadow is lost: " + why_detached_);
      io::Backoff backoff(first_retry, last_retry);
      while (!co_await attach_again()) {
        co_await io::sleep_for(backoff.next(0.5));
      }
    }
  }

  Task<bool> attach_again() {
    try {
      if (!co_await client_->find(shadow_pods().owner)) {
        lost_ = lost_.empty() ? "its shadow was deleted" : lost_;
        front_.wake();
        co_return false;
      }
      co_await find_pod();
      co_await attach();
      co_return true;
    } catch (const Error& e) {
      steps_.waits_for(e.message());
    }
    co_return false;
  }

  [[nodiscard]] cluster::PodTunnel::Options tunnel_options() const {
    const bool proxy = !config_.proxy_url.empty() || surroundings_.proxy_in_environment;
    return {kubectl_, api_socket_, options_.carrier, proxy, options_.links, options_.shadow.grace};
  }

  [[nodiscard]] kube::PodPort door() const {
    return {config_.namespace_, pod_, cluster::door_port_beside(ports_.front)};
  }

  // Nothing is changed before the front has walked the whole way to each local port.
  Task<> prove() {
    steps_.begin("local ports");
    steps_.waits_for("nothing accepts there yet");
    const io::TimePoint until = io::Clock::now() + proof_limit;
    while (front_.news().proven.size() < ports_.local.size()) {
      throw_if_lost();
      if (io::Clock::now() >= until) {
        throw Error(ErrorKind::unavailable, "local ports: nothing accepts there",
                    "start the program that shall answer");
      }
      co_await front_.changed_within(seconds(1));
    }
    steps_.end("the way to every local port is proven");
  }

  Task<> switch_over() {
    steps_.begin("switch");
    co_await claim_->set_phase(Phase::commit);
    switched_ = true;
    front_.say("admit");
    try {
      co_await switch_to_shadow(*client_, *claim_, address_,
                                [this](const std::string& what) { steps_.waits_for(what); });
    } catch (const Error& e) {
      // The 0 comes last: where somebody else changed something first, it is not ours.
      plan_.scales = plan_.scales && e.kind() != ErrorKind::conflict;
      throw;
    }
    steps_.end(plan_.scales ? "the shadow alone answers, the originals are at 0"
                            : "the shadow alone answers");
    exchanged_ = true;
    fmt::print("{} exchanged\n", plan_.title);
    std::fflush(stdout);
  }

  Task<> until_lost() {
    FrontNews told;
    while (lost_.empty()) {
      co_await front_.changed();
      const FrontNews& news = front_.news();
      if (news.failed != told.failed) {
        log::warn("exchange", "{} of {} connections have failed", news.failed, news.accepted);
        told = news;
      }
    }
    throw_if_lost();
  }

  void throw_if_lost() const {
    if (!lost_.empty()) {
      throw Error(ErrorKind::unavailable, fmt::format("{}: {}", plan_.title, lost_));
    }
  }

  // False when something is left; what, and what mends it, has been said.
  Task<bool> put_back() {
    if (!claim_ || !claim_->taken()) {
      co_return true;
    }
    try {
      steps_.begin("put back");
      co_await restore();
      steps_.end("put back");
      co_return true;
    } catch (const Error& e) {
      log::error("exchange", "put back: {}", e.message());
    } catch (const boost::system::system_error& e) {
      log::error("exchange", "put back: {}", e.what());
    }
    log::warn("exchange", "{}", left());
    log::warn("exchange", "{}", remedy());
    co_return false;
  }

  Task<> restore() {
    if (switched_) {
      if (lost_.empty()) {
        co_await claim_->set_phase(Phase::restore);
      }
      co_await switch_to_originals(*client_, plan_, address_,
                                   [this](const std::string& what) { steps_.waits_for(what); });
      fmt::print("{} restored\n", plan_.title);
      std::fflush(stdout);
    }
    if (made_) {
      front_.say("forward");
      co_await drain();
      co_await remove_shadow(*client_, plan_);
    }
    if (copied_) {
      (void)co_await client_->remove(
          {kube::config_maps, config_.namespace_, claim_name(plan_.target), {}});
    }
    if (lost_.empty()) {
      co_await claim_->release();
    }
  }

  Task<> drain() {
    const io::TimePoint until = io::Clock::now() + drain_limit;
    while (front_.news().open + front_.news().held > 0 && lost_.empty() &&
           io::Clock::now() < until) {
      co_await front_.changed_within(seconds(1));
    }
  }

  [[nodiscard]] std::string left() const {
    return fmt::format("left: {} is still exchanged, or half of it", plan_.title);
  }
  [[nodiscard]] std::string remedy() const {
    return fmt::format("hint: {} restore {} --namespace {}", surroundings_.program, plan_.title,
                       config_.namespace_);
  }

  static bool is_interrupt(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
      return e.code() == io::asio::error::operation_aborted;
    } catch (...) {
      return false;
    }
  }

  void say(const cli::Line& line) const { log::say(cli::render(line, terminal_)); }

  io::Executor executor_;
  ExchangeOptions options_;
  flags::Surroundings surroundings_;
  cli::Interrupts& interrupts_;
  kube::Kubectl kubectl_;
  cli::Terminal terminal_ =
      cli::detect_terminal(STDERR_FILENO, std::getenv("NO_COLOR"), std::getenv("TERM"));
  cli::Steps steps_;
  kube::Config config_;
  std::string api_socket_;
  std::optional<kube::Client> client_;
  cluster::ShadowLogin login_;
  Workload workload_;
  MappedPorts ports_;
  Plan plan_;
  std::optional<Claim> claim_;
  std::string pod_;
  std::string address_;                    // of the shadow's pod
  std::list<cluster::PodTunnel> tunnels_;  // the last one is the current pod's
  std::string why_detached_;               // from it; empty while attached
  FrontControl front_;
  std::string lost_;  // why the exchange cannot go on; empty while it can
  bool copied_ = false;
  bool made_ = false;
  bool switched_ = false;
  bool exchanged_ = false;
  io::TaskGroup keeping_;  // keep_attached() alone
  io::TaskGroup tasks_;
};

}  // namespace

Task<int> exchange(ExchangeOptions options, flags::Surroundings surroundings,
                   cli::Interrupts& interrupts) {
  Story story(co_await io::asio::this_coro::executor, std::move(options), std::move(surroundings),
              interrupts);
  co_return co_await story.run();
}

}  // namespace kt::exchange
