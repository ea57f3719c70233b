// SPDX-License-Identifier: Apache-2.0
#include "dns/client.h"
#include "dns/framing.h"
#include "dns/retry.h"
#include "io/socket_stream.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/run_task.h"
#include "unit/dns_messages.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <set>

using namespace kt::dns;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using kt::Bytes;
using kt::io::Executor;
using kt::io::Task;
using kt::io::use_task;
using kt::test::a_reply;
using kt::test::query_of;
using kt::test::question_of;

namespace {

const boost::asio::ip::address loopback = boost::asio::ip::address_v4::loopback();
const Bytes query = query_of(7, question_of("example.org"));
constexpr RetryRule patient{5s, 5s};

// Answers `count` questions, each behind two datagrams that are no answer to it.
Task<> serve_udp(udp::socket& socket, int count, std::set<std::uint16_t>& ports) {
  for (int i = 0; i < count; ++i) {
    Bytes asked(512);
    udp::endpoint client;
    asked.resize(co_await socket.async_receive_from(boost::asio::buffer(asked), client, use_task));
    ports.insert(client.port());
    Bytes wrong_id = a_reply(asked, "6.6.6.6");
    kt::store_u16(wrong_id, 0, static_cast<std::uint16_t>(~kt::load_u16(wrong_id, 0)));
    const Bytes garbage(3);
    for (const Bytes& reply : {wrong_id, garbage, a_reply(asked, "192.0.2.1")}) {
      co_await socket.async_send_to(boost::asio::buffer(reply), client, use_task);
    }
  }
}

Task<> serve_tcp(tcp::acceptor& acceptor) {
  kt::io::SocketStream stream(kt::io::Socket(co_await acceptor.async_accept(use_task)));
  const Bytes asked = (co_await read_message(stream)).value();
  co_await write_message(stream, a_reply(asked, "192.0.2.1"));
}

}  // namespace

TEST_CASE("a question over UDP takes only its own reply, each from a port of its own") {
  kt::test::run_task([](Executor executor) -> Task<> {
    udp::socket server(executor, udp::endpoint(loopback, 0));
    std::set<std::uint16_t> ports;
    kt::io::TaskGroup serving(executor);
    serving.spawn(serve_udp(server, 3, ports));
    Client client({server.local_endpoint()});
    for (int i = 0; i < 3; ++i) {
      const auto reply = co_await ask_with_retries(client, query, Transport::udp, patient);
      CHECK(reply == a_reply(query, "192.0.2.1"));
    }
    co_await serving.join();
    CHECK(ports.size() > 1);
  });
}

TEST_CASE("a question over TCP is answered over TCP") {
  kt::test::run_task([](Executor executor) -> Task<> {
    tcp::acceptor acceptor(executor, tcp::endpoint(loopback, 0));
    kt::io::TaskGroup serving(executor);
    serving.spawn(serve_tcp(acceptor));
    Client client({udp::endpoint(loopback, acceptor.local_endpoint().port())});
    const auto reply = co_await ask_with_retries(client, query, Transport::tcp, patient);
    CHECK(reply == a_reply(query, "192.0.2.1"));
    co_await serving.join();
  });
}

TEST_CASE("where nobody listens there is no reply, and no wait") {
  kt::test::run_task([](Executor executor) -> Task<> {
    udp::socket closed(executor, udp::endpoint(loopback, 0));
    const udp::endpoint nobody = closed.local_endpoint();
    closed.close();
    Client client({nobody});
    const auto start = kt::io::Clock::now();
    CHECK_FALSE((co_await client.ask(query, Transport::udp, 0)).has_value());
    CHECK_FALSE((co_await client.ask(query, Transport::tcp, 0)).has_value());
    CHECK(kt::io::Clock::now() - start < 2s);
  });
}

TEST_CASE("silence ends at the limit and leaves no socket waiting") {
  kt::test::run_task([](Executor executor) -> Task<> {
    udp::socket mute(executor, udp::endpoint(loopback, 0));
    Client client({mute.local_endpoint()});
    const auto reply = co_await ask_with_retries(client, query, Transport::udp, {10ms, 30ms});
    CHECK_FALSE(reply.has_value());
  });
}

TEST_CASE("a resolv.conf without nameservers means the local host") {
  CHECK(Client(ResolvConf{}).nameserver_count() == 1);
  CHECK(Client(parse_resolv_conf("nameserver 127.0.0.53\nnameserver ::1\n")).nameserver_count() ==
        2);
}
