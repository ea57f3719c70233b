// SPDX-License-Identifier: Apache-2.0
#include "dns/lookup.h"
#include "support/catch.h"
#include "unit/dns_messages.h"

#include <string>
#include <vector>

using namespace kt::dns;
using kt::Bytes;
using kt::test::a_rdata;
using kt::test::dns_name;
using kt::test::query_of;
using kt::test::question_of;
using kt::test::reply_writer;

namespace {

Bytes name_rdata(std::string_view text) {
  const Name name = dns_name(text);
  return {name.wire().begin(), name.wire().end()};
}

std::vector<std::string> candidates(std::string_view host, std::string_view conf) {
  std::vector<std::string> texts;
  for (const Name& name : search_candidates(host, parse_resolv_conf(conf))) {
    texts.push_back(name.to_text());
  }
  return texts;
}

}  // namespace

TEST_CASE("a host's candidates follow search list and ndots") {
  using Texts = std::vector<std::string>;
  const std::string pod = "search ns.svc.x svc.x\noptions ndots:5\n";
  CHECK(candidates("cart", pod) == Texts{"cart.ns.svc.x", "cart.svc.x", "cart"});
  CHECK(candidates("a.b.c.d.e.f", pod) ==
        Texts{"a.b.c.d.e.f", "a.b.c.d.e.f.ns.svc.x", "a.b.c.d.e.f.svc.x"});
  CHECK(candidates("cart.shop.", pod) == Texts{"cart.shop"});
  CHECK(candidates("a.b", "search x\n") == Texts{"a.b", "a.b.x"});
  CHECK(candidates("", pod).empty());
  CHECK(candidates(".", pod).empty());
}

TEST_CASE("addresses are those of the question's name, through its aliases") {
  MessageWriter writer = reply_writer(query_of(1, question_of("www.example")));
  writer.add(Section::answer, dns_name("www.example"), Type::cname, 5, name_rdata("Web.Example"));
  writer.add(Section::answer, dns_name("web.example"), Type::a, 5, a_rdata("192.0.2.1"));
  writer.add(Section::answer, dns_name("web.example"), Type::a, 5, a_rdata("192.0.2.2"));
  writer.add(Section::answer, dns_name("evil.example"), Type::a, 5, a_rdata("6.6.6.6"));
  writer.add(Section::additional, dns_name("web.example"), Type::a, 5, a_rdata("6.6.6.6"));
  const auto addresses = parse_addresses(std::move(writer).finish());
  REQUIRE(addresses.size() == 2);
  CHECK(addresses[0].to_string() == "192.0.2.1");
  CHECK(addresses[1].to_string() == "192.0.2.2");
}

TEST_CASE("an error and a broken message have no addresses") {
  MessageWriter writer = reply_writer(query_of(1, question_of("a")), Rcode::server_failure);
  writer.add(Section::answer, dns_name("a"), Type::a, 5, a_rdata("192.0.2.1"));
  const Bytes failed = std::move(writer).finish();
  CHECK(parse_addresses(failed).empty());
  CHECK(parse_addresses(Bytes(5)).empty());
}
