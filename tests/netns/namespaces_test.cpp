// SPDX-License-Identifier: Apache-2.0
// What a captured command keeps of its surroundings, and what it does not. Runs as root and, when
// root runs it, as an ordinary user too.
#include "netns/captured.h"
#include "support/catch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace kt::test {
namespace {

constexpr uid_t nobody = 65534;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

host::CommandEnd shell(const std::string& script) {
  return captured(capture_spec({"sh", "-c", script}));
}

// The exit code of this program, run as `uid` with `test_cases`.
int run_self_as(uid_t uid, const char* test_cases) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool changed = ::setgid(uid) == 0 && ::setuid(uid) == 0;
    if (changed) {
      ::execl("/proc/self/exe", "kt-netns-tests", test_cases, nullptr);
    }
    ::_exit(99);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// As run_self_as(0, …), in a mount namespace whose /etc and /run are those of systemd-resolved.
int run_on_laptop_with_resolved(const char* test_case) {
  const std::string make_laptop =
      "mount --make-rprivate / && mount -t tmpfs kt /etc && mount -t tmpfs kt /run && "
      "mkdir -p /run/systemd/resolve /run/nscd && "
      "touch /run/systemd/resolve/io.systemd.Resolve /run/nscd/socket && "
      "echo nameserver 127.0.0.53 > /run/systemd/resolve/stub-resolv.conf && "
      "ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf && "
      "exec \"$0\" \"$1\"";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execlp("unshare", "unshare", "--mount", "sh", "-c", make_laptop.c_str(), self.c_str(),
             test_case, nullptr);
    ::_exit(99);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

template <class Condition>
bool becomes_true(const Condition& condition) {
  const auto deadline = io::Clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (io::Clock::now() > deadline) {
      return false;
    }
    ::usleep(5000);
  }
  return true;
}

bool runs(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return !stat.empty() && stat.find(") Z") == std::string::npos;
}

// Where a process inside writes its pid.
class PidFile {
 public:
  PidFile() : file_(::mkstemp(path_.data())) {}
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] pid_t wait_for_pid() const {
    REQUIRE(becomes_true([&] { return read_file(path_).find('\n') != std::string::npos; }));
    return static_cast<pid_t>(std::stol(read_file(path_)));
  }

 private:
  std::string path_ = "/tmp/kt-netns-test-XXXXXX";
  UniqueFd file_;
};

// `pid` is of the caller's frame.
io::Task<> prepare_and_drop(pid_t& pid) {
  const host::NamespacedCommand command =
      co_await host::NamespacedCommand::prepare(capture_spec({"sleep", "1000"}));
  pid = command.pid();
}

}  // namespace

TEST_CASE("the command's exit code is its own") {
  CHECK(shell("exit 0").exit_code == 0);
  CHECK(shell("exit 7").exit_code == 7);
  CHECK(shell("kill -TERM $$").exit_code == 128 + SIGTERM);
}

TEST_CASE("what cannot be run says why, 127 or 126") {
  const host::CommandEnd missing = captured(capture_spec({"kt-no-such-command"}));
  CHECK(missing.exit_code == 127);
  CHECK(missing.not_run == "'kt-no-such-command': No such file or directory");
  const host::CommandEnd folder = captured(capture_spec({"/etc"}));
  CHECK(folder.exit_code == 126);
  CHECK(folder.not_run == "'/etc': Permission denied");
}

TEST_CASE("the command keeps user, group, folder and environment, but for the changes asked for") {
  ::setenv("KT_TEST_KEPT", "kept", 1);
  ::setenv("KT_TEST_REMOVED", "removed", 1);
  host::CaptureSpec spec = capture_spec(
      {"sh", "-c",
       "[ $(id -u) = $WANT_UID ] && [ $(id -g) = $WANT_GID ] && [ \"$(pwd)\" = \"$WANT_CWD\" ] && "
       "[ $KT_TEST_KEPT = kept ] && [ -z \"$KT_TEST_REMOVED\" ]"});
  spec.command.environment = {{"WANT_UID", std::to_string(::geteuid())},
                              {"WANT_GID", std::to_string(::getegid())},
                              {"WANT_CWD", std::filesystem::current_path().string()},
                              {"KT_TEST_REMOVED", std::nullopt}};
  CHECK(captured(spec).exit_code == 0);
}

TEST_CASE("the command keeps its process group") {
  CHECK(shell("[ $(ps -o pgid= -p $$) = " + std::to_string(::getpgrp()) + " ]").exit_code == 0);
}

TEST_CASE("the command has no descriptor of ours, and those that its caller meant for it") {
  const UniqueFd ours(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd meant(::open("/dev/null", O_RDONLY));
  CHECK(shell("! test -e /proc/self/fd/" + std::to_string(ours.get()) +
              " && test -e /proc/self/fd/" + std::to_string(meant.get()))
            .exit_code == 0);
}

TEST_CASE("an ordinary user's command has no capability") {
  if (::geteuid() == 0) {
    return;  // root's command is root
  }
  CHECK(shell("grep -q '^CapEff:.0*$' /proc/self/status && grep -q '^CapPrm:.0*$' "
              "/proc/self/status")
            .exit_code == 0);
}

TEST_CASE("inside there is our resolver, outside nothing changed") {
  const std::string resolv_conf = read_file("/etc/resolv.conf");
  const std::string nsswitch = read_file("/etc/nsswitch.conf");
  const std::string mounts = read_file("/proc/self/mountinfo");
  CHECK(shell("grep -q '^nameserver 198.18.77.2$' /etc/resolv.conf").exit_code == 0);
  CHECK(shell("! test -e /etc/nsswitch.conf || grep -q '^hosts: files myhostname dns$' "
              "/etc/nsswitch.conf")
            .exit_code == 0);
  CHECK(read_file("/etc/resolv.conf") == resolv_conf);
  CHECK(read_file("/etc/nsswitch.conf") == nsswitch);
  CHECK(read_file("/proc/self/mountinfo") == mounts);
}

TEST_CASE("inside: with systemd-resolved", "[.]") {
  CHECK(shell("grep -q '^nameserver 198.18.77.2$' /etc/resolv.conf && test -L /etc/resolv.conf && "
              "! test -e /run/systemd/resolve/io.systemd.Resolve && ! test -e /run/nscd/socket")
            .exit_code == 0);
}
TEST_CASE("where systemd-resolved owns resolv.conf, its sockets and nscd's are hidden") {
  if (::geteuid() != 0) {
    return;  // only root can make such a laptop
  }
  CHECK(run_on_laptop_with_resolved("inside: with systemd-resolved") == 0);
}

TEST_CASE("extra hosts stand behind the laptop's") {
  host::CaptureSpec spec =
      capture_spec({"sh", "-c", "grep -q localhost /etc/hosts && grep -q cart.shop /etc/hosts"});
  spec.resolver.extra_hosts = "10.96.3.4 cart.shop\n";
  CHECK(captured(spec).exit_code == 0);
}

TEST_CASE("/tmp is the laptop's") {
  const PidFile file;
  CHECK(shell("test -e " + file.path()).exit_code == 0);
}

TEST_CASE("without IPv6 addresses IPv6 fails at once") {
  host::CaptureSpec spec = capture_spec({"/proc/self/exe", "inside: no IPv6"});
  spec.network.v6.reset();
  CHECK(captured(spec).exit_code == 0);
}

TEST_CASE("a command that is not waited for is killed") {
  pid_t pid = 0;
  run_task([&](const io::Executor&) { return prepare_and_drop(pid); });
  CHECK(pid > 0);
  CHECK_FALSE(runs(pid));
}

TEST_CASE("what the command left running ends with it") {
  const PidFile file;
  CHECK(shell("sleep 1000 & echo $! > " + file.path()).exit_code == 0);
  CHECK_FALSE(runs(file.wait_for_pid()));
}

TEST_CASE("inside: run a command with a child that sleeps", "[.]") {
  (void)shell("sleep 1000 & echo $! > $KT_TEST_PID_FILE; wait");
}
TEST_CASE("the command and its children die with a caller that is killed") {
  const PidFile file;
  ::setenv("KT_TEST_PID_FILE", file.path().c_str(), 1);
  const pid_t caller = ::fork();
  if (caller == 0) {
    ::execl("/proc/self/exe", "kt-netns-tests", "inside: run a command with a child that sleeps",
            nullptr);
    ::_exit(99);
  }
  const pid_t child_of_command = file.wait_for_pid();
  CHECK(runs(child_of_command));
  ::kill(caller, SIGKILL);
  ::waitpid(caller, nullptr, 0);
  CHECK(becomes_true([&] { return !runs(child_of_command); }));
}

TEST_CASE("the command and its children die with a keeper that is killed") {
  const PidFile file;
  const host::CommandEnd end =
      shell("sleep 1000 & echo $! > " + file.path() + "; kill -9 $PPID; wait");
  CHECK(end.exit_code == 128 + SIGKILL);
  CHECK_FALSE(runs(file.wait_for_pid()));
}

TEST_CASE("all this holds for an ordinary user", "[user]") {
  if (::geteuid() != 0) {
    return;  // it is one
  }
  CHECK(run_self_as(nobody, "~[.]~[user]") == 0);
}

}  // namespace kt::test
