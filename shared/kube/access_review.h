// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kube/client.h"

#include <string>
#include <vector>

namespace kt::kube {

// What RBAC grants: a verb on a resource. "create pods/portforward in namespace 'shop'".
struct Right {
  std::string verb;
  std::string group;  // empty = core
  std::string resource;
  std::string subresource;
  std::string namespace_;  // empty = cluster-scoped
  std::string name;        // empty = any

  friend bool operator==(const Right&, const Right&) = default;
};

// "create pods/portforward", "list nodes", "patch jobs.batch".
[[nodiscard]] std::string to_string(const Right& right);

// Those of `rights` that we do not have, in their order, by one SelfSubjectAccessReview each, all
// at once. Throws as Client does. `client` is owned by the caller's frame.
io::Task<std::vector<Right>> missing_rights(Client& client, std::vector<Right> rights);

}  // namespace kt::kube
