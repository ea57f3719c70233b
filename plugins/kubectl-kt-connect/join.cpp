// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/join.h"

#include "base/log.h"
#include "cluster/running_connect.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <exception>
#include <filesystem>

namespace kt::connect {
namespace {

using io::Task;
using std::chrono::seconds;

// Undoing is a few requests to the API server, each limited by the holder itself.
constexpr seconds leave_limit{20};
// The holder answers a hello at once.
constexpr seconds hello_limit{2};

// posix_spawn(3) with what a process of its own needs: no terminal, no signals of ours.
class SpawnSetup {
 public:
  explicit SpawnSetup(int socket) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, socket, holder_socket);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void run(const std::string& program, std::vector<char*> argv) {
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, argv.data(), environ);
    if (error != 0) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("start '{}': {}", program, errno_text(error)));
    }
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Membership Membership::start(const io::Executor& executor, JoinRequest request, Ears ears) {
  auto [ours, theirs] = join_socket_pair();
  JoinSocket socket(executor, std::move(ours));
  if (!socket.send(request.start) || !socket.send(request.hello)) {
    throw Error(ErrorKind::usage, "the command line is too long");
  }
  // By the link and not by its target, so that it stays this version's whatever is installed now.
  std::string verb = hold_verb;
  SpawnSetup(theirs.get())
      .run("/proc/self/exe", {request.start.program.data(), verb.data(), nullptr});
  return {std::move(socket), std::move(ears)};
}

Task<std::optional<Membership>> Membership::find(JoinRequest request, std::string runtime_folder,
                                                 Ears ears) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  for (const std::string& folder : cluster::running_connects(runtime_folder)) {
    const std::string name = std::filesystem::path(folder).filename();
    UniqueFd fd =
        name.starts_with(request.connection_id) ? dial_holder(folder + "/attach.sock") : UniqueFd();
    if (!fd || !is_same_user(fd.get())) {
      continue;
    }
    Membership found(JoinSocket(executor, std::move(fd)), ears);
    found.socket_.send(request.hello);
    if (co_await found.accepted()) {
      co_return std::move(found);
    }
  }
  co_return std::nullopt;
}

// False when the holder wants us not, ends just now, or says nothing.
Task<bool> Membership::accepted() {
  std::optional<JoinMessage> answer;
  try {
    co_await io::with_timeout(hello_limit, "join", receive_answer(answer));
  } catch (const Error& e) {
    log::debug("join", "{}", e.message());
  }
  co_return answer&& std::holds_alternative<JoinAccepted>(*answer);
}

Task<> Membership::receive_answer(std::optional<JoinMessage>& answer) {
  answer = co_await next();
}

// The next message that is not for ears; nothing when the holder is gone.
Task<std::optional<JoinMessage>> Membership::next() {
  while (auto received = co_await socket_.receive()) {
    if (const auto* line = std::get_if<JoinLine>(&received->message)) {
      ears_.on_line(*line);
    } else if (auto* left = std::get_if<JoinLeftovers>(&received->message)) {
      ears_.on_leftovers(std::move(left->text));
    } else if (auto* failed = std::get_if<JoinFailed>(&received->message)) {
      throw Error(failed->kind, failed->message, failed->hint);
    } else {
      co_return std::move(received->message);
    }
  }
  co_return std::nullopt;
}

Task<JoinReady> Membership::ready() {
  while (auto message = co_await next()) {
    if (auto* ready = std::get_if<JoinReady>(&*message)) {
      co_return std::move(*ready);
    }
  }
  throw Error(ErrorKind::unavailable, "the tunnel's process has died");
}

Task<> Membership::capture(std::vector<int> descriptors) {
  socket_.send(JoinCapture{}, descriptors);
  while (const auto message = co_await next()) {
    if (std::holds_alternative<JoinCapturing>(*message)) {
      co_return;
    }
  }
  throw Error(ErrorKind::unavailable, "the tunnel's process has died");
}

Task<> Membership::until_gone() {
  while (co_await next()) {
  }
}

Task<> Membership::leave() {
  socket_.finish();
  try {
    co_await io::with_timeout(leave_limit, "put back", until_gone());
  } catch (const Error& e) {
    log::debug("join", "{}", e.message());
  }
}

}  // namespace kt::connect
