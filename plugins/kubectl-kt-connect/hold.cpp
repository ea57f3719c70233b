// SPDX-License-Identifier: Apache-2.0
// The story of the tunnel, top to bottom: API and rights → shadow → links → networks and names →
// serve those who join → put back.
#include "kubectl-kt-connect/hold.h"

#include "base/log.h"
#include "cluster/rights.h"
#include "cluster/running_connect.h"
#include "io/backoff.h"
#include "io/undo_stack.h"
#include "kube/api_proxy.h"
#include "kubectl-kt-connect/attachment.h"
#include "kubectl-kt-connect/capture_socks.h"
#include "kubectl-kt-connect/cluster_view.h"
#include "kubectl-kt-connect/joiners.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
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
constexpr int unauthorized = 401;
// Between two shadows that could not be made; the API server is asked a few things for each.
constexpr seconds first_retry{1};
constexpr seconds last_retry{15};

std::string list(const std::vector<net::Prefix>& prefixes) {
  return prefixes.empty() ? "none" : fmt::format("{}", fmt::join(net::to_strings(prefixes), ", "));
}

kube::ClientOptions client_options(const kube::ConnectionFlags& flags) {
  kube::ClientOptions options;
  if (const auto limit = kube::parse_duration(flags.find("request-timeout").value_or(""))) {
    options.request_timeout = *limit;
  }
  return options;
}

// One tunnel: what the steps of the story share.
class Holder {
 public:
  Holder(const io::Executor& executor, ConnectOptions options, kube::Config config,
         flags::Surroundings surroundings)
      : executor_(executor),
        options_(std::move(options)),
        config_(std::move(config)),
        surroundings_(std::move(surroundings)),
        kubectl_{surroundings_.kubectl, options_.connection},
        joiners_(executor, tunnel_key(options_, config_.namespace_)),
        steps_(executor, [this](const cli::Line& line) { joiners_.say(line); }),
        keeping_(executor),
        tasks_(executor) {}

  Task<> run(JoinSocket starter) {
    std::optional<Error> failure;
    try {
      co_await tell(std::move(starter));
    } catch (const Error& e) {
      failure = e;
    } catch (const boost::system::system_error& e) {
      failure = e.code() == io::asio::error::operation_aborted
                    ? Error(ErrorKind::interrupted, "the tunnel was ended by a signal")
                    : Error(ErrorKind::bug, std::string("internal error: ") + e.what());
    }
    co_await io::ignore_cancellation();
    co_await put_back();
    if (failure) {
      joiners_.fail(*failure);
    }
  }

 private:
  // Ends when everybody has left, however far it has come by then.
  Task<> tell(JoinSocket starter) {
    joiners_.adopt(std::move(starter));
    tasks_.spawn(let_go_of_terminal(::getppid()));
    io::TaskGroup both(executor_);
    both.spawn(set_up());
    both.spawn(end_when_deserted(both));
    co_await both.join();
  }

  Task<> end_when_deserted(io::TaskGroup& both) {
    co_await joiners_.until_deserted();
    both.cancel();
  }

  // What goes wrong later is for a file, not for the terminal of somebody who has left.
  Task<> let_go_of_terminal(int starter) {
    const auto is_starter = [&](const JoinedCommand& joined) { return joined.pid == starter; };
    while (std::ranges::any_of(joiners_.commands(), is_starter)) {
      co_await joiners_.changed().wait();
    }
    if (running_) {
      const UniqueFd log(::open((running_->folder() + "/log").c_str(),
                                O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
      (void)::dup2(log.get(), STDERR_FILENO);
    }
  }

  Task<> set_up() {
    co_await open_api();
    co_await check_rights();
    const mux::Welcome welcome = co_await attach(add_attachment());
    Networks networks = co_await discover_networks(*client_, config_.namespace_);
    view_.emplace(executor_, tunnel_,
                  ClusterView::Parts{options_, config_.namespace_, std::move(networks), welcome,
                                     dns::parse_resolv_conf(surroundings_.resolv_conf)});
    keeping_.spawn(keep_attached());
    tasks_.spawn(keep_status());
    tasks_.spawn(keep_networks());
    tasks_.spawn(capture_socks(running_->socks_socket(),
                               {tunnel_, view_->dns(), view_->resolv_conf(), view_->routes()}));
    joiners_.let_in({running_->folder(), dns::resolv_conf_text(view_->resolv_conf()),
                     fmt::format("services {}, pods {}, *.{}", list(view_->networks().services),
                                 list(view_->networks().pods), view_->domain().to_text())},
                    {tunnel_, view_->dns(), view_->routes()});
  }

  Task<> open_api() {
    running_.emplace(cluster::RunningConnect::claim(
        surroundings_.runtime_folder, kube::connection_id(config_, options_.connection)));
    listening_.emplace(executor_);
    listening_->spawn(joiners_.listen(running_->attach_socket()));
    proxy_.emplace(executor_, kubectl_, config_, running_->api_socket());
    co_await proxy_->start();
    tasks_.spawn(proxy_->keep_running());
    client_.emplace(executor_, running_->api_socket(), client_options(options_.connection));
  }

  // The first words with the API server, so it is here that one shows which does not answer.
  Task<> check_rights() {
    steps_.begin("API server " + config_.server);
    steps_.waits_for("no answer yet");
    co_await hear_refusal();
    co_await cluster::check_rights(*client_, cluster::Command::connect, config_.namespace_,
                                   options_.carrier, surroundings_.program);
    steps_.end("rights checked");
  }

  // A refused token is heard by a GET, which kubectl can repeat: of a refused POST it may say only
  // that its body is lost. Whether /version itself is allowed is of no matter.
  Task<> hear_refusal() {
    try {
      (void)co_await client_->get_path("/version");
    } catch (const kube::ApiError& e) {
      if (e.status() == unauthorized) {
        throw;
      }
    } catch (Error& e) {
      e.add_context("ask the API server");
      throw;
    }
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
    joiners_.set_leftovers(leftovers(added.name()));
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
        "{}",
        job, cli::render_duration(3 * options_.shadow.grace), config_.namespace_, job);
  }

  void warn(const std::string& text) {
    joiners_.say({cli::Line::Mark::warns, log::harmless(text)});
  }

  // A shadow that is lost (deleted, evicted, its node gone) is replaced as long as somebody is
  // here.
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
        warn("no new shadow yet: " + complaint);
      }
    }
    try {
      co_await attachment.remove_shadow();  // the next try is a Job of the same name
    } catch (const Error& e) {
      log::debug("connect", "{}", e.message());
    }
    co_return false;
  }

  // New nodes and pods may stand in networks that were not there at the start.
  Task<> keep_networks() {
    co_await follow_pod_networks(
        *client_, config_.namespace_, view_->networks().by_node,
        [this](const net::Prefix& network) {
          if (view_->add_pod_network(network)) {
            steps_.say(fmt::format("the cluster has another network: {}", network.to_string()));
          }
        });
  }

  Task<> keep_status() {
    StatusFacts facts;
    facts.user = surroundings_.user;
    facts.host = surroundings_.host;
    facts.context = config_.context;
    facts.namespace_ = config_.namespace_;
    facts.domain = view_->domain().to_text();
    facts.folder = running_->folder();
    facts.pid = ::getpid();
    facts.since = std::chrono::system_clock::now();
    while (true) {
      StatusNow now = attachments_.back().status();
      now.commands = joiners_.commands();
      facts.networks = view_->networks();
      running_->write_status(status_json(facts, now).dump());
      (void)co_await joiners_.changed().wait_for(status_every);
    }
  }

  // Everything dies in the order opposite to its birth.
  Task<> put_back() {
    if (listening_) {
      co_await listening_->stop();  // who comes now makes a tunnel of its own
    }
    co_await joiners_.stop();
    co_await keeping_.stop();  // what is lost from here on is not replaced
    for (Attachment& attachment : attachments_) {
      attachment.end("the laptop disconnects");
    }
    const std::vector<io::UndoStack::Failure> left = co_await undo_.run(undo_limit);
    for (const io::UndoStack::Failure& failure : left) {
      warn(fmt::format("not put back: {}: {}", failure.name, failure.why));
    }
    if (!left.empty()) {
      warn(leftovers(attachments_.back().name()));
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
    if (!attachments_.empty() && attachments_.back().removed()) {
      steps_.say(fmt::format("put back: job {} deleted", attachments_.back().name()));
    }
  }

  io::Executor executor_;
  ConnectOptions options_;
  kube::Config config_;
  flags::Surroundings surroundings_;
  kube::Kubectl kubectl_;
  Joiners joiners_;
  cli::Steps steps_;
  io::UndoStack undo_;
  std::optional<cluster::RunningConnect> running_;
  std::optional<io::TaskGroup> listening_;  // joiners_.listen() alone
  std::optional<kube::ApiProxy> proxy_;
  std::optional<kube::Client> client_;
  std::list<Attachment> attachments_;  // the last one is the living one
  CurrentTunnel tunnel_;
  std::optional<ClusterView> view_;
  io::TaskGroup keeping_;  // keep_attached() alone
  io::TaskGroup tasks_;
};

}  // namespace

Task<int> hold(UniqueFd starter, flags::Surroundings surroundings) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  JoinSocket socket(executor, std::move(starter));
  auto first = co_await socket.receive();
  auto* start = first ? std::get_if<StartHolding>(&first->message) : nullptr;
  if (start == nullptr) {
    co_return cli::failed;  // it died
  }
  ConnectOptions options =
      to_connect_options(connect_table().parse(start->arguments), surroundings.image);
  log::set_level(options.verbosity);
  Holder holder(executor, std::move(options), std::move(start->config), std::move(surroundings));
  co_await holder.run(std::move(socket));
  co_return cli::done;
}

}  // namespace kt::connect
