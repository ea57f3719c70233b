// SPDX-License-Identifier: Apache-2.0
// The story of `kubectl kt-connect -- CMD`, top to bottom: who and where → API and rights → shadow
// → links → networks and names → CMD's namespace → CMD → put back.
#include "kubectl-kt-connect/connect.h"

#include "base/error.h"
#include "cli/terminal.h"
#include "cluster/rights.h"
#include "cluster/running_connect.h"
#include "host/namespaces.h"
#include "io/backoff.h"
#include "io/undo_stack.h"
#include "kube/api_proxy.h"
#include "kube/config.h"
#include "kubectl-kt-connect/attachment.h"
#include "kubectl-kt-connect/capture_command.h"
#include "kubectl-kt-connect/capture_socks.h"
#include "kubectl-kt-connect/cluster_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <list>
#include <utility>

namespace kt::connect {
namespace {

using io::Task;
using std::chrono::seconds;

constexpr seconds undo_limit{5};
constexpr seconds status_every{1};
// Between two shadows that could not be made; the API server is asked a few things for each.
constexpr seconds first_retry{1};
constexpr seconds last_retry{15};

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
        keeping_(executor),
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
    const mux::Welcome welcome = co_await attach(add_attachment());
    Networks networks = co_await discover_networks(*client_, config_.namespace_);
    view_.emplace(executor_, tunnel_,
                  ClusterView::Parts{options_, config_.namespace_, std::move(networks), welcome,
                                     dns::parse_resolv_conf(surroundings_.resolv_conf)});
    keeping_.spawn(keep_attached());
    tasks_.spawn(keep_status());
    tasks_.spawn(capture_socks(running_->socks_socket(),
                               {tunnel_, view_->dns(), view_->resolv_conf(), view_->routes()}));
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

  Attachment& add_attachment() {
    attachments_.emplace_back(
        executor_,
        Attachment::Parts{kubectl_, *client_, options_, running_->api_socket(), config_.namespace_,
                          surroundings_.user, surroundings_.host, has_http_proxy()});
    Attachment& added = attachments_.back();
    tunnel_.set(added.tunnel());  // who opens a stream meanwhile waits for its first link
    undo_.push(fmt::format("job {} deleted", added.name()),
               [&added] { return added.remove_shadow(); });
    interrupts_.set_leftovers(leftovers(added.name()));
    return added;
  }

  Task<mux::Welcome> attach(Attachment& attachment) {
    steps_.begin("shadow " + attachment.name());
    co_await attachment.make_shadow(
        [this](const std::string& why) { steps_.waits_for("pod: " + why); });
    steps_.end(fmt::format("shadow {} runs", attachment.name()));
    steps_.begin("link");
    mux::Welcome welcome = co_await attachment.attach();
    steps_.end("link up");
    co_return welcome;
  }

  [[nodiscard]] bool has_http_proxy() const {
    return !config_.proxy_url.empty() || surroundings_.proxy_in_environment;
  }

  [[nodiscard]] std::string leftovers(const std::string& job) const {
    return fmt::format(
        "left: job {}, which ends by itself within {}\nhint: kubectl --namespace {} delete job "
        "{}\n",
        job, cli::render_duration(3 * options_.shadow.grace), config_.namespace_, job);
  }

  // A shadow that is lost (deleted, evicted, its node gone) is replaced as long as CMD runs.
  Task<> keep_attached() {
    while (true) {
      Attachment& old = attachments_.back();
      const std::string why = co_await old.lost();
      steps_.say(fmt::format("shadow {} is lost: {}", old.name(), why));
      old.end(why);
      Attachment& next = add_attachment();
      io::Backoff backoff(first_retry, last_retry);
      std::string complaint;
      while (!co_await attach_again(next, complaint)) {
        co_await io::sleep_for(backoff.next(0.5));
      }
    }
  }

  // False when it failed; each complaint is shown once.
  Task<bool> attach_again(Attachment& attachment, std::string& complaint) {
    try {
      view_->learn(co_await attach(attachment));
      co_return true;
    } catch (const Error& e) {
      if (std::exchange(complaint, e.message()) != complaint) {
        log::warn("connect", "no new shadow yet: {}", complaint);
      }
    }
    try {
      co_await attachment.remove_shadow();  // the next try is a Job of the same name
    } catch (const Error& e) {
      log::debug("connect", "{}", e.message());
    }
    co_return false;
  }

  Task<> keep_status() {
    const StatusFacts facts{
        surroundings_.user, surroundings_.host,        config_.context,
        config_.namespace_, view_->domain().to_text(), running_->folder(),
        view_->networks(),  options_.command,          std::chrono::system_clock::now()};
    while (true) {
      running_->write_status(status_json(facts, attachments_.back().status()).dump());
      co_await io::sleep_for(status_every);
    }
  }

  Task<int> run_command() {
    host::NamespacedCommand command = co_await host::NamespacedCommand::prepare(
        capture_spec(options_, dns::resolv_conf_text(view_->resolv_conf()), running_->folder()));
    io::TaskGroup capturing(executor_);
    capturing.spawn(
        capture({command.take_tun(), command.take_listener_v4(), command.take_listener_v6()},
                {tunnel_, view_->dns(), view_->routes()}));
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

  // Everything dies in the order opposite to its birth.
  Task<> put_back() {
    co_await keeping_.stop();  // first: what is lost from here on is not replaced
    for (Attachment& attachment : attachments_) {
      attachment.end("the laptop disconnects");
    }
    const std::vector<io::UndoStack::Failure> left = co_await undo_.run(undo_limit);
    for (const io::UndoStack::Failure& failure : left) {
      log::warn("connect", "not put back: {}: {}", failure.name, failure.why);
    }
    co_await tasks_.stop();
    if (view_) {
      co_await view_->stop();
    }
    for (Attachment& attachment : attachments_) {
      co_await attachment.stop();
    }
    if (proxy_) {
      co_await proxy_->stop();
    }
    if (left.empty() && !attachments_.empty()) {
      steps_.say(fmt::format("put back: job {} deleted", attachments_.back().name()));
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
  std::list<Attachment> attachments_;  // the last one is the living one
  CurrentTunnel tunnel_;
  std::optional<ClusterView> view_;
  io::TaskGroup keeping_;  // keep_attached() alone
  io::TaskGroup tasks_;
};

}  // namespace

Task<int> connect(ConnectOptions options, Surroundings surroundings, cli::Interrupts& interrupts) {
  Story story(co_await io::asio::this_coro::executor, std::move(options), std::move(surroundings),
              interrupts);
  co_return co_await story.run();
}

}  // namespace kt::connect
