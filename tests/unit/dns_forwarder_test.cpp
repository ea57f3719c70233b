// SPDX-License-Identifier: Apache-2.0
#include "dns/forwarder.h"
#include "dns/framing.h"
#include "dns/lookup.h"
#include "dns/reply.h"
#include "io/socket_stream.h"
#include "support/catch.h"
#include "support/run_task.h"
#include "unit/dns_messages.h"
#include "unit/dns_scripted_upstream.h"

#include <chrono>
#include <deque>
#include <string>

using namespace kt::dns;
using namespace std::chrono_literals;
using kt::Bytes;
using kt::io::Executor;
using kt::io::Task;
using kt::io::TaskGroup;
using kt::test::a_reply;
using kt::test::dns_name;
using kt::test::query_of;
using kt::test::question_of;
using kt::test::ScriptedUpstream;

namespace {

using Asked = ScriptedUpstream::Asked;
using Reply = std::optional<Bytes>;

constexpr std::uint16_t sent_id = 0xBEEF;

Reply as_cluster(const Asked& asked) {
  return a_reply(asked.query, "10.96.0.1");
}

Reply as_laptop(const Asked& asked) {
  return a_reply(asked.query, "192.0.2.1");
}

// A forwarder between two scripts; time limits short enough for tests of lost answers.
struct Stage {
  explicit Stage(const Executor& executor, ScriptedUpstream::Script cluster_script = as_cluster,
                 std::size_t nameservers = 1)
      : cluster(executor, std::move(cluster_script), nameservers),
        laptop(executor, as_laptop),
        forwarder(executor,
                  {{dns_name("cluster.local"), {}, {}, {}},
                   [] { return sent_id; },
                   {40ms, 100ms},
                   {{dns_name("host.kt.internal"), boost::asio::ip::make_address("192.0.0.5")}}},
                  cluster, laptop) {}

  ScriptedUpstream cluster;
  ScriptedUpstream laptop;
  Forwarder forwarder;
};

const Bytes cluster_query = query_of(7, question_of("cart.shop.svc.cluster.local"));
const Bytes laptop_query = query_of(8, question_of("example.org"));

Rcode rcode_of(const Reply& reply) {
  return Header::read(reply.value())->rcode();
}

Task<> ask_into(Forwarder& forwarder, Bytes query, Reply& out) {
  out = co_await forwarder.answer(std::move(query), Transport::udp);
}

// Lets everything run that can run.
Task<> run_ready(std::size_t turns = 20) {
  for (std::size_t i = 0; i < turns; ++i) {
    co_await kt::io::sleep_for(0ms);
  }
}

}  // namespace

TEST_CASE("each question goes to its side and comes back with the client's id") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    const Reply cluster = co_await stage.forwarder.answer(cluster_query, Transport::udp);
    CHECK(cluster == a_reply(cluster_query, "10.96.0.1"));
    const Reply laptop = co_await stage.forwarder.answer(laptop_query, Transport::tcp);
    CHECK(laptop == a_reply(laptop_query, "192.0.2.1"));
    REQUIRE(stage.cluster.asked().size() == 1);
    REQUIRE(stage.laptop.asked().size() == 1);
    CHECK(Header::read(stage.cluster.asked()[0].query)->id == sent_id);
    CHECK(stage.laptop.asked()[0].transport == Transport::tcp);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a reply that nobody understands passes byte for byte") {
  kt::test::run_task([](Executor executor) -> Task<> {
    const auto strange = [](const Asked& asked) -> Reply {
      MessageWriter writer = kt::test::reply_writer(asked.query, Rcode{9});
      writer.add(Section::answer, dns_name("x"), Type{4711}, 5, kt::as_bytes("anything"));
      Bytes reply = std::move(writer).finish();
      kt::store_u16(reply, 2,
                    static_cast<std::uint16_t>(kt::load_u16(reply, 2) | Header::truncated));
      reply.push_back(std::byte{0xFF});
      return reply;
    };
    Stage stage(executor, strange);
    const Reply reply = co_await stage.forwarder.answer(cluster_query, Transport::udp);
    CHECK(reply == strange({cluster_query, Transport::udp, 0}));
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("what is no query gets the answer that RFC 1035 has for it, or silence") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    Forwarder& forwarder = stage.forwarder;
    CHECK_FALSE((co_await forwarder.answer(Bytes(11), Transport::udp)).has_value());
    const Bytes response = a_reply(laptop_query, "192.0.2.1");
    CHECK_FALSE((co_await forwarder.answer(response, Transport::udp)).has_value());

    Bytes cut = laptop_query;
    cut.pop_back();
    CHECK(rcode_of(co_await forwarder.answer(cut, Transport::udp)) == Rcode::format_error);
    Bytes update = laptop_query;
    kt::store_u16(update, 2, 5 << 11);
    const Reply refused = co_await forwarder.answer(update, Transport::udp);
    CHECK(rcode_of(refused) == Rcode::not_implemented);
    CHECK(Header::read(*refused)->opcode() == Opcode::update);
    const Bytes transfer = query_of(9, question_of("cluster.local", Type::axfr));
    CHECK(rcode_of(co_await forwarder.answer(transfer, Transport::tcp)) == Rcode::refused);
    CHECK(stage.cluster.asked().empty());
    CHECK(stage.laptop.asked().empty());
    co_await forwarder.stop();
  });
}

TEST_CASE("a cluster's answer is asked once and then cached, a laptop's is not") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    Bytes again = cluster_query;
    kt::store_u16(again, 0, 99);
    co_await stage.forwarder.answer(cluster_query, Transport::udp);
    CHECK(co_await stage.forwarder.answer(again, Transport::udp) == a_reply(again, "10.96.0.1"));
    CHECK(stage.cluster.asked().size() == 1);
    co_await stage.forwarder.answer(laptop_query, Transport::udp);
    co_await stage.forwarder.answer(laptop_query, Transport::udp);
    CHECK(stage.laptop.asked().size() == 2);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a name of our own is answered without any server, for its family alone") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    const Reply reply = co_await stage.forwarder.answer(
        query_of(9, question_of("HOST.kt.internal")), Transport::udp);
    REQUIRE(reply);
    auto reader = MessageReader::open(*reply);
    REQUIRE(reader);
    CHECK(reader->header().id == 9);
    const auto record = reader->next();
    REQUIRE(record);
    CHECK(read_address(*record)->to_string() == "192.0.0.5");
    const Reply v6 = co_await stage.forwarder.answer(
        query_of(9, question_of("host.kt.internal", Type::aaaa)), Transport::udp);
    CHECK(rcode_of(v6) == Rcode::no_error);
    CHECK(Header::read(v6.value())->answer_count == 0);
    CHECK(stage.cluster.asked().empty());
    CHECK(stage.laptop.asked().empty());
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("identical questions under way are asked once, and one waiter may go") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    stage.cluster.hold();
    Bytes other = cluster_query;
    kt::store_u16(other, 0, 99);
    Reply first;
    Reply second;
    TaskGroup leaving(executor);
    TaskGroup staying(executor);
    leaving.spawn(ask_into(stage.forwarder, cluster_query, first));
    co_await run_ready();
    staying.spawn(ask_into(stage.forwarder, other, second));
    co_await run_ready();
    co_await leaving.stop();
    stage.cluster.release();
    co_await staying.join();
    CHECK_FALSE(first.has_value());
    CHECK(second == a_reply(other, "10.96.0.1"));
    CHECK(stage.cluster.asked().size() == 1);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a lost answer is asked for again, at the next nameserver") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor, as_cluster, 2);
    stage.cluster.silence(0);
    CHECK(rcode_of(co_await stage.forwarder.answer(cluster_query, Transport::udp)) ==
          Rcode::no_error);
    REQUIRE(stage.cluster.asked().size() == 2);
    CHECK(stage.cluster.asked()[1].nameserver == 1);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a single nameserver is asked twice, and silence ends in SERVFAIL") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    stage.cluster.hold();
    const auto start = kt::io::Clock::now();
    const Reply reply = co_await stage.forwarder.answer(cluster_query, Transport::udp);
    CHECK(rcode_of(reply) == Rcode::server_failure);
    CHECK(is_reply_to(*reply, cluster_query));
    CHECK(kt::io::Clock::now() - start >= 100ms);
    CHECK(stage.cluster.asked().size() == 2);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a slow first answer counts while the second is awaited") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor, as_cluster, 1);
    stage.cluster.hold();
    Reply reply;
    TaskGroup client(executor);
    client.spawn(ask_into(stage.forwarder, cluster_query, reply));
    while (stage.cluster.asked().size() < 2) {
      co_await kt::io::sleep_for(1ms);
    }
    stage.cluster.release();
    co_await client.join();
    CHECK(rcode_of(reply) == Rcode::no_error);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a server's own failure is passed on, unless another nameserver knows better") {
  kt::test::run_task([](Executor executor) -> Task<> {
    const auto first_fails = [](const Asked& asked) -> Reply {
      return asked.nameserver == 0 ? kt::test::reply_writer(asked.query, Rcode::refused).finish()
                                   : a_reply(asked.query, "10.96.0.2");
    };
    Stage one(executor, first_fails, 1);
    CHECK(rcode_of(co_await one.forwarder.answer(cluster_query, Transport::udp)) == Rcode::refused);
    CHECK(one.cluster.asked().size() == 1);
    Stage two(executor, first_fails, 2);
    CHECK(rcode_of(co_await two.forwarder.answer(cluster_query, Transport::udp)) ==
          Rcode::no_error);
    co_await one.forwarder.stop();
    co_await two.forwarder.stop();
  });
}

TEST_CASE("nameservers that cannot be reached are SERVFAIL at once, as are none at all") {
  kt::test::run_task([](Executor executor) -> Task<> {
    const std::size_t nameservers = 0;
    Stage none(executor, as_cluster, nameservers);
    const auto start = kt::io::Clock::now();
    CHECK(rcode_of(co_await none.forwarder.answer(cluster_query, Transport::udp)) ==
          Rcode::server_failure);
    const auto broken = [](const Asked&) -> Reply { throw std::runtime_error("the tunnel"); };
    Stage broken_tunnel(executor, broken, 1);
    CHECK(rcode_of(co_await broken_tunnel.forwarder.answer(cluster_query, Transport::udp)) ==
          Rcode::server_failure);
    CHECK(kt::io::Clock::now() - start < 40ms);
    CHECK(broken_tunnel.cluster.asked().size() == 2);
    co_await none.forwarder.stop();
    co_await broken_tunnel.forwarder.stop();
  });
}

TEST_CASE("a reply to something else is no reply") {
  kt::test::run_task([](Executor executor) -> Task<> {
    const auto forged = [](const Asked& asked) -> Reply {
      return a_reply(query_of(Header::read(asked.query)->id, question_of("other")), "6.6.6.6");
    };
    Stage stage(executor, forged);
    CHECK(rcode_of(co_await stage.forwarder.answer(cluster_query, Transport::udp)) ==
          Rcode::server_failure);
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("stop answers whoever still waits") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    stage.cluster.hold();
    Reply reply;
    TaskGroup client(executor);
    client.spawn(ask_into(stage.forwarder, cluster_query, reply));
    co_await run_ready();
    co_await stage.forwarder.stop();
    co_await client.join();
    CHECK(rcode_of(reply) == Rcode::server_failure);
  });
}

TEST_CASE("a TCP client gets answer after answer until it ends") {
  kt::test::run_task([](Executor executor) -> Task<> {
    Stage stage(executor);
    kt::io::SocketPair pair = kt::io::make_socket_pair(executor);
    kt::io::SocketStream client(std::move(pair.first));
    kt::io::SocketStream server(std::move(pair.second));
    TaskGroup serving(executor);
    serving.spawn(stage.forwarder.serve(server));
    CHECK(co_await ask_over(client, laptop_query) == a_reply(laptop_query, "192.0.2.1"));
    CHECK(co_await ask_over(client, cluster_query) == a_reply(cluster_query, "10.96.0.1"));
    CHECK(stage.cluster.asked()[0].transport == Transport::tcp);
    client.close();
    co_await serving.join();
    co_await stage.forwarder.stop();
  });
}

TEST_CASE("a look-up walks the search list and takes both families") {
  kt::test::run_task([](Executor executor) -> Task<> {
    const auto zone = [](const Asked& asked) -> Reply {
      const Question question = MessageReader::open(asked.query)->question();
      if (!(question.name == dns_name("cart.shop.svc.cluster.local"))) {
        return kt::test::negative_reply(asked.query, 5, 5);
      }
      MessageWriter writer = kt::test::reply_writer(asked.query);
      const bool v4 = question.type == Type::a;
      writer.add(Section::answer, question.name, question.type, 5,
                 kt::test::a_rdata(v4 ? "10.96.0.1" : "fd00::1"));
      return std::move(writer).finish();
    };
    Stage stage(executor, zone);
    const ResolvConf conf = pod_resolv_conf("default", dns_name("cluster.local"), {},
                                            boost::asio::ip::make_address("::1"));
    const auto addresses = co_await lookup(stage.forwarder, "cart.shop", conf);
    REQUIRE(addresses.size() == 2);
    CHECK(addresses[0].to_string() == "10.96.0.1");
    CHECK(addresses[1].to_string() == "fd00::1");
    CHECK(stage.laptop.asked().empty());
    CHECK((co_await lookup(stage.forwarder, "bad..name", conf)).empty());
    co_await stage.forwarder.stop();
  });
}
