// SPDX-License-Identifier: Apache-2.0
// The story of an exchange, top to bottom: preflight → claim → shadow → prove → commit → switch →
// wait → put back. Without a guard in the cluster it is this process that patches.
#include "kubectl-kt-exchange/exchange.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/terminal.h"
#include "cluster/exchange_shadow.h"
#include "cluster/names.h"
#include "cluster/rights.h"
#include "cluster/shadow_login.h"
#include "kube/json_fields.h"
#include "kubectl-kt-exchange/attachment.h"
#include "kubectl-kt-exchange/borrowed_api.h"
#include "kubectl-kt-exchange/claim.h"
#include "kubectl-kt-exchange/switch_over.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace kt::exchange {
namespace {

namespace names = cluster::names;
using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::seconds;

// From the link to an accepting local port; a program that starts late is waited for longer.
constexpr std::chrono::minutes proof_limit{5};
// What is open when the Services are back may end in peace for so long.
constexpr seconds drain_limit{5};

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
    if (attachment_) {
      co_await attachment_->stop();
    }
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
    co_await attachment_->attach();
    keeping_.spawn(attachment_->keep());
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
    interrupts_.set_leftovers(left() + "\nhint: " + remedy() + "\n");
    co_await claim_->take(*workload_.object, surroundings_.program);
    tasks_.spawn(keep_claim());
    *workload_.object = co_await client_->get(workload_.ref);
    check_exchangeable(workload_, options_.scales);
    plan_.uid = workload_.uid();
    plan_.replicas = workload_.replicas();
    for (const json& service :
         co_await services_of(*client_, config_.namespace_, workload_.pod_labels())) {
      plan_.services.push_back({text_at(field(service, "metadata"), "name"),
                                kube::texts_at(field(service, "spec"), "selector")});
    }
    co_await claim_->write_plan(plan_);
    co_await write_copy();
  }

  Task<> write_copy() {
    copied_ = true;  // a create that is cancelled may have landed
    try {
      co_await client_->create(kube::config_maps, config_.namespace_,
                               copy_object(plan_, *workload_.object));
    } catch (const kube::ApiError& e) {
      if (e.reason() != "AlreadyExists") {
        throw;
      }
      throw Error(ErrorKind::conflict,
                  plan_.title + ": an earlier exchange of it was not put back wholly", remedy());
    }
  }

  Task<> keep_claim() {
    lost_ = co_await claim_->keep([this](const std::string& what) {
      log::warn("exchange", "{}", what);
      say_whether_connected();
    });
    front_.wake();
  }

  Task<> make_shadow() {
    steps_.begin("shadow " + login_.run.name);
    const cluster::ExchangeShadow shadow{plan_.session, ports_.front, options_.hold};
    made_ = true;
    const json deployment = co_await client_->create(
        kube::deployments, config_.namespace_,
        cluster::exchange_deployment(login_.run, options_.shadow, shadow, *workload_.object));
    co_await client_->create(kube::secrets, config_.namespace_,
                             cluster::shadow_secret(login_.run, deployment));
    co_await client_->create(kube::services, config_.namespace_,
                             cluster::originals_service(login_.run, deployment, *workload_.object));
    attachment_.emplace(executor_, attachment_parts());
    co_await attachment_->find_pod();
    steps_.end(fmt::format("shadow {} runs", login_.run.name));
  }

  [[nodiscard]] Attachment::Parts attachment_parts() {
    const bool proxy = !config_.proxy_url.empty() || surroundings_.proxy_in_environment;
    return {*client_,
            front_,
            steps_,
            {session_selector(plan_.session),
             {kube::deployments, config_.namespace_, login_.run.name, {}}},
            cluster::door_port_beside(ports_.front),
            {kubectl_, api_socket_, options_.carrier, proxy, options_.links, options_.shadow.grace},
            login_.credentials,
            ports_.local};
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
      co_await switch_to_shadow(*client_, *claim_, attachment_->address(),
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
    while (why_lost().empty()) {
      co_await front_.changed();
      const FrontNews& news = front_.news();
      if (news.failed != told.failed) {
        log::warn("exchange", "{} of {} connections have failed", news.failed, news.accepted);
        told = news;
      }
    }
    throw_if_lost();
  }

  // Why the exchange cannot go on; empty while it can.
  [[nodiscard]] std::string why_lost() const {
    return lost_.empty() && attachment_ ? attachment_->lost() : lost_;
  }

  void throw_if_lost() const {
    if (const std::string why = why_lost(); !why.empty()) {
      throw Error(ErrorKind::unavailable, fmt::format("{}: {}", plan_.title, why));
    }
  }

  // What an exchange stands on may be gone; then that is the reason, and starting one the remedy.
  void say_whether_connected() const {
    try {
      (void)borrow_api(surroundings_.runtime_folder, config_, options_.connection,
                       surroundings_.program);
    } catch (const Error& e) {
      log::warn("exchange", "{}; {}", e.message(), e.hint());
    }
  }

  // False when something is left; what, and what mends it, has been said.
  Task<bool> put_back() {
    try {
      if (!claim_ || !co_await claim_->is_taken()) {
        co_return true;
      }
      steps_.begin("put back");
      co_await restore();
      steps_.end("put back");
      co_return true;
    } catch (const Error& e) {
      log::error("exchange", "put back: {}", e.message());
      say_whether_connected();
    } catch (const boost::system::system_error& e) {
      log::error("exchange", "put back: {}", e.what());
    }
    log::warn("exchange", "{}", left());
    log::warn("exchange", "hint: {}", remedy());
    co_return false;
  }

  Task<> restore() {
    if (switched_) {
      co_await claim_the_end();
      co_await switch_to_originals(*client_, plan_, attachment_->address(),
                                   [this](const std::string& what) { steps_.waits_for(what); });
      fmt::print("{} restored\n", plan_.title);
      std::fflush(stdout);
    }
    if (made_) {
      co_await drain();
      co_await remove_shadow(*client_, plan_);
    }
    if (copied_) {
      co_await remove_copy(*client_, plan_);
    }
    if (lost_.empty()) {
      co_await claim_->release();
    }
  }

  // Where the Lease is gone with its target, or is another's, what carries our session is still
  // ours to put back.
  Task<> claim_the_end() {
    try {
      if (lost_.empty()) {
        co_await claim_->set_phase(Phase::restore);
      }
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::conflict) {
        throw;
      }
      lost_ = e.message();
    }
  }

  // Who still comes is answered here: nobody is sent to the shadow any more, but kube-proxy may be
  // late, and the front serves on for a while after its SIGTERM.
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
    return fmt::format("{} restore {} --namespace {}", surroundings_.program, plan_.title,
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
  std::optional<Attachment> attachment_;
  FrontControl front_;
  std::string lost_;  // why the claim is ours no more; empty while it is
  bool copied_ = false;
  bool made_ = false;
  bool switched_ = false;
  bool exchanged_ = false;
  io::TaskGroup keeping_;  // attachment_->keep() alone
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
