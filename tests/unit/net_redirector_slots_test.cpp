// SPDX-License-Identifier: Apache-2.0
#include "unit/net_connection.h"

#include <cerrno>
#include <set>

namespace kt::net {

using namespace test;
using std::chrono::seconds;

TEST_CASE("an application that gives up before the handshake abandons its flow") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  (void)connection.from_listener(tcp_flag::syn | tcp_flag::ack);
  const Outcome outcome = connection.from_app(tcp_flag::rst);
  CHECK(std::get<Abandoned>(outcome).flow == connection.flow);
  CHECK_FALSE(redirector.flow_of_peer(connection.slot()));
}

TEST_CASE("a reset after the handshake is passed on") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  connection.establish();
  CHECK(std::holds_alternative<WriteBack>(connection.from_app(tcp_flag::rst)));
  CHECK(redirector.flow_of_peer(connection.slot()) == connection.flow);
}

TEST_CASE("a slot waits out TIME_WAIT when our side closed first") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  connection.establish().finish_listener_first();
  redirector.closed(connection.flow, start);
  redirector.expire(start + seconds(60));
  CHECK(redirector.flows() == 1);
  redirector.expire(start + seconds(66));
  CHECK(redirector.flows() == 0);
}

TEST_CASE("a slot is free soon when the application closed first") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  connection.establish().finish_app_first();
  redirector.closed(connection.flow, start);
  CHECK(redirector.next_deadline() == start + seconds(10));
  redirector.expire(start + seconds(10));
  CHECK(redirector.flows() == 0);
  CHECK_FALSE(redirector.next_deadline());
}

TEST_CASE("an ended flow keeps its slot while the owner has its socket") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  connection.establish().finish_app_first();
  redirector.expire(start + seconds(100'000));
  CHECK(redirector.flow_of_peer(connection.slot()) == connection.flow);
}

TEST_CASE("a flow that the owner closed lives on while packets come") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  connection.establish();
  redirector.closed(connection.flow, start);
  connection.now = start + seconds(200);
  CHECK(std::holds_alternative<WriteBack>(connection.from_app(tcp_flag::ack)));
  redirector.expire(start + seconds(300));
  CHECK(redirector.flows() == 1);
  redirector.expire(start + seconds(500));
  CHECK(redirector.flows() == 0);
}

TEST_CASE("an end after the owner closed shortens the wait") {
  Redirector redirector = make();
  Connection connection(redirector, app, service);
  connection.establish();
  redirector.closed(connection.flow, start);
  connection.finish_app_first();
  redirector.expire(start + seconds(10));
  CHECK(redirector.flows() == 0);
}

TEST_CASE("a port used again is a new connection with a slot of its own") {
  Redirector redirector = make();
  Connection old(redirector, app, service);
  old.establish().finish_app_first();
  const Connection next(redirector, app, service);  // the owner has not closed the old one yet
  CHECK(next.flow != old.flow);
  CHECK(next.flow.slot != old.flow.slot);
  CHECK(std::holds_alternative<Answer>(old.from_listener(tcp_flag::ack)));
  redirector.closed(old.flow, start);
  redirector.expire(start + seconds(100));
  CHECK(redirector.flows() == 1);
  CHECK(redirector.flow_of_peer(next.slot()) == next.flow);
}

TEST_CASE("an id of a slot's former flow means nothing") {
  Redirector redirector = make();
  const FlowId old = request(redirector, app, service);
  (void)redirector.failed(old, ECONNREFUSED);
  const FlowId next = request(redirector, app, service);
  REQUIRE(next.slot == old.slot);
  redirector.closed(old, start);
  CHECK_FALSE(redirector.connected(old, start));
  CHECK(redirector.connected(next, start));
}

TEST_CASE("when all slots are taken a SYN is dropped, and each flow has a slot of its own") {
  Redirector redirector = make(NatTable::capacity + 1);
  const IpAddress other = *IpAddress::parse("198.18.77.9");  // not the listener's
  std::set<std::uint16_t> slots;
  for (std::size_t i = 0; i < NatTable::capacity; ++i) {
    const Endpoint from{other, static_cast<std::uint16_t>(1024 + i)};
    slots.insert(request(redirector, from, service).slot);
  }
  CHECK(slots.size() == NatTable::capacity);
  CHECK(*slots.begin() == NatTable::first_slot);
  Bytes more = segment({other, 1}, service, {tcp_flag::syn, 1, 0}, {});
  CHECK(std::holds_alternative<Ignore>(redirector.handle(more, start)));
}

}  // namespace kt::net
