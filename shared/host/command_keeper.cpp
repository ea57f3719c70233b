// SPDX-License-Identifier: Apache-2.0
#include "host/command_keeper.h"

#include "base/bytes.h"
#include "base/error.h"
#include "host/descriptor_passing.h"
#include "host/namespace_child.h"
#include "host/network_members.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <sstream>

namespace kt::host {
namespace {

// What the command left running has lost its network; it may still save its work.
constexpr std::chrono::milliseconds patience{1000};

// Every change of credentials clears it (prctl(2)), so not before; the parent may have died
// already.
bool die_with(pid_t parent) {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
}

void change_environment(const CaptureCommand& command) {
  for (const auto& [name, value] : command.environment) {
    if (value) {
      ::setenv(name.c_str(), value->c_str(), 1);
    } else {
      ::unsetenv(name.c_str());
    }
  }
}

bool is_in_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::faccessat(AT_FDCWD, fmt::format("{}/{}", folder, name).c_str(), F_OK, 0) == 0) {
      return true;
    }
  }
  return false;
}

// execvp(3) also says EACCES when it was not let into some folder of PATH; no shell does.
int meant_by(int error, const std::string& name) {
  const bool sought = name.find('/') == std::string::npos;
  return error == EACCES && sought && !is_in_path(name) ? ENOENT : error;
}

// Returns the errno when there is no such command or it cannot be executed.
int execute(const CaptureCommand& command) {
  std::vector<char*> argv;
  argv.reserve(command.argv.size() + 1);
  for (const std::string& word : command.argv) {
    argv.push_back(const_cast<char*>(word.c_str()));  // exec(3) does not write to it
  }
  argv.push_back(nullptr);
  change_environment(command);
  ::execvp(argv.front(), argv.data());
  return meant_by(errno, command.argv.front());
}

void report_exec_error(int channel, int error) {
  Bytes message;
  ByteWriter writer(message);
  writer.u8(static_cast<std::uint8_t>(ChildMessage::exec_failed));
  writer.u32(static_cast<std::uint32_t>(error));
  send_message(channel, message, {});
}

// Handlers are the parent's and use descriptors that are closed here; exec(3) resets them, but a
// signal may come before. What is ignored stays ignored.
void reset_handlers() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) {
      action = {};
      (void)::sigaction(signal, &action, nullptr);
    }
  }
}

struct Started {
  pid_t pid = -1;
  UniqueFd exec_error;  // an int comes out when exec failed, else its end
};

// The keeper itself is deaf: what the terminal sends to the process group is for the command.
Started start(const CaptureCommand& command) {
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  std::array<int, 2> ends{-1, -1};
  check_errno(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const pid_t keeper = ::getpid();
  const pid_t pid = check_errno(::fork(), "fork");
  if (pid == 0) {
    reset_handlers();
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    const int error = die_with(keeper) ? execute(command) : ESRCH;
    (void)!::write(write_end.get(), &error, sizeof error);
    ::_exit(1);
  }
  return {pid, std::move(read_end)};
}

int reap(pid_t pid) {
  int status = 0;
  check_errno(::waitpid(pid, &status, 0), "wait for the command");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

sockaddr_storage loopback(bool v6, std::uint16_t port) {
  sockaddr_storage address{};
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's own shape
  if (v6) {
    auto& ip = reinterpret_cast<sockaddr_in6&>(address);
    ip.sin6_family = AF_INET6;
    ip.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    ip.sin6_port = htons(port);
  } else {
    auto& ip = reinterpret_cast<sockaddr_in&>(address);
    ip.sin_family = AF_INET;
    ip.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ip.sin_port = htons(port);
  }
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  return address;
}

// A socket on its way; where the listener's queue is full it connects a little later.
UniqueFd dial(bool v6, std::uint16_t port, int& error) {
  const sockaddr_storage address = loopback(v6, port);
  UniqueFd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const bool failed = !socket || (::connect(socket.get(), generic,
                                            v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)) != 0 &&
                                  errno != EINPROGRESS);
  error = failed ? errno : 0;
  return socket;
}

void answer_dial(int channel, ByteReader reader) {
  const bool v6 = reader.u8() == 6;
  const std::uint16_t port = reader.u16();
  int error = 0;
  const UniqueFd socket = dial(v6, port, error);
  Bytes message;
  ByteWriter writer(message);
  writer.u8(static_cast<std::uint8_t>(ChildMessage::dialled));
  writer.u32(static_cast<std::uint32_t>(error));
  writer.u32(reader.u32());
  send_message(channel, message, error == 0 ? std::vector<int>{socket.get()} : std::vector<int>{});
}

// False once the parent is dead.
bool obey(int channel, pid_t pid) {
  const auto message = receive_message(channel);
  if (!message || message->bytes.empty()) {
    return false;
  }
  ByteReader reader(message->bytes);
  switch (static_cast<ParentMessage>(reader.u8())) {
    case ParentMessage::signal:
      (void)::kill(pid, reader.u8());
      break;
    case ParentMessage::dial:
      answer_dial(channel, reader);
      break;
    case ParentMessage::go:
      break;  // said once, before
  }
  return true;
}

// False when the parent died before the command ended.
bool wait_for_end(pid_t pid, int channel) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  check_errno(process.get(), "pidfd_open");
  for (;;) {
    std::array<pollfd, 2> waits{{{process.get(), POLLIN, 0}, {channel, POLLIN, 0}}};
    check_errno(::poll(waits.data(), waits.size(), -1), "poll");
    if (waits[1].revents != 0 && !obey(channel, pid)) {
      return false;
    }
    if (waits[0].revents != 0) {
      return true;
    }
  }
}

}  // namespace

int keep_command(const CaptureCommand& command, int channel) {
  const std::string network = network_namespace_of(::getpid());
  const Started started = start(command);
  int error = 0;
  if (::read(started.exec_error.get(), &error, sizeof error) == sizeof error) {
    report_exec_error(channel, error);
  }
  if (!wait_for_end(started.pid, channel)) {
    kill_members(network);
    return 1;
  }
  const int exit_code = reap(started.pid);
  end_members(network, patience);
  return exit_code;
}

}  // namespace kt::host
