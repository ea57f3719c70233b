// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"
#include "dns/name.h"
#include "support/catch.h"

#include <string>
#include <utility>
#include <vector>

using kt::Bytes;
using kt::dns::Name;

namespace {

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

Bytes raw(std::string_view text) {
  const kt::BytesView view = kt::as_bytes(text);
  return {view.begin(), view.end()};
}

}  // namespace

TEST_CASE("a name's text comes back as it was, without the final dot") {
  const auto [text, back] = GENERATE(table<std::string, std::string>({
      {".", "."},
      {"cart", "cart"},
      {"Cart.Shop.", "Cart.Shop"},
      {"_http._tcp.cart.shop.svc.cluster.local", "_http._tcp.cart.shop.svc.cluster.local"},
      {R"(a\.b.c)", R"(a\.b.c)"},
      {R"(a\\b)", R"(a\\b)"},
      {R"(\065b)", "Ab"},
      {R"(\000\255\032)", R"(\000\255\032)"},
  }));
  CAPTURE(text);
  CHECK(name(text).to_text() == back);
}

TEST_CASE("what is no name has no value") {
  const std::string text = GENERATE(as<std::string>(), "", "..", ".a", "a..b", "a\\", R"(\25)",
                                    R"(\256)", R"(\2x5)", std::string(64, 'a'));
  CAPTURE(text);
  CHECK_FALSE(Name::from_text(text).has_value());
}

TEST_CASE("labels end at 63 octets and names at 255") {
  const std::string label(63, 'a');
  const std::string three = label + '.' + label + '.' + label + '.';
  CHECK(name(label).label(0).size() == 63);
  CHECK(name(three + std::string(61, 'b')).wire().size() == 255);
  CHECK_FALSE(Name::from_text(three + std::string(62, 'b')).has_value());
  CHECK_FALSE(Name::join(name(three), name(std::string(62, 'b'))).has_value());
}

TEST_CASE("names compare without case, and only by ASCII's letters") {
  CHECK(name("CART.shop") == name("cart.SHOP."));
  CHECK_FALSE(name("cart.shop") == name("cart.shops"));
  CHECK_FALSE(name("a@b") == name("a`b"));
  CHECK_FALSE(name(R"(a\.b)") == name("a.b"));
}

TEST_CASE("a subdomain ends in whole labels of the other") {
  CHECK(name("a.cluster.local").is_subdomain_of(name("CLUSTER.local")));
  CHECK(name("cluster.local").is_subdomain_of(name("cluster.local")));
  CHECK(name("a").is_subdomain_of(Name()));
  CHECK_FALSE(name("mycluster.local").is_subdomain_of(name("cluster.local")));
  CHECK_FALSE(name("local").is_subdomain_of(name("cluster.local")));
  CHECK_FALSE(name(R"(my\.cluster.local)").is_subdomain_of(name("cluster.local")));
}

TEST_CASE("labels, parents and joins") {
  const Name cart = name("cart.shop.svc");
  CHECK(cart.label_count() == 3);
  CHECK(cart.label(1) == "shop");
  CHECK(cart.parent() == name("shop.svc"));
  CHECK(Name().parent() == Name());
  CHECK(Name::join(name("cart"), name("shop.svc")) == cart);
  CHECK(Name::join(Name(), cart) == cart);
}

TEST_CASE("a compressed name is read through its pointers") {
  const Bytes message = raw(std::string("\3svc\0\4shop\xC0\0\4cart\xC0\5", 19));
  const auto read = Name::read(message, 12);
  REQUIRE(read.has_value());
  CHECK(read->name == name("cart.shop.svc"));
  CHECK(read->end == 19);
}

TEST_CASE("a name that is cut off, loops or points forward is refused") {
  const std::string bytes =
      GENERATE(std::string(), std::string("\1"), std::string("\1a"), std::string("\xC0"),
               std::string("\xC0\0", 2), std::string("\1a\xC0\0", 4), std::string("\xC0\2\0", 3),
               std::string("\x40"
                           "a\0",
                           3),
               std::string("\x80"
                           "a\0",
                           3));
  CAPTURE(kt::to_hex(raw(bytes)));
  CHECK_FALSE(Name::read(raw(bytes), 0).has_value());
}

TEST_CASE("a name of more than 255 octets is refused, through pointers too") {
  std::string flat;
  for (int i = 0; i < 4; ++i) {
    flat += '\x3F' + std::string(63, 'a');
  }
  const std::string three = flat.substr(0, 3 * 64) + '\0';
  CHECK(Name::read(raw(three), 0).has_value());
  CHECK_FALSE(Name::read(raw(flat + '\0'), 0).has_value());
  CHECK_FALSE(
      Name::read(raw(three + flat.substr(0, 64) + std::string("\xC0\0", 2)), 193).has_value());
}
