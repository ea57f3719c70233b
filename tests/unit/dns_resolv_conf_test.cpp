// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "dns/resolv_conf.h"
#include "support/catch.h"
#include "unit/dns_messages.h"

#include <sstream>
#include <string>
#include <vector>

using namespace kt::dns;
using boost::asio::ip::make_address;
using kt::test::dns_name;

TEST_CASE("resolv.conf is read as resolvers read it") {
  const ResolvConf conf = parse_resolv_conf(
      "# by hand\n; old\n"
      "nameserver 127.0.0.53\n"
      "nameserver\tfd00::53  \n"
      "nameserver nonsense\nnameserver\n"
      "domain old.example\n"
      "search corp.example bad..name lab.example\r\n"
      "options edns0 trust-ad\n"
      "options ndots:2");
  CHECK(conf.nameservers == std::vector{make_address("127.0.0.53"), make_address("fd00::53")});
  CHECK(conf.search == std::vector{dns_name("corp.example"), dns_name("lab.example")});
  CHECK(conf.options == std::vector<std::string>{"edns0", "trust-ad", "ndots:2"});
}

TEST_CASE("a search list of the root alone is empty") {
  CHECK(parse_resolv_conf("search .\n").search.empty());
}

TEST_CASE("CMD's resolv.conf is a pod's, with the laptop's domains behind the cluster's") {
  const ResolvConf laptop = parse_resolv_conf("nameserver 127.0.0.53\nsearch corp.example\n");
  const ResolvConf conf =
      pod_resolv_conf("shop", dns_name("cluster.local"), laptop, make_address("198.18.0.2"));
  CHECK(resolv_conf_text(conf) ==
        "nameserver 198.18.0.2\n"
        "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\n"
        "options ndots:5\n");
}

TEST_CASE("what is written is read back") {
  const ResolvConf conf = pod_resolv_conf(
      "shop", dns_name("k8s.corp"), parse_resolv_conf("search k8s.corp"), make_address("::1"));
  const ResolvConf back = parse_resolv_conf(resolv_conf_text(conf));
  CHECK(back.nameservers == conf.nameservers);
  CHECK(back.search == conf.search);
  CHECK(back.search.size() == 3);
  CHECK(back.options == conf.options);
}

TEST_CASE("no text in a search list can make a line of its own") {
  ResolvConf conf;
  conf.search = {dns_name(R"(a\010nameserver\0326.6.6.6)")};
  CHECK(parse_resolv_conf(resolv_conf_text(conf)).nameservers.empty());
}

TEST_CASE("a resolver with a short line buffer still finds the cluster's domains") {
  ResolvConf laptop;
  for (char c = 'a'; c < 'h'; ++c) {
    laptop.search.push_back(dns_name(std::string(40, c) + ".example"));
  }
  const ResolvConf conf =
      pod_resolv_conf("shop", dns_name("cluster.local"), laptop, make_address("::1"));
  const std::string text = resolv_conf_text(conf);
  CHECK(parse_resolv_conf(text).search == conf.search);

  std::string short_lines;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    short_lines += line.size() < 255 ? line + '\n' : "";
  }
  const ResolvConf musl = parse_resolv_conf(short_lines);
  REQUIRE(musl.search.size() > 3);
  CHECK(musl.search.size() < conf.search.size());
  CHECK(musl.search[0] == dns_name("shop.svc.cluster.local"));
}

TEST_CASE("a namespace that is no label is a usage error") {
  const std::string bad = GENERATE("", "a.b", "a..b");
  CHECK_THROWS_AS(pod_resolv_conf(bad, dns_name("cluster.local"), {}, make_address("::1")),
                  kt::Error);
}
