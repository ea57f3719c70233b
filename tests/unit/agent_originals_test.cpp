// SPDX-License-Identifier: Apache-2.0
#include "agent/originals.h"
#include "dns_messages.h"
#include "dns_scripted_upstream.h"
#include "io/task_group.h"
#include "support/catch.h"
#include "support/run_task.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace kt;
using agent::Originals;
using io::Task;
using Tcp = io::asio::ip::tcp;

namespace {

const Tcp::endpoint original(io::asio::ip::make_address("127.0.0.2"), 0);

// The addresses of a headless Service.
struct Service {
  Service(const io::Executor& executor, std::vector<std::string> addresses)
      : nameserver(
            new test::ScriptedUpstream(executor,
                                       [addresses](const test::ScriptedUpstream::Asked& asked) {
                                         return reply_to(asked.query, addresses);
                                       })),
        originals(executor, {test::dns_name("cart-all.shop.svc.cluster.local"),
                             {io::asio::ip::make_address("127.0.0.1")},
                             std::unique_ptr<dns::Upstream>(nameserver)}) {}

  static Bytes reply_to(BytesView query, const std::vector<std::string>& addresses) {
    const dns::Question question = dns::MessageReader::open(query)->question();
    dns::MessageWriter writer = test::reply_writer(query);
    for (const std::string& each : addresses) {
      if (question.type == dns::Type::a) {
        writer.add(dns::Section::answer, question.name, dns::Type::a, 5, test::a_rdata(each));
      }
    }
    return std::move(writer).finish();
  }

  test::ScriptedUpstream* nameserver;  // owned by `originals`
  Originals originals;
};

Task<> dial(Originals& originals, std::uint16_t port, std::vector<std::string>& reached) {
  const std::optional<io::Socket> socket = co_await originals.dial(port);
  reached.emplace_back(socket ? "an original" : "nobody");
}

Task<> next_when_refused(io::Executor executor) {
  const Tcp::acceptor acceptor(executor, original);
  Service service(executor, {"127.0.0.3", "127.0.0.2"});
  std::vector<std::string> reached;
  for (int i = 0; i < 3; ++i) {
    co_await dial(service.originals, acceptor.local_endpoint().port(), reached);
  }
  CHECK(reached == std::vector<std::string>(3, "an original"));
}

Task<> own_address(io::Executor executor) {
  const Tcp::acceptor acceptor(executor, {io::asio::ip::address_v4::loopback(), 0});
  Service service(executor, {"127.0.0.1"});
  std::vector<std::string> reached;
  co_await dial(service.originals, acceptor.local_endpoint().port(), reached);
  CHECK(reached == std::vector<std::string>{"nobody"});
}

Task<> shared_look_up(io::Executor executor) {
  const Tcp::acceptor acceptor(executor, original);
  Service service(executor, {"127.0.0.2"});
  service.nameserver->hold();
  std::vector<std::string> reached;
  io::TaskGroup callers(executor);
  for (int i = 0; i < 10; ++i) {
    callers.spawn(dial(service.originals, acceptor.local_endpoint().port(), reached));
  }
  service.nameserver->release();
  co_await callers.join();
  CHECK(reached == std::vector<std::string>(10, "an original"));
  CHECK(service.nameserver->asked().size() == 2);  // A and AAAA
}

}  // namespace

TEST_CASE("originals: one that refuses is followed by the next") {
  test::run_task(next_when_refused);
}
TEST_CASE("originals: the pod's own address is none") {
  test::run_task(own_address);
}
TEST_CASE("originals: who waits shares one look-up") {
  test::run_task(shared_look_up);
}
