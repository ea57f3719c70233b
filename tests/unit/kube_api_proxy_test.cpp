// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "http/client.h"
#include "io/task_group.h"
#include "kube/api_proxy.h"
#include "kube/port_forward.h"
#include "support/catch.h"
#include "support/fake_program.h"
#include "support/run_task.h"

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

namespace kt::kube {
namespace {

using namespace std::chrono_literals;
using test::FakeProgram;
using test::run_task;

const char* const serving = "echo Starting to serve on $2; sleep 60\n";

io::Task<> start_only(io::Executor executor, std::string program, std::string folder) {
  ApiProxy proxy(executor, {std::move(program), {}}, {}, folder + "/s");
  co_await proxy.start();
}

Error start_error(const FakeProgram& program, const std::string& folder) {
  try {
    run_task([&](io::Executor executor) { return start_only(executor, program.path(), folder); });
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::bug, "no error"};
}

io::Task<> wait_until_restarted(const ApiProxy& proxy, int pid) {
  while (proxy.restarts() == 0 || proxy.pid() == pid) {
    co_await io::sleep_for(1ms);
  }
}

io::Task<> kill_and_look(io::Executor executor, std::string program, std::string folder,
                         int& last_pid) {
  ApiProxy proxy(executor, {std::move(program), {}}, {}, folder + "/s");
  co_await proxy.start();
  io::TaskGroup group(executor);
  group.spawn(proxy.keep_running());
  const int pid = proxy.pid();
  ::kill(pid, SIGKILL);
  co_await io::with_timeout(10s, "restart", wait_until_restarted(proxy, pid));
  last_pid = proxy.pid();
  co_await proxy.stop();
  co_await group.join();  // keep_running() ends by itself
}

io::Task<> ask_real_kubectl(io::Executor executor, std::string folder, http::Response& response) {
  ConnectionFlags flags;
  flags.add("kubeconfig", "/dev/null");
  flags.add("server", "http://127.0.0.1:1");
  ApiProxy proxy(executor, {"kubectl", flags}, {}, folder + "/s");
  co_await proxy.start();
  http::Client client(executor, proxy.socket_path());
  http::Request request;
  request.path = "/version";
  response = co_await client.send(request);
  co_await proxy.stop();
}

io::Task<> forward(io::Executor executor, std::string program, std::uint16_t& port,
                   std::string& words) {
  PortForward child(executor, {std::move(program), {}}, {"shop", "kt-x", 7070});
  co_await child.start();
  port = child.local_port();
  co_await child.wait();
  words = child.last_words();
}

}  // namespace

TEST_CASE("a folder that others may enter is refused") {
  const FakeProgram program(serving);
  REQUIRE(::chmod(program.folder().c_str(), 0755) == 0);
  const Error error = start_error(program, program.folder());
  CHECK(error.kind() == ErrorKind::config);
  CHECK(error.message().ends_with("others may enter it"));
  CHECK(error.hint() == "chmod 700 " + program.folder());
}

TEST_CASE("a socket path longer than the kernel takes is refused") {
  const FakeProgram program(serving);
  CHECK(start_error(program, "/tmp/" + std::string(110, 'x'))
            .message()
            .ends_with("longer than 107 bytes"));
}

TEST_CASE("a proxy that does not come up fails with kubectl's words") {
  const FakeProgram program("echo 'error: exec plugin aws: not found' >&2; exit 1");
  const Error error = start_error(program, program.folder());
  CHECK(error.kind() == ErrorKind::unavailable);
  CHECK(error.message() == "kubectl proxy: exec plugin aws: not found");
}

TEST_CASE("a proxy that dies is started again, and stays away after stop") {
  const FakeProgram program(serving);
  int last_pid = 0;
  run_task([&](io::Executor executor) {
    return kill_and_look(executor, program.path(), program.folder(), last_pid);
  });
  CHECK(last_pid > 0);
  CHECK(::kill(last_pid, 0) == -1);
}

TEST_CASE("the real kubectl serves on the socket and says why it cannot reach its server") {
  const FakeProgram folder("");
  http::Response response;
  run_task(
      [&](io::Executor executor) { return ask_real_kubectl(executor, folder.folder(), response); });
  CHECK(response.status >= 500);
  CHECK(response.body.find("connection refused") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.folder() + "/s"));
}

TEST_CASE("a forwarding line gives the local port") {
  CHECK(parse_forwarding_line("Forwarding from 127.0.0.1:40123 -> 7070") == 40123);
  const std::string other =
      GENERATE(as<std::string>{}, "", "Forwarding from [::1]:40123 -> 7070",
               "Forwarding from 127.0.0.1:70000 -> 1", "Forwarding from 127.0.0.1:0 -> 1",
               "Forwarding from 127.0.0.1:40123", "Handling connection for 40123");
  CHECK_FALSE(parse_forwarding_line(other).has_value());
}

TEST_CASE("a port-forward is started for SPDY, listens, and its last words are kept") {
  const FakeProgram program(
      "test \"$KUBECTL_PORT_FORWARD_WEBSOCKETS\" = false || exit 1\n"
      "test \"$*\" = 'port-forward --namespace=shop --address=127.0.0.1 pod/kt-x :7070' || exit 1\n"
      "echo 'Forwarding from 127.0.0.1:40123 -> 7070'\n"
      "echo 'E1124 17:05:00.1 1 portforward.go:1] lost connection to pod' >&2\n");
  std::uint16_t port = 0;
  std::string words;
  run_task([&](io::Executor executor) { return forward(executor, program.path(), port, words); });
  CHECK(port == 40123);
  CHECK(words.ends_with("lost connection to pod"));
}

TEST_CASE("a port-forward without the right is denied") {
  const FakeProgram program(
      "echo 'Error from server (Forbidden): pods \"kt-x\" is forbidden' >&2; exit 1");
  std::uint16_t port = 0;
  std::string words;
  try {
    run_task([&](io::Executor executor) { return forward(executor, program.path(), port, words); });
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::denied);
    CHECK(e.message() ==
          "kubectl port-forward: Error from server (Forbidden): pods \"kt-x\" is forbidden");
  }
}

}  // namespace kt::kube
