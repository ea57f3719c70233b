// SPDX-License-Identifier: Apache-2.0
// Against a real sshd, as kt-agent starts it: `sshd -i` on one end of a socketpair.
#include "base/error.h"
#include "base/log.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "ssh/session.h"
#include "support/catch.h"
#include "support/pattern.h"
#include "support/run_task.h"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace kt;
using namespace std::chrono_literals;
using test::receive_pattern;
using test::send_pattern;

namespace {

std::string own_name() {
  const passwd* const entry = ::getpwuid(::getuid());
  return entry == nullptr ? "" : entry->pw_name;
}

// An sshd that knows one user key and runs one command.
class Server {
 public:
  Server(std::string_view command, std::string_view more_config = "") {
    REQUIRE_FALSE(own_name().empty());
    std::string name = std::filesystem::temp_directory_path() / "kt-sshd-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    if (::getuid() == 0) {
      std::filesystem::create_directories("/run/sshd");  // what sshd locks its child up in
    }
    write("host_key", host_key.private_key_file("host"));
    write("authorized_keys", ssh::authorized_key(user_key.public_key(), "user") + "\n");
    write("sshd_config",
          fmt::format("{2}\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\n"
                      "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
                      "Ciphers aes128-ctr\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\n"
                      "ForceCommand {1}\n",
                      name, command, more_config));  // sshd takes the first word on a matter
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    if (process_ > 0) {
      ::waitpid(process_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  // Starts sshd on one end of a socketpair and gives the other.
  std::unique_ptr<io::ByteStream> start(const io::Executor& executor) {
    io::SocketPair pair = io::make_socket_pair(executor);
    const int theirs = pair.second.native_handle();
    const std::string config = folder_ / "sshd_config";
    const std::string log = folder_ / "log";
    std::array<const char*, 6> arguments = {"sshd", "-i", "-f", config.c_str(), "-E", log.c_str()};
    std::array<char*, 7> argv{};
    std::ranges::transform(arguments, argv.begin(),
                           [](const char* a) { return const_cast<char*>(a); });
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, theirs, 0);
    ::posix_spawn_file_actions_adddup2(&actions, theirs, 1);
    REQUIRE(::posix_spawn(&process_, "/usr/sbin/sshd", &actions, nullptr, argv.data(), environ) ==
            0);
    ::posix_spawn_file_actions_destroy(&actions);
    return std::make_unique<io::SocketStream>(std::move(pair.first));
  }

  // The login that this server takes.
  [[nodiscard]] ssh::Login login() const {
    return {.user = own_name(), .host_key = host_key.public_key(), .command = "ignored"};
  }

  const ssh::KeyPair host_key = ssh::KeyPair::generate();
  const ssh::KeyPair user_key = ssh::KeyPair::generate();

 private:
  void write(const char* name, const std::string& text) {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
  }

  std::filesystem::path folder_;
  pid_t process_ = 0;
};

io::Task<std::string> read_to_end(io::ByteStream& stream) {
  std::string text;
  Bytes bytes(4096);
  while (const std::size_t count = co_await stream.read_some(bytes)) {
    text += to_string(BytesView(bytes).first(count));
  }
  co_return text;
}

io::Task<> login_fails(io::Executor executor, Server& server, ssh::Login login,
                       const ssh::KeyPair& key, Error& error) {
  try {
    (void)co_await ssh::open_channel(server.start(executor), std::move(login), key);
  } catch (const Error& e) {
    error = e;
  }
}

io::Task<> echo(io::Executor executor, Server& server, std::size_t total, std::size_t piece) {
  const auto channel =
      co_await ssh::open_channel(server.start(executor), server.login(), server.user_key);
  std::size_t received = 0;
  io::TaskGroup group(executor);
  group.spawn(send_pattern(*channel, total, piece));
  group.spawn(receive_pattern(*channel, total, received));
  co_await group.join();
  CHECK(received == total);
}

io::Task<> ping_pong(io::Executor executor, Server& server) {
  const auto channel =
      co_await ssh::open_channel(server.start(executor), server.login(), server.user_key);
  for (std::size_t round = 0; round < 100; ++round) {
    std::size_t received = 0;
    co_await send_pattern(*channel, 50, 50);
    co_await receive_pattern(*channel, 50, received);
    REQUIRE(received == 50);
  }
}

io::Task<> whole_output(io::Executor executor, Server& server, std::string& output) {
  const auto channel =
      co_await ssh::open_channel(server.start(executor), server.login(), server.user_key);
  output = co_await read_to_end(*channel);
}

io::Task<> until_error(io::Task<> task, bool& failed) {
  try {
    co_await std::move(task);
  } catch (const std::exception&) {
    failed = true;
  }
}

// The command reads nothing, so that the write waits for the window; and says nothing for long.
io::Task<> close_while_pending(io::Executor executor, Server& server) {
  const auto channel =
      co_await ssh::open_channel(server.start(executor), server.login(), server.user_key);
  std::size_t received = 0;
  bool read_failed = false;
  bool write_failed = false;
  io::TaskGroup group(executor);
  group.spawn(until_error(send_pattern(*channel, 100'000'000, 1'000'000), write_failed));
  co_await receive_pattern(*channel, 1, received);
  group.spawn(until_error(receive_pattern(*channel, 2, received), read_failed));
  co_await io::asio::post(executor, io::use_task);
  channel->close();
  channel->close();
  co_await group.join();
  CHECK(read_failed);
  CHECK(write_failed);
}

io::Task<> leave_in_the_middle(io::Executor executor, Server& server) {
  const auto channel =
      co_await ssh::open_channel(server.start(executor), server.login(), server.user_key);
  Bytes bytes(1'000'000);
  CHECK(co_await channel->read_some(bytes) > 0);
}

io::Task<> other_end(io::Executor executor, std::string_view says, io::Duration limit,
                     Error& error) {
  const ssh::KeyPair key = ssh::KeyPair::generate();
  io::SocketPair pair = io::make_socket_pair(executor);
  io::SocketStream stranger(std::move(pair.first));
  if (!says.empty()) {
    co_await stranger.write_all(as_bytes(says));
    CHECK(::shutdown(stranger.socket().native_handle(), SHUT_WR) == 0);
  }
  ssh::Login login{.user = "kt", .host_key = key.public_key(), .command = "x", .limit = limit};
  try {
    (void)co_await ssh::open_channel(std::make_unique<io::SocketStream>(std::move(pair.second)),
                                     std::move(login), key);
  } catch (const Error& e) {
    error = e;
  }
}

}  // namespace

// libssh2 1.10 forgets to free the old host key at each change of keys: 51 bytes in 64 GiB.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libssh2.so";
}

TEST_CASE("the forced command's stdin and stdout are the stream, whatever command is asked for") {
  Server server("/bin/cat");
  test::run_task([&](io::Executor executor) { return ping_pong(executor, server); });
}

TEST_CASE("the stream ends when the command has ended") {
  Server server("printf hello");
  std::string output;
  test::run_task([&](io::Executor executor) { return whole_output(executor, server, output); });
  CHECK(output == "hello");
}

TEST_CASE("the command's stderr goes to the debug log and not into the stream") {
  Server server("printf oops >&2; printf hello");
  std::string output;
  log::Capture log;
  log::set_level(log::Level::debug);
  test::run_task([&](io::Executor executor) { return whole_output(executor, server, output); });
  log::set_level(log::Level::info);
  CHECK(output == "hello");
  CHECK(std::ranges::any_of(
      log.lines(), [](const std::string& line) { return line.find("oops") != std::string::npos; }));
}

TEST_CASE("another host key is denied") {
  Server server("/bin/cat");
  ssh::Login login = server.login();
  login.host_key = ssh::KeyPair::generate().public_key();
  Error error(ErrorKind::bug, "none");
  test::run_task([&](io::Executor executor) {
    return login_fails(executor, server, login, server.user_key, error);
  });
  CHECK(error.kind() == ErrorKind::denied);
  CHECK(error.message() == "SSH: the server shows another host key");
}

TEST_CASE("another user key is denied") {
  Server server("/bin/cat");
  const ssh::KeyPair stranger = ssh::KeyPair::generate();
  Error error(ErrorKind::bug, "none");
  test::run_task([&](io::Executor executor) {
    return login_fails(executor, server, server.login(), stranger, error);
  });
  CHECK(error.kind() == ErrorKind::denied);
  CHECK(error.message() == "SSH: the server refused our key");
}

TEST_CASE("a server that offers no algorithm of ours is unavailable") {
  Server server("/bin/cat", "Ciphers aes256-ctr");
  Error error(ErrorKind::bug, "none");
  test::run_task([&](io::Executor executor) {
    return login_fails(executor, server, server.login(), server.user_key, error);
  });
  CHECK(error.kind() == ErrorKind::unavailable);
  CHECK(error.message() == "SSH handshake: Unable to exchange encryption keys");
}

TEST_CASE("40 MB pass whole in both directions at once") {
  Server server("/bin/cat");
  test::run_task(
      [&](io::Executor executor) { return echo(executor, server, 40'000'000, 300'001); });
}

TEST_CASE("40 MB pass whole in both directions at once while the keys change every 64 KiB") {
  Server server("/bin/cat", "RekeyLimit 64K");
  test::run_task([&](io::Executor executor) { return echo(executor, server, 40'000'000, 64'000); });
}

TEST_CASE("small messages pass whole while the keys change every 64 KiB") {
  Server server("/bin/cat", "RekeyLimit 64K");
  test::run_task([&](io::Executor executor) { return echo(executor, server, 1'000'000, 101); });
}

TEST_CASE("closing an SSH channel ends a pending read and write, and may be repeated") {
  Server server("printf '\\000'; exec sleep 5 <&-");
  test::run_task([&](io::Executor executor) { return close_while_pending(executor, server); });
}

TEST_CASE("a channel that is dropped in the middle of a transfer ends the server") {
  Server server("cat /dev/zero");
  test::run_task([&](io::Executor executor) { return leave_in_the_middle(executor, server); });
}

TEST_CASE("a server that speaks no SSH is unavailable") {
  Error error(ErrorKind::bug, "none");
  test::run_task([&](io::Executor executor) {
    return other_end(executor, "HTTP/1.1 400 Bad Request\r\n\r\n", 5s, error);
  });
  CHECK(error.kind() == ErrorKind::unavailable);
}

TEST_CASE("a server that says nothing is given up after the limit") {
  Error error(ErrorKind::bug, "none");
  test::run_task([&](io::Executor executor) { return other_end(executor, "", 20ms, error); });
  CHECK(error.message() == "SSH login: timed out after 0.02 s");
}
