// SPDX-License-Identifier: Apache-2.0
#include "dns/split.h"
#include "support/catch.h"
#include "unit/dns_messages.h"

#include <string>
#include <vector>

using namespace kt::dns;
using boost::asio::ip::make_address;
using kt::test::dns_name;

namespace {

SplitConfig config() {
  return {dns_name("cluster.local"),
          {{make_address("10.96.0.0"), 12}, {make_address("fd00:1000::"), 20}},
          {},
          {}};
}

}  // namespace

TEST_CASE("each name goes to the side that knows it") {
  const auto [name, side] = GENERATE(table<std::string, Side>({
      {"cluster.local", Side::cluster},
      {"cart.shop.svc.cluster.local", Side::cluster},
      {"CART.shop.SVC.Cluster.Local", Side::cluster},
      {"github.com.shop.svc.cluster.local", Side::cluster},
      {"notcluster.local", Side::laptop},
      {"local", Side::laptop},
      {"printer.local", Side::laptop},
      {"cart.shop.svc", Side::cluster},
      {"_http._tcp.cart.shop.svc", Side::cluster},
      {"shop.svc", Side::laptop},
      {"svc", Side::laptop},
      {"cart.shop.svc.example", Side::laptop},
      {"cart.shop", Side::laptop},
      {"cart", Side::laptop},
      {"github.com", Side::laptop},
      {".", Side::laptop},
  }));
  CAPTURE(name);
  CHECK(side_of(config(), dns_name(name)) == side);
}

TEST_CASE("a reverse name goes to the cluster when it lies wholly in its networks") {
  const auto [name, side] = GENERATE(table<std::string, Side>({
      {"4.3.96.10.in-addr.arpa", Side::cluster},
      {"4.3.111.10.IN-ADDR.arpa", Side::cluster},
      {"96.10.in-addr.arpa", Side::cluster},
      {"4.3.112.10.in-addr.arpa", Side::laptop},
      {"4.3.95.10.in-addr.arpa", Side::laptop},
      {"10.in-addr.arpa", Side::laptop},
      {"in-addr.arpa", Side::laptop},
      {"4.3.096.10.in-addr.arpa", Side::laptop},
      {"4.3.352.10.in-addr.arpa", Side::laptop},
      {"x.96.10.in-addr.arpa", Side::laptop},
      {"96.10.in-addr.arpa.example", Side::laptop},
      {"f.1.0.0.d.f.ip6.arpa", Side::cluster},
      {"1.0.0.D.F.ip6.arpa", Side::cluster},
      {"2.0.0.d.f.ip6.arpa", Side::laptop},
      {"0.0.d.f.ip6.arpa", Side::laptop},
      {"1.0.0.d.f.in-addr.arpa", Side::laptop},
      {"10.1.0.0.d.f.ip6.arpa", Side::laptop},
  }));
  CAPTURE(name);
  CHECK(side_of(config(), dns_name(name)) == side);
}

TEST_CASE("a prefix that ends inside a label claims exactly its half") {
  SplitConfig half = config();
  half.networks = {{make_address("10.244.16.0"), 20}};
  CHECK(side_of(half, dns_name("9.31.244.10.in-addr.arpa")) == Side::cluster);
  CHECK(side_of(half, dns_name("9.32.244.10.in-addr.arpa")) == Side::laptop);
  CHECK(side_of(half, dns_name("244.10.in-addr.arpa")) == Side::laptop);
}

TEST_CASE("include gives names to the cluster, exclude takes them back") {
  SplitConfig chosen = config();
  chosen.include = {dns_name("corp.example")};
  chosen.exclude = {dns_name("mail.corp.example"), dns_name("10.in-addr.arpa"), dns_name("svc")};
  CHECK(side_of(chosen, dns_name("db.corp.example")) == Side::cluster);
  CHECK(side_of(chosen, dns_name("a.mail.corp.example")) == Side::laptop);
  CHECK(side_of(chosen, dns_name("4.3.96.10.in-addr.arpa")) == Side::laptop);
  CHECK(side_of(chosen, dns_name("cart.shop.svc")) == Side::laptop);
}

TEST_CASE("no option sends a cluster name to the laptop's resolver") {
  SplitConfig chosen = config();
  chosen.exclude = {Name(), dns_name("local"), dns_name("svc.cluster.local")};
  CHECK(side_of(chosen, dns_name("cart.shop.svc.cluster.local")) == Side::cluster);
}

TEST_CASE("all names are the cluster's when the root is included") {
  SplitConfig all = config();
  all.include = {Name()};
  CHECK(side_of(all, dns_name("github.com")) == Side::cluster);
}

TEST_CASE("the cluster's domain is read from a pod's search list") {
  const auto domain = [](const std::vector<std::string>& entries) {
    std::vector<Name> search;
    search.reserve(entries.size());
    for (const std::string& entry : entries) {
      search.push_back(dns_name(entry));
    }
    return cluster_domain_of(search);
  };
  CHECK(domain({"shop.svc.k8s.corp", "svc.k8s.corp", "k8s.corp", "node.corp"}) ==
        dns_name("k8s.corp"));
  CHECK_FALSE(domain({"node.corp", "svc"}).has_value());
  CHECK_FALSE(domain({}).has_value());
}
