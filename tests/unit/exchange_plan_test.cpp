// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/plan.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using namespace kt;
using exchange::Phase;
using exchange::Plan;
using nlohmann::json;

namespace {

Plan plan() {
  Plan made;
  made.session = "abcd2345";
  made.target = {kube::stateful_sets, "shop", "orders", {}};
  made.title = "statefulset.apps/orders";
  made.uid = "uid-1";
  made.replicas = 2;
  made.scales = false;
  made.services = {{"orders", {{"app", "orders"}, {"tier", "back"}}}, {"all", {{"tier", "back"}}}};
  made.user = "alice";
  made.host = "laptop";
  return made;
}

const json owner = {{"apiVersion", "apps/v1"},
                    {"kind", "StatefulSet"},
                    {"metadata", {{"name", "orders"}, {"uid", "uid-1"}}}};

}  // namespace

TEST_CASE("a plan comes back whole from the Lease and from its copy") {
  const json lease = exchange::lease_object(plan(), owner, "2026-01-01T00:00:00.000000Z");
  CHECK(exchange::plan_of(lease, "shop") == plan());
  CHECK(exchange::plan_of(exchange::copy_object(plan(), owner), "shop") == plan());
  CHECK(lease["metadata"]["name"] == "kt-exchange-statefulsets-orders");
  CHECK(lease["metadata"]["ownerReferences"][0]["uid"] == "uid-1");
  CHECK(lease["spec"]["holderIdentity"] == "alice@laptop");
}

TEST_CASE("what is not our plan is none") {
  const json lease = exchange::lease_object(plan(), owner, "now");
  json other = lease;
  other["metadata"]["annotations"]["kubectl-kt/plan"] = R"({"version": 2, "session": "x"})";
  CHECK_FALSE(exchange::plan_of(other, "shop"));
  for (const char* text : {"", "[]", "null", "{", R"({"version": 1, "replicas": "many"})",
                           R"({"version": 1, "replicas": 1, "scales": true, "services": 7})"}) {
    other["metadata"]["annotations"]["kubectl-kt/plan"] = text;
    CHECK_FALSE(exchange::plan_of(other, "shop"));
  }
  CHECK_FALSE(exchange::plan_of(json(), "shop"));
}

TEST_CASE("a Lease goes through its phases and is renewed, all else stays") {
  const json lease = exchange::lease_object(plan(), owner, "then");
  CHECK(exchange::phase_of(lease) == Phase::prep);
  const json committed = exchange::with_phase(lease, Phase::commit);
  CHECK(exchange::phase_of(committed) == Phase::commit);
  CHECK(exchange::plan_of(committed, "shop") == plan());
  const json later = exchange::renewed(committed, "now");
  CHECK(later["spec"]["renewTime"] == "now");
  CHECK(later["spec"]["acquireTime"] == "then");
  CHECK_FALSE(exchange::phase_of(json()));
}

TEST_CASE("a Lease's times have microseconds") {
  using namespace std::chrono;
  const system_clock::time_point time(seconds(1'767'225'600) + microseconds(42));
  CHECK(exchange::micro_time(time) == "2026-01-01T00:00:00.000042Z");
}
