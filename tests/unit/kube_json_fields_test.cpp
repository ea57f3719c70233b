// SPDX-License-Identifier: Apache-2.0
#include "kube/json_fields.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using kt::kube::field;
using kt::kube::text_at;
using nlohmann::json;

TEST_CASE("a field of what is no object is null, and its text is empty") {
  for (const json& value : {json(), json(1), json("text"), json::array({1})}) {
    CHECK(field(value, "name").is_null());
    CHECK(text_at(value, "name").empty());
  }
}

TEST_CASE("a text is only what is a string") {
  const json object = {{"name", "foo"}, {"count", 1}};
  CHECK(text_at(object, "name") == "foo");
  CHECK(text_at(object, "count").empty());
  CHECK(text_at(object, "other").empty());
  CHECK(field(object, "count") == 1);
}
