// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"
#include "net/prefix.h"
#include "support/catch.h"

namespace kt::net {
namespace {

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

}  // namespace

TEST_CASE("an address is printed as it was parsed") {
  for (const char* text : {"0.0.0.0", "10.96.0.1", "255.255.255.255", "::", "fd00::1"}) {
    CHECK(address(text).to_string() == text);
  }
}

TEST_CASE("what is no address is nothing") {
  for (const char* text :
       {"", "10.96.0", "10.96.0.256", "010.1.1.1x", "fe80::1%eth0", "::g", "1.2.3.4 ", "[::1]"}) {
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
  CHECK_FALSE(IpAddress::from_bytes(Bytes(5)));
}

TEST_CASE("an IPv4 address and its IPv6 spelling differ, and IPv4 sorts first") {
  CHECK(address("1.2.3.4") != address("::ffff:1.2.3.4"));
  CHECK(address("255.0.0.0") < address("::"));
  CHECK(address("10.0.0.9") < address("10.0.0.10"));
}

TEST_CASE("only addresses of one host are unicast") {
  for (const char* text : {"10.0.0.1", "127.0.0.1", "223.255.255.255", "fd00::1", "::1"}) {
    CHECK(address(text).is_unicast());
  }
  for (const char* text :
       {"0.0.0.0", "224.0.0.251", "239.1.1.1", "255.255.255.255", "::", "ff02::1"}) {
    CHECK_FALSE(address(text).is_unicast());
  }
}

TEST_CASE("an endpoint is printed as it was parsed") {
  for (const char* text : {"10.96.0.1:80", "[fd00::1]:65535", "0.0.0.0:0"}) {
    CHECK(Endpoint::parse(text).value().to_string() == text);
  }
  for (const char* text : {"", ":", "10.96.0.1", "10.96.0.1:", "10.96.0.1:65536", "10.96.0.1:-1",
                           "fd00::1:80", "[10.0.0.1]:80", "[fd00::1]"}) {
    CHECK_FALSE(Endpoint::parse(text));
  }
}

TEST_CASE("a prefix forgets host bits") {
  CHECK(prefix("10.96.1.2/12").to_string() == "10.96.0.0/12");
  CHECK(prefix("fd00::ffff/64") == prefix("fd00::/64"));
  CHECK(prefix("10.0.0.1").to_string() == "10.0.0.1/32");
  CHECK(prefix("::1").length() == 128);
}

TEST_CASE("what is no prefix is nothing") {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
                           "::/129", "10.0.0.0/8 "}) {
    CHECK_FALSE(Prefix::parse(text));
  }
}

TEST_CASE("a prefix contains exactly its addresses") {
  const Prefix services = prefix("10.96.0.0/12");
  CHECK(services.contains(address("10.96.0.0")));
  CHECK(services.contains(address("10.111.255.255")));
  CHECK_FALSE(services.contains(address("10.112.0.0")));
  CHECK_FALSE(services.contains(address("10.95.255.255")));
  CHECK_FALSE(services.contains(address("::ffff:10.96.0.1")));
  CHECK(prefix("0.0.0.0/0").contains(address("255.1.1.1")));
  CHECK(prefix("1.2.3.4/32").contains(address("1.2.3.4")));
  CHECK_FALSE(prefix("1.2.3.4/31").contains(address("1.2.3.6")));
}

TEST_CASE("prefixes overlap when one contains the other") {
  CHECK(prefix("10.0.0.0/8").overlaps(prefix("10.96.0.0/12")));
  CHECK(prefix("10.96.0.0/12").overlaps(prefix("10.0.0.0/8")));
  CHECK_FALSE(prefix("10.96.0.0/12").overlaps(prefix("10.112.0.0/12")));
  CHECK_FALSE(prefix("0.0.0.0/0").overlaps(prefix("::/0")));
  CHECK(prefix("10.0.0.0/8").contains(prefix("10.96.0.0/12")));
  CHECK_FALSE(prefix("10.96.0.0/12").contains(prefix("10.0.0.0/8")));
}

TEST_CASE("a set answers with its longest prefix, whatever the order") {
  PrefixSet set({prefix("10.0.0.0/8"), prefix("10.96.0.0/16"), prefix("10.96.0.0/12")});
  set.add(prefix("10.0.0.0/8"));
  CHECK(set.prefixes().size() == 3);
  CHECK(set.longest_match(address("10.96.1.1")) == prefix("10.96.0.0/16"));
  CHECK(set.longest_match(address("10.97.1.1")) == prefix("10.96.0.0/12"));
  CHECK(set.longest_match(address("10.1.1.1")) == prefix("10.0.0.0/8"));
  CHECK_FALSE(set.longest_match(address("11.1.1.1")));
  CHECK(set.overlaps(prefix("0.0.0.0/0")));
  CHECK_FALSE(set.overlaps(prefix("fd00::/8")));
}

}  // namespace kt::net
