// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cluster/carrier.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "mux/handshake.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>

#include <filesystem>

using namespace kt;
using io::Task;
using Stream = std::unique_ptr<io::ByteStream>;
using Unix = io::asio::local::stream_protocol;

namespace {

// Instead of `kubectl proxy`, an API server and an agent: a real one cannot be told to stay silent.
class ApiSocket {
 public:
  explicit ApiSocket(const io::Executor& executor)
      : folder_("/tmp/kt-carrier-XXXXXX"),
        path_(std::string(::mkdtemp(folder_.data())) + "/api.sock"),
        acceptor_(executor, Unix::endpoint(path_)) {}
  ~ApiSocket() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] const std::string& path() const { return path_; }

  Task<> upgrade_and_echo() {
    io::SocketStream client(io::Socket(co_await acceptor_.async_accept(io::use_task)));
    Bytes request(4096);
    (void)co_await client.read_some(request);
    co_await client.write_all(as_bytes(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: kt-mux/1\r\n\r\n"));
    (void)co_await mux::await_hello(client, std::chrono::seconds(10));
  }
  Task<> refuse() {
    io::SocketStream client(io::Socket(co_await acceptor_.async_accept(io::use_task)));
    Bytes request(4096);
    (void)co_await client.read_some(request);
    co_await client.write_all(
        as_bytes("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
  }
  Task<> upgrade_at_the_second_try() {
    co_await refuse();
    co_await upgrade_and_echo();
  }
  Task<> accept_and_say_nothing() {
    const Unix::socket client = co_await acceptor_.async_accept(io::use_task);
    co_await io::sleep_for(std::chrono::hours(1));
  }

 private:
  std::string folder_;
  std::string path_;
  Unix::acceptor acceptor_;
};

cluster::Carriers::Options options(const ApiSocket& api) {
  cluster::Carriers::Options made;
  made.api_socket = api.path();
  made.kubectl.program = "/nonexistent/kubectl";
  made.door = {"shop", "pod", 7070};
  return made;
}

Task<Stream> as_it_is(Stream below) {
  co_return below;
}

Task<> win_by_proxy(io::Executor executor, std::string& why_not_port_forward) {
  ApiSocket api(executor);
  io::TaskGroup group(executor);
  group.spawn(api.upgrade_and_echo());
  cluster::Carriers carriers(executor, options(api));
  const cluster::CarriedLink link = co_await carriers.race(&as_it_is);
  CHECK(link.carrier == cluster::Carrier::proxy);
  why_not_port_forward = carriers.why_not(cluster::Carrier::port_forward);
  co_await group.stop();
  co_await carriers.stop();
}

Task<> win_at_the_second_try(io::Executor executor, bool& won) {
  ApiSocket api(executor);
  io::TaskGroup group(executor);
  group.spawn(api.upgrade_at_the_second_try());
  cluster::Carriers carriers(executor, options(api));
  (void)co_await carriers.race(&as_it_is);
  won = true;
  co_await group.stop();
  co_await carriers.stop();
}

// Takes as long to end as a kubectl child may; `ended` tells whether it was waited for.
Task<Stream> slow_to_end(Stream below, bool& begun, bool& ended) {
  begun = true;
  try {
    co_await io::sleep_for(std::chrono::hours(1));
  } catch (const boost::system::system_error&) {
  }
  co_await io::ignore_cancellation();
  co_await io::sleep_for(std::chrono::milliseconds(20));
  ended = true;
  co_return below;
}

Task<> race_and_note(cluster::Carriers& carriers, const cluster::Carriers::Secure& secure,
                     bool& attempt_ended, bool& ended_before) {
  try {
    (void)co_await carriers.race(secure);
  } catch (const boost::system::system_error&) {
    ended_before = attempt_ended;
    throw;
  }
}

Task<> cancel_a_race(io::Executor executor, bool& waited) {
  ApiSocket api(executor);
  io::TaskGroup servers(executor);
  servers.spawn(api.upgrade_and_echo());
  cluster::Carriers::Options only_proxy = options(api);
  only_proxy.only = cluster::Carrier::proxy;
  cluster::Carriers carriers(executor, std::move(only_proxy));
  bool begun = false;
  bool ended = false;
  const cluster::Carriers::Secure secure = [&](Stream below) {
    return slow_to_end(std::move(below), begun, ended);
  };
  io::TaskGroup race(executor);
  race.spawn(race_and_note(carriers, secure, ended, waited));
  while (!begun) {
    co_await io::sleep_for(std::chrono::milliseconds(1));
  }
  co_await race.stop();
  co_await servers.stop();
  co_await carriers.stop();
}

Task<> race_as_it_is(cluster::Carriers& carriers) {
  (void)co_await carriers.race(&as_it_is);
}

Task<> race_against_silence(io::Executor executor, std::string& message) {
  ApiSocket api(executor);
  io::TaskGroup servers(executor);
  servers.spawn(api.accept_and_say_nothing());
  cluster::Carriers carriers(executor, options(api));
  try {
    co_await io::with_timeout(std::chrono::seconds(60), "race", race_as_it_is(carriers));
  } catch (const Error& e) {
    message = e.message();
  }
  co_await servers.stop();
  co_await carriers.stop();
}

}  // namespace

TEST_CASE("no port-forward is started once pods/proxy has won") {
  std::string why = "not run";
  test::run_task([&](const io::Executor& executor) { return win_by_proxy(executor, why); });
  CHECK(why.empty());  // else: that there is no such kubectl
}

TEST_CASE("an agent that does not listen yet is tried again") {
  bool won = false;
  test::run_task(
      [&](const io::Executor& executor) { return win_at_the_second_try(executor, won); });
  CHECK(won);
}

// Once a crash: in a cancelled task the wait for the attempts never began, and they went on in
// memory that was gone.
TEST_CASE("a cancelled race returns when its attempts have ended, not before") {
  bool waited = false;
  test::run_task([&](const io::Executor& executor) { return cancel_a_race(executor, waited); });
  CHECK(waited);
}

TEST_CASE("when neither carrier answers, the error names both reasons after 15 s") {
  std::string message;
  const auto start = io::Clock::now();
  test::run_task(
      [&](const io::Executor& executor) { return race_against_silence(executor, message); });
  const auto seconds = std::chrono::duration<double>(io::Clock::now() - start).count();
  CHECK(message.find("pods/proxy: no answer for 15 s") != std::string::npos);
  CHECK(message.find("port-forward: cannot run") != std::string::npos);
  CHECK(seconds > 14);
  CHECK(seconds < 25);
}
