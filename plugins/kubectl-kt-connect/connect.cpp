// SPDX-License-Identifier: Apache-2.0
// The story of `kubectl kt-connect -- CMD`, top to bottom: who and where → join the tunnel, or
// start one (hold.cpp) → CMD's namespace → CMD → leave.
#include "kubectl-kt-connect/connect.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/terminal.h"
#include "host/namespaces.h"
#include "io/backoff.h"
#include "io/task_group.h"
#include "kube/config.h"
#include "kubectl-kt-connect/join.h"
#include "kubectl-kt-connect/routes.h"

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <utility>

namespace kt::connect {
namespace {

using io::Task;
using std::chrono::seconds;

// Between two tunnels that could not be made while CMD runs.
constexpr seconds first_retry{1};
constexpr seconds last_retry{15};
// As kubelet's for a pod would be, but somebody waits at a terminal.
constexpr seconds patience{5};

host::CaptureSpec capture_spec(const ConnectOptions& options, const JoinReady& ready) {
  host::CaptureSpec spec;
  spec.network.v4 = {CaptureAddresses::interface_v4, CaptureAddresses::prefix_length};
  spec.network.v6 = host::InterfaceAddress{CaptureAddresses::interface_v6, 64};
  spec.resolver.resolv_conf = ready.resolv_conf;
  spec.command.argv = options.command;
  spec.command.environment["KT_CONNECT"] = ready.folder;
  return spec;
}

// What CMD's namespace gave us; kept, so that it can be handed to another holder too.
struct Network {
  UniqueFd tun;
  UniqueFd listener_v4;
  UniqueFd listener_v6;

  [[nodiscard]] std::vector<int> descriptors() const {
    std::vector<int> all = {tun.get(), listener_v4.get()};
    if (listener_v6) {
      all.push_back(listener_v6.get());
    }
    return all;
  }
};

// One run of connect: what the steps of the story share.
class Story {
 public:
  Story(const io::Executor& executor, ConnectOptions options, std::vector<std::string> arguments,
        flags::Surroundings surroundings, cli::Interrupts& interrupts)
      : executor_(executor),
        options_(std::move(options)),
        arguments_(std::move(arguments)),
        surroundings_(std::move(surroundings)),
        kubectl_{surroundings_.kubectl, options_.connection},
        interrupts_(interrupts),
        terminal_(cli::detect_terminal(STDERR_FILENO, ::getenv("NO_COLOR"), ::getenv("TERM"))) {}

  Task<int> run() {
    std::exception_ptr failure;
    int exit_code = 0;
    try {
      exit_code = co_await tell();
    } catch (...) {
      failure = std::current_exception();
    }
    co_await io::ignore_cancellation();
    if (membership_) {
      co_await membership_->leave();
    }
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
    co_return exit_code;
  }

 private:
  Task<int> tell() {
    config_ = co_await kube::read_config(kubectl_);
    say({{}, fmt::format("context {}, namespace {}", config_.context, config_.namespace_)});
    membership_ = co_await find();
    if (!membership_) {
      co_await check_machine();
      co_await log_in();
      membership_.emplace(Membership::start(executor_, request(), ears()));
    }
    JoinReady ready;
    co_await within_timeout(wait_until_ready(ready));
    co_return co_await run_command(std::move(ready));
  }

  Task<> wait_until_ready(JoinReady& ready) { ready = co_await membership_->ready(); }

  Task<> within_timeout(Task<> start) {
    if (options_.timeout > seconds(0)) {
      co_await io::with_timeout(options_.timeout, "connect", std::move(start));
    } else {
      co_await std::move(start);
    }
  }

  void say(const cli::Line& line) const {
    if (line.mark == cli::Line::Mark::warns) {
      log::warn("connect", "{}", line.text);  // -q says these too
    } else {
      log::say(cli::render({line.mark, log::harmless(line.text)}, terminal_));
    }
  }

  [[nodiscard]] Membership::Ears ears() {
    return {[this](const cli::Line& line) { say(line); },
            [this](const std::string& left) { interrupts_.set_leftovers(left + "\n"); }};
  }

  [[nodiscard]] JoinRequest request() const {
    return {
        {tunnel_key(options_, config_.namespace_), options_.command, ::getpid(), options_.linger},
        {surroundings_.program_file, arguments_, config_},
        kube::connection_id(config_, options_.connection)};
  }

  Task<std::optional<Membership>> find() {
    co_return co_await Membership::find(request(), surroundings_.runtime_folder, ears());
  }

  // Makes CMD's namespaces and lets them go again: where they are forbidden, nothing was created.
  Task<> check_machine() {
    (void)co_await host::NamespacedCommand::prepare(capture_spec(options_, {}));
  }

  Task<> log_in() {
    if (config_.may_ask) {
      co_await kube::log_in_on_terminal(kubectl_);
    }
  }

  Task<int> run_command(JoinReady ready) {
    host::NamespacedCommand command =
        co_await host::NamespacedCommand::prepare(capture_spec(options_, ready));
    const Network network{command.take_tun(), command.take_listener_v4(),
                          command.take_listener_v6()};
    co_await membership_->capture(network.descriptors());
    say({{}, "connected: " + ready.summary});
    io::TaskGroup both(executor_);
    std::optional<host::CommandEnd> end;
    both.spawn(run_to_end(command, end, both));
    both.spawn(keep_membership(network));
    PublishedPorts published(executor_, options_.publish, command,
                             [this](const cli::Line& line) { say(line); });
    both.spawn(published.run());
    std::exception_ptr failure;
    try {
      co_await both.join();
    } catch (...) {
      failure = std::current_exception();
    }
    if (!end) {
      std::rethrow_exception(failure);
    }
    if (end->not_run) {
      log::error("connect", "cannot run {}", *end->not_run);
    }
    co_return end->exit_code;  // also when a signal to us has ended it
  }

  Task<> run_to_end(host::NamespacedCommand& command, std::optional<host::CommandEnd>& end,
                    io::TaskGroup& both) {
    const cli::Interrupts::Hold hold(interrupts_);
    std::exception_ptr cancelled;
    try {
      end = co_await command.run();
    } catch (...) {
      cancelled = std::current_exception();
    }
    if (cancelled != nullptr) {
      co_await io::ignore_cancellation();
      co_await pass_on_signal(command, end);
      std::rethrow_exception(cancelled);
    }
    both.cancel();
  }

  // CMD hears what ends us, and may save its work.
  Task<> pass_on_signal(host::NamespacedCommand& command, std::optional<host::CommandEnd>& end) {
    command.send_signal(interrupts_.signal() != 0 ? interrupts_.signal() : SIGTERM);
    try {
      co_await io::with_timeout(patience, "CMD", wait_for_end(command, end));
    } catch (const Error& e) {
      log::debug("connect", "{}", e.message());  // it is killed with its namespaces
    }
  }

  static Task<> wait_for_end(host::NamespacedCommand& command,
                             std::optional<host::CommandEnd>& end) {
    end = co_await command.run();
  }

  // CMD's connections are reset when the tunnel's process dies; CMD itself goes on with another.
  Task<> keep_membership(const Network& network) {
    while (true) {
      co_await membership_->until_gone();
      say({{}, "the tunnel's process has died"});
      io::Backoff backoff(first_retry, last_retry);
      std::string complaint;
      while (!co_await join_again(network, complaint)) {
        co_await io::sleep_for(backoff.next(0.5));
      }
    }
  }

  // False when it failed; each complaint is shown once.
  Task<bool> join_again(const Network& network, std::string& complaint) {
    try {
      membership_ = co_await find();
      if (!membership_) {
        membership_.emplace(Membership::start(executor_, request(), ears()));
      }
      const JoinReady ready = co_await membership_->ready();
      co_await membership_->capture(network.descriptors());
      say({{}, "connected again: " + ready.summary});
      co_return true;
    } catch (const Error& e) {
      if (std::exchange(complaint, e.message()) != complaint) {
        log::warn("connect", "no new tunnel yet: {}", complaint);
      }
    }
    co_return false;
  }

  io::Executor executor_;
  ConnectOptions options_;
  std::vector<std::string> arguments_;
  flags::Surroundings surroundings_;
  kube::Kubectl kubectl_;
  cli::Interrupts& interrupts_;
  cli::Terminal terminal_;
  kube::Config config_;
  std::optional<Membership> membership_;
};

}  // namespace

Task<int> connect(ConnectOptions options, std::vector<std::string> arguments,
                  flags::Surroundings surroundings, cli::Interrupts& interrupts) {
  Story story(co_await io::asio::this_coro::executor, std::move(options), std::move(arguments),
              std::move(surroundings), interrupts);
  co_return co_await story.run();
}

}  // namespace kt::connect
