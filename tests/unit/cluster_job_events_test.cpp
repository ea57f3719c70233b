// SPDX-License-Identifier: Apache-2.0
#include "cluster/job_events.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using kt::cluster::newest_message;
using nlohmann::json;

TEST_CASE("the newest event speaks, whichever field has its time") {
  const json list = {
      {"items",
       {{{"lastTimestamp", "2026-11-24T10:00:02Z"}, {"message", "second"}},
        {{"eventTime", "2026-11-24T10:00:03.000000Z"}, {"message", "third"}},
        {{"metadata", {{"creationTimestamp", "2026-11-24T10:00:01Z"}}}, {"message", "first"}}}}};
  CHECK(newest_message(list) == "third");
}

TEST_CASE("no events, or none that can be read, say nothing") {
  const json list = GENERATE(json(), json::object(), json{{"items", json::array()}},
                             json{{"items", {1, "x"}}}, json{{"items", "x"}});
  CHECK(newest_message(list).empty());
}
