// SPDX-License-Identifier: Apache-2.0
#include "agent/dial.h"
#include "agent_front_exchange.h"
#include "dns_messages.h"
#include "dns_scripted_upstream.h"
#include "support/catch.h"

#include <cerrno>

using namespace kt;
using agent::Front;
using io::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Acceptor;
using test::Exchange;
using test::front_options;
using test::listener_on;
using test::open_control;
using test::Reply;
using test::request;
using test::until;
using test::within_twenty_seconds;

namespace {

// An original on another address of this machine, which answers "orig".
Task<> be_original(Acceptor& acceptor) {
  while (true) {
    io::SocketStream caller{io::Socket(co_await acceptor.async_accept(io::use_task))};
    Bytes question(100);
    (void)co_await caller.read_some(question);
    co_await caller.write_all(as_bytes("orig"));
  }
}

// Both the pod's own address and an original's, as a headless Service of both says.
std::optional<Bytes> both_addresses(const test::ScriptedUpstream::Asked& asked) {
  const dns::Question question = dns::MessageReader::open(asked.query)->question();
  dns::MessageWriter writer = test::reply_writer(asked.query);
  if (question.type == dns::Type::a) {
    for (const char* address : {"127.0.0.1", "127.0.0.2"}) {
      writer.add(dns::Section::answer, question.name, dns::Type::a, 5, test::a_rdata(address));
    }
  }
  return std::move(writer).finish();
}

Front::Options options_with_originals(const io::Executor& executor, int& look_ups) {
  Front::Options options = front_options(executor);
  const auto script = [&look_ups](const test::ScriptedUpstream::Asked& asked) {
    ++look_ups;
    return both_addresses(asked);
  };
  options.originals = std::make_unique<agent::Originals>(
      executor,
      agent::Originals::Options{test::dns_name("cart-all.shop.svc.cluster.local"),
                                {io::asio::ip::make_address("127.0.0.1")},
                                std::make_unique<test::ScriptedUpstream>(executor, script)});
  return options;
}

Task<> forwarded(io::Executor executor) {
  int look_ups = 0;
  Exchange exchange(executor, options_with_originals(executor, look_ups));
  Acceptor original = listener_on(executor, "127.0.0.2", exchange.port);
  exchange.tasks.spawn(be_original(original));
  exchange.attach();
  const std::unique_ptr<mux::Stream> control = co_await open_control(exchange);
  co_await control->write_all(as_bytes("forward\n"));
  co_await until([&exchange] {
    return exchange.front.state().way(io::Clock::now()) == agent::Way::originals;
  });
  Reply reply;
  co_await request(exchange.port, reply);
  CHECK(reply.text == "orig");
  co_await control->write_all(as_bytes("serve\n"));
  co_await until(
      [&exchange] { return exchange.front.state().way(io::Clock::now()) == agent::Way::laptop; });
  co_await request(exchange.port, reply);
  CHECK(reply.text == "ping");
  co_await exchange.stop();
}

Task<> laptop_gone(io::Executor executor) {
  int look_ups = 0;
  Exchange exchange(executor, options_with_originals(executor, look_ups));
  exchange.silent = true;
  exchange.attach();
  Reply reply;
  exchange.tasks.spawn(request(exchange.port, reply));
  co_await until([&exchange] { return exchange.counts().accepted == 1; });
  exchange.lose_link();
  co_await until([&exchange] { return exchange.counts().held == 1; });
  co_await until([&look_ups] { return look_ups >= 4; });  // nobody accepts, twice
  CHECK(exchange.counts().held == 1);
  Acceptor original = listener_on(executor, "127.0.0.2", exchange.port);
  exchange.tasks.spawn(be_original(original));
  co_await until([&reply] { return !reply.text.empty() || !reply.error.empty(); });
  CHECK(reply.text == "orig");
  co_await exchange.stop();
}

Task<> collect(mux::Stream& control, std::string& text) {
  Bytes buffer(1000);
  while (const std::size_t count = co_await control.read_some(buffer)) {
    text += to_string(BytesView(buffer).first(count));
  }
}

Task<> conversation(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.refusal = ECONNREFUSED;
  exchange.attach();
  const std::unique_ptr<mux::Stream> control = co_await open_control(exchange);
  std::string heard;
  io::TaskGroup reader(executor);
  reader.spawn(collect(*control, heard));
  const std::string port = std::to_string(exchange.port);
  const auto hears = [&heard](const std::string& line) {
    return [&heard, line] { return heard.find(line + "\n") != std::string::npos; };
  };
  co_await until(hears("refused " + port));
  CHECK(heard.starts_with("unready\n"));
  co_await control->write_all(as_bytes("admit\nnobody knows this\n"));
  exchange.refusal = 0;
  co_await until(hears("proven " + port));
  co_await until(hears("\nready"));
  Reply reply;
  co_await request(exchange.port, reply);
  co_await until(hears("counts 1 0 0 0"));
  heard.clear();
  co_await control->write_all(as_bytes("drain\n"));
  co_await until(hears("unready"));
  co_await reader.stop();
  co_await exchange.stop();
}

Task<> admission_stays(io::Executor executor) {
  Exchange exchange(executor, front_options(executor));
  exchange.attach();
  std::unique_ptr<mux::Stream> control = co_await open_control(exchange);
  co_await control->write_all(as_bytes("admit\n"));
  co_await until([&exchange] { return exchange.front.state().ready(); });
  control.reset();
  exchange.lose_link();
  co_await until([&exchange] { return !exchange.front.state().linked(); });
  CHECK(exchange.front.state().ready());
  co_await exchange.stop();
}

Task<> drain(Front& front, bool& over) {
  co_await front.drain();
  over = true;
}

Task<> drained(io::Executor executor) {
  Front::Options options = front_options(executor);
  options.drain = {milliseconds(200), seconds(10)};
  Exchange exchange(executor, std::move(options));
  exchange.attach();
  io::SocketStream living(co_await io::connect_tcp("127.0.0.1", exchange.port));
  co_await until([&exchange] { return exchange.counts().open == 1; });
  bool over = false;
  exchange.tasks.spawn(drain(exchange.front, over));
  Reply late;
  co_await request(exchange.port, late);
  CHECK(late.text == "ping");
  CHECK_FALSE(over);
  living.close();
  co_await until([&over] { return over; });
  co_await exchange.stop();
}

Task<> refuse_as_agent(mux::Tunnel& tunnel) {
  co_await agent::dial(co_await tunnel.accept());
}

Task<> no_front(io::Executor executor) {
  test::TunnelPair pair(executor);
  pair.link(1);
  pair.tasks.spawn(refuse_as_agent(pair.agent));
  const mux::OpenResult opened =
      co_await pair.laptop.open({mux::Protocol::front, mux::Endpoint(), std::nullopt});
  CHECK(opened.error == EPROTONOSUPPORT);
  co_await pair.stop();
}

}  // namespace

TEST_CASE("front: forward and serve choose between originals and laptop") {
  within_twenty_seconds(forwarded);
}
TEST_CASE("front: when the laptop is gone the originals answer as soon as they accept") {
  within_twenty_seconds(laptop_gone);
}
TEST_CASE("front: a laptop hears what it needs to know") {
  within_twenty_seconds(conversation);
}
TEST_CASE("front: admission outlives the control stream and the link") {
  within_twenty_seconds(admission_stays);
}
TEST_CASE("front: a drain serves what lives and what still comes") {
  within_twenty_seconds(drained);
}
TEST_CASE("front: an agent without one says so") {
  within_twenty_seconds(no_front);
}
