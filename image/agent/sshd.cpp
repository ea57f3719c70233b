// SPDX-License-Identifier: Apache-2.0
#include "agent/sshd.h"

#include "base/error.h"
#include "base/log.h"
#include "io/readiness.h"

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace kt::agent {
namespace {

namespace asio = io::asio;

pid_t spawn_on_socket(const std::vector<std::string>& argv, int socket) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: posix_spawn's own type
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: sshd's parts die together, and at its own time limit it asks for that too.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> environment = {nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(),
                                  environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Error(ErrorKind::unavailable, fmt::format("start sshd: {}", errno_text(error)));
  }
  return pid;
}

int open_pidfd(pid_t pid) {
  // glibc 2.36 has no static pidfd_open().
  return check_errno(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open");
}

// 0 when there is no such process. /proc/PID/stat: "pid (name) state ppid …", and a name may hold
// anything, so it is skipped from its last parenthesis.
pid_t parent_of(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string line;
  std::getline(file, line);
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos || end + 4 > line.size()) {
    return 0;
  }
  return static_cast<pid_t>(std::strtol(line.c_str() + end + 4, nullptr, 10));
}

}  // namespace

Sshd::Sshd(const io::Executor& executor, const std::vector<std::string>& argv,
           const UniqueFd& socket)
    : process_(executor), pid_(spawn_on_socket(argv, socket.get())) {
  process_.assign(open_pidfd(pid_));
}

io::Task<> Sshd::wait() {
  co_await io::until_readable(process_);
  kill();
}

// The group outlives its leader as long as one of its processes does, and keeps the number.
void Sshd::kill() noexcept {
  if (!killed_) {
    killed_ = true;
    (void)::kill(-pid_, SIGKILL);
  }
}

bool Sshd::is_ancestor_of(pid_t process) const {
  constexpr int deepest = 16;  // monitor, session, forced command: 3 in practice
  for (int depth = 0; process > 1 && depth < deepest; ++depth) {
    if (process == pid_) {
      return true;
    }
    process = parent_of(process);
  }
  return false;
}

io::Task<> reap_children() {
  asio::signal_set ended(co_await asio::this_coro::executor, SIGCHLD);
  while (true) {
    co_await ended.async_wait(io::use_task);
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      log::debug("sshd", "process {} ended with status {:#x}", pid, status);
    }
  }
}

}  // namespace kt::agent
