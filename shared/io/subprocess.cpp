// SPDX-License-Identifier: Apache-2.0
#include "io/subprocess.h"

#include "base/error.h"
#include "io/scheduling.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace kt::io {
namespace {

using asio::deferred;
using asio::experimental::make_parallel_group;
using asio::experimental::wait_for_all;
using asio::experimental::wait_for_one;

constexpr std::size_t max_line = 64UL * 1024;
// Whoever started us ignores SIGCHLD, so that the kernel has reaped the child.
constexpr int lost_exit_code = 255;
constexpr std::size_t max_output = 64UL * 1024 * 1024;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  check_errno(::pipe2(fds.data(), O_CLOEXEC), "pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!changes.contains(std::string(text.substr(0, text.find('='))))) {
      result.emplace_back(text);
    }
  }
  for (const auto& [name, value] : changes) {
    result.push_back(fmt::format("{}={}", name, value));
  }
  return result;
}

// Everything that the child needs, made before fork: behind it only async-signal-safe calls are
// allowed.
struct Launch {
  explicit Launch(const Command& command)
      : arguments(command.argv),
        environment(environment_with(command.environment)),
        argv(pointers(arguments)),
        envp(pointers(environment)),
        foreground(command.foreground),
        in_batches(command.in_batches),
        parent(::getpid()) {}

  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::array<int, 3> streams{-1, -1, -1};  // -1 = inherited
  bool foreground;
  bool in_batches;
  pid_t parent;
};

// Asio opens its sockets without O_CLOEXEC.
bool close_all_at_exec() {
  constexpr unsigned first = 3;
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
    return true;
  }
  const int limit = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  for (int fd = first; fd < limit; ++fd) {
    (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return true;
}

bool connect_streams(const Launch& launch) {
  for (int target = 0; target < 3; ++target) {
    const int source = launch.streams[static_cast<std::size_t>(target)];
    if (source >= 0 && ::dup2(source, target) < 0) {
      return false;
    }
  }
  return true;
}

// Ignored signals and the mask would survive exec.
void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGQUIT, SIG_DFL);
}

[[noreturn]] void run_child(Launch& launch, int failure_pipe) {
  bool ok = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
  if (::getppid() != launch.parent) {
    ::_exit(1);  // the parent died before prctl: nobody would tell us
  }
  // Without a terminal a plugin that asks fails at once; in the background it would be stopped.
  ok = ok && (launch.foreground || ::setsid() > 0);
  reset_signals();
  if (launch.in_batches) {
    schedule_in_batches();
  }
  if (ok && connect_streams(launch) && close_all_at_exec()) {
    ::execvpe(launch.argv[0], launch.argv.data(), launch.envp.data());
  }
  const int failure = errno;
  [[maybe_unused]] const auto written = ::write(failure_pipe, &failure, sizeof failure);
  ::_exit(127);
}

// 0 once exec has succeeded (it closes the pipe), else the child's errno.
int read_failure(int pipe) {
  int failure = 0;
  ssize_t count = 0;
  do {
    count = ::read(pipe, &failure, sizeof failure);
  } while (count < 0 && errno == EINTR);
  return count == sizeof failure ? failure : 0;
}

[[noreturn]] void throw_start_failed(const std::string& program, int failure) {
  const auto kind = failure == ENOENT ? ErrorKind::not_found : ErrorKind::unavailable;
  throw Error(kind, fmt::format("start '{}': {}", program, errno_text(failure)));
}

pid_t fork_and_exec(Launch& launch) {
  Pipe failure_pipe = make_pipe();
  const pid_t pid = check_errno(::fork(), "fork");
  if (pid == 0) {
    run_child(launch, failure_pipe.writer.get());
  }
  failure_pipe.writer.reset();
  if (const int failure = read_failure(failure_pipe.reader.get()); failure != 0) {
    (void)::waitpid(pid, nullptr, 0);
    throw_start_failed(launch.arguments[0], failure);
  }
  return pid;
}

// The child's end goes into `launch`; what we keep is returned.
struct StreamEnds {
  UniqueFd ours;
  UniqueFd childs;
};

StreamEnds prepare_stream(ChildStream kind, int number, Launch& launch) {
  StreamEnds ends;
  if (kind == ChildStream::pipe) {
    KT_ASSERT(number != STDIN_FILENO);
    Pipe pipe = make_pipe();
    ends = {std::move(pipe.reader), std::move(pipe.writer)};
  } else if (kind == ChildStream::null) {
    ends.childs = UniqueFd(check_errno(::open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null"));
  }
  launch.streams[static_cast<std::size_t>(number)] = ends.childs.get();
  return ends;
}

int exit_code_of(const siginfo_t& info) {
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

Task<> collect(LineReader* from, std::string& into) {
  if (from != nullptr) {
    into = co_await from->rest(max_output);
  }
}

}  // namespace

LineReader::LineReader(const Executor& executor, UniqueFd fd) : descriptor_(executor, fd.get()) {
  (void)fd.release();
}

Task<bool> LineReader::fill() {
  constexpr std::size_t piece = 4096;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + piece);
  error_code ec;
  const std::size_t count = co_await descriptor_.async_read_some(
      asio::buffer(buffer_.data() + before, piece), asio::redirect_error(use_task, ec));
  buffer_.resize(before + count);
  if (ec == asio::error::operation_aborted) {
    throw boost::system::system_error(ec);
  }
  co_return !ec;
}

Task<std::optional<std::string>> LineReader::next() {
  std::size_t end = buffer_.find('\n');
  while (end == std::string::npos && buffer_.size() < max_line) {
    if (!co_await fill()) {
      break;
    }
    end = buffer_.find('\n');
  }
  if (buffer_.empty()) {
    co_return std::nullopt;
  }
  const std::size_t size = std::min({end, buffer_.size(), max_line});
  std::string line = buffer_.substr(0, size);
  buffer_.erase(0, size == end ? size + 1 : size);
  co_return line;
}

Task<std::string> LineReader::rest(std::size_t limit) {
  std::string text = std::exchange(buffer_, {});
  while (co_await fill()) {
    text.append(buffer_, 0, limit - std::min(limit, text.size()));
    buffer_.clear();
  }
  co_return text;
}

Subprocess::Subprocess(const Executor& executor, const Command& command)
    : foreground_(command.foreground), pidfd_(executor) {
  KT_ASSERT(!command.argv.empty());
  Launch launch(command);
  const StreamEnds in = prepare_stream(command.in, STDIN_FILENO, launch);
  StreamEnds out = prepare_stream(command.out, STDOUT_FILENO, launch);
  StreamEnds err = prepare_stream(command.err, STDERR_FILENO, launch);
  pid_ = fork_and_exec(launch);
  pidfd_.assign(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (out.ours) {
    out_ = std::make_unique<LineReader>(executor, std::move(out.ours));
  }
  if (err.ours) {
    err_ = std::make_unique<LineReader>(executor, std::move(err.ours));
  }
}

Subprocess::~Subprocess() {
  signal(SIGKILL);
  (void)reap(true);
}

bool Subprocess::reap(bool block) noexcept {
  if (exit_code_) {
    return true;
  }
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | (block ? 0 : WNOHANG));
  } while (result < 0 && errno == EINTR);
  if (result == 0 && info.si_pid == 0) {
    return false;
  }
  exit_code_ = result == 0 ? exit_code_of(info) : lost_exit_code;
  return true;
}

Task<int> Subprocess::wait() {
  while (!reap(false)) {
    co_await pidfd_.async_wait(asio::posix::descriptor_base::wait_read, use_task);
  }
  co_return exit_code_.value_or(lost_exit_code);
}

void Subprocess::signal(int number) noexcept {
  if (!exit_code_) {
    (void)::kill(foreground_ ? pid_ : -pid_, number);
  }
}

Task<> Subprocess::ended_or(Duration limit) {
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  auto race =
      make_parallel_group(pidfd_.async_wait(asio::posix::descriptor_base::wait_read, deferred),
                          timer.async_wait(deferred));
  co_await std::move(race).async_wait(wait_for_one(), use_task);
}

Task<int> Subprocess::stop(Duration grace) {
  signal(SIGTERM);
  // A cancellation shortens the grace and nothing else.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await ended_or(grace);
  co_await asio::this_coro::throw_if_cancelled(throws);
  signal(SIGKILL);
  (void)reap(true);
  co_return exit_code_.value_or(lost_exit_code);
}

Task<> Subprocess::run_to_end(ChildOutput& output) {
  const Executor executor = co_await asio::this_coro::executor;
  auto both =
      make_parallel_group(asio::co_spawn(executor, collect(out_.get(), output.out), deferred),
                          asio::co_spawn(executor, collect(err_.get(), output.err), deferred));
  co_await std::move(both).async_wait(wait_for_all(), use_task);
  output.exit_code = co_await wait();
}

Task<ChildOutput> run_command(Command command, Duration limit) {
  Subprocess child(co_await asio::this_coro::executor, command);
  ChildOutput output;
  co_await with_timeout(limit, command.argv.at(0), child.run_to_end(output));
  co_return output;
}

}  // namespace kt::io
