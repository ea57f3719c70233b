// SPDX-License-Identifier: Apache-2.0
#include "agent/address.h"
#include "agent_front_exchange.h"
#include "support/catch.h"

#include <boost/asio/socket_base.hpp>

#include <algorithm>
#include <cerrno>

using namespace kt;
using agent::Front;
using agent::FrontCounts;
using io::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Exchange;
using test::front_options;
using test::Reply;
using test::request;
using test::until;
using test::within_twenty_seconds;

namespace {

const std::string was_reset = "read: Connection reset by peer";

Task<> served(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.attach();
  Reply reply;
  co_await request(exchange.port, reply);
  CHECK(reply.text == "ping");
  const auto of_a_caller = [](const mux::Target& each) { return each.from.has_value(); };
  const mux::Target target = *std::ranges::find_if(exchange.targets, of_a_caller);
  CHECK(target.protocol == mux::Protocol::tcp);
  CHECK(target.to.port == exchange.port);
  CHECK(agent::to_asio(target.to.address).to_string() == "127.0.0.1");
  CHECK(agent::to_asio(target.from.value().address).to_string() == "127.0.0.1");
  co_await until([&exchange] { return exchange.counts() == FrontCounts{1, 0, 0, 0}; });
  co_await exchange.stop();
}

Task<> reloading(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.refusal = ECONNREFUSED;
  exchange.attach();
  Reply reply;
  exchange.tasks.spawn(request(exchange.port, reply));
  co_await until([&exchange] { return exchange.counts().held == 1; });
  exchange.refusal = 0;
  co_await until([&reply] { return !reply.text.empty() || !reply.error.empty(); });
  CHECK(reply.text == "ping");
  co_await exchange.stop();
}

Task<> refused(io::Executor executor) {
  Front::Options options = front_options(executor);
  options.limits.hold = milliseconds(300);
  Exchange exchange(executor, std::move(options));
  exchange.refusal = ECONNREFUSED;
  exchange.attach();
  const io::TimePoint start = io::Clock::now();
  Reply reply;
  co_await request(exchange.port, reply);
  CHECK(reply.error == was_reset);
  CHECK(io::Clock::now() - start >= milliseconds(300));
  CHECK(exchange.counts() == FrontCounts{1, 0, 0, 1});
  co_await exchange.stop();
}

Task<> unreachable(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.refusal = EHOSTUNREACH;
  exchange.attach();
  const io::TimePoint start = io::Clock::now();
  Reply reply;
  co_await request(exchange.port, reply);
  CHECK(reply.error == was_reset);
  CHECK(io::Clock::now() - start < seconds(5));
  co_await exchange.stop();
}

Task<> without_laptop(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  Reply reply;
  exchange.tasks.spawn(request(exchange.port, reply));
  co_await until([&exchange] { return exchange.counts().held == 1; });
  exchange.attach();
  co_await until([&reply] { return !reply.text.empty() || !reply.error.empty(); });
  CHECK(reply.text == "ping");
  CHECK(exchange.counts().held == 0);
  co_await exchange.stop();
}

Task<> abandoned(io::Executor executor) {
  Front::Options options = front_options(executor);
  options.limits.grace = milliseconds(200);
  Exchange exchange(executor, std::move(options));
  Reply reply;
  co_await request(exchange.port, reply);
  CHECK(reply.error == was_reset);
  co_await until([&exchange] { return exchange.counts() == FrontCounts{1, 0, 0, 1}; });
  co_await exchange.stop();
}

Task<> impatient_caller(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  io::Socket caller = co_await io::connect_tcp("127.0.0.1", exchange.port);
  co_await until([&exchange] { return exchange.counts().held == 1; });
  caller.set_option(io::asio::socket_base::linger(true, 0));
  caller.close();
  co_await until([&exchange] { return exchange.counts() == FrontCounts{1, 0, 0, 0}; });
  co_await exchange.stop();
}

Task<> link_lost_while_opening(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.silent = true;
  exchange.attach();
  Reply reply;
  exchange.tasks.spawn(request(exchange.port, reply));
  co_await until([&exchange] { return exchange.counts().accepted == 1; });
  exchange.lose_link();
  co_await until([&exchange] { return exchange.counts().held == 1; });
  exchange.silent = false;
  exchange.connect();
  co_await until([&reply] { return !reply.text.empty() || !reply.error.empty(); });
  CHECK(reply.text == "ping");
  co_await exchange.stop();
}

Task<> many_with_a_dying_link(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.attach();
  int served = 0;
  for (int i = 0; i < 1000; ++i) {
    Reply reply;
    exchange.tasks.spawn(request(exchange.port, reply));
    if (i % 250 == 100) {  // with the request under way
      exchange.lose_link();
      co_await until([&exchange] { return !exchange.front.state().linked(); });
      exchange.connect();
    }
    co_await until([&reply] { return !reply.text.empty() || !reply.error.empty(); });
    served += reply.text == "ping" ? 1 : 0;
  }
  CHECK(served == 1000);
  CHECK(exchange.counts().failed == 0);
  co_await exchange.stop();
}

}  // namespace

TEST_CASE("front: a connection reaches the laptop's program") {
  within_twenty_seconds(served);
}
TEST_CASE("front: a connection waits for a program that reloads") {
  within_twenty_seconds(reloading);
}
TEST_CASE("front: a program that goes on refusing is a reset") {
  within_twenty_seconds(refused);
}
TEST_CASE("front: what no reload explains is a reset at once") {
  within_twenty_seconds(unreachable);
}
TEST_CASE("front: a connection waits for the laptop") {
  within_twenty_seconds(without_laptop);
}
TEST_CASE("front: a connection waits no longer than the grace time") {
  within_twenty_seconds(abandoned);
}
TEST_CASE("front: a caller that leaves is not held") {
  within_twenty_seconds(impatient_caller);
}
TEST_CASE("front: a link lost before the answer loses no connection") {
  within_twenty_seconds(link_lost_while_opening);
}
TEST_CASE("front: of a thousand connections none is lost with the links") {
  within_twenty_seconds(many_with_a_dying_link);
}
