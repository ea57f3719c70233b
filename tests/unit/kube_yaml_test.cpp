// SPDX-License-Identifier: Apache-2.0
#include "kube/yaml.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

using kt::kube::to_yaml;
using nlohmann::json;

TEST_CASE("an object is printed as kubectl prints it") {
  const json role = {{"kind", "Role"},
                     {"metadata", {{"name", "kt-connect"}, {"labels", json::object()}}},
                     {"rules",
                      {{{"apiGroups", {""}}, {"verbs", {"get", "list"}}},
                       {{"apiGroups", {"batch"}}, {"verbs", json::array()}}}}};
  CHECK(to_yaml(role) ==
        "kind: Role\n"
        "metadata:\n"
        "  labels: {}\n"
        "  name: kt-connect\n"
        "rules:\n"
        "- apiGroups:\n"
        "  - \"\"\n"
        "  verbs:\n"
        "  - get\n"
        "  - list\n"
        "- apiGroups:\n"
        "  - batch\n"
        "  verbs: []\n");
}

TEST_CASE("a list in a list keeps its dashes") {
  CHECK(to_yaml(json{{"a", {{1, 2}, {3}}}}) == "a:\n- - 1\n  - 2\n- - 3\n");
}

TEST_CASE("a string stays a string") {
  const std::string text = GENERATE("true", "Yes", "null", "12", "1e3", "", "a: b", "- x", "#c",
                                    "line\nbreak", "*", "8080", "~", "0x1f", "2001-01-01");
  const std::string yaml = to_yaml(json(text));
  CHECK(yaml == json(text).dump() + "\n");
}

TEST_CASE("plain words need no quotes, numbers and truth are no words") {
  CHECK(to_yaml(json("rbac.authorization.k8s.io/v1")) == "rbac.authorization.k8s.io/v1\n");
  CHECK(to_yaml(json{{"replicas", 3}, {"paused", true}, {"none", nullptr}}) ==
        "none: null\npaused: true\nreplicas: 3\n");
}
