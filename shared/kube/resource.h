// SPDX-License-Identifier: Apache-2.0
// Kinds and objects, and their paths in the API. Pure.
#pragma once

#include <string>
#include <string_view>

namespace kt::kube {

struct Resource {
  std::string group;  // empty = core
  std::string version;
  std::string plural;
  bool namespaced = true;

  friend bool operator==(const Resource&, const Resource&) = default;
};

inline const Resource pods{"", "v1", "pods"};
inline const Resource services{"", "v1", "services"};
inline const Resource secrets{"", "v1", "secrets"};
inline const Resource events{"", "v1", "events"};
inline const Resource nodes{"", "v1", "nodes", false};
inline const Resource namespaces{"", "v1", "namespaces", false};
inline const Resource config_maps{"", "v1", "configmaps"};
inline const Resource deployments{"apps", "v1", "deployments"};
inline const Resource stateful_sets{"apps", "v1", "statefulsets"};
inline const Resource replica_sets{"apps", "v1", "replicasets"};
inline const Resource endpoint_slices{"discovery.k8s.io", "v1", "endpointslices"};
inline const Resource leases{"coordination.k8s.io", "v1", "leases"};
inline const Resource jobs{"batch", "v1", "jobs"};
inline const Resource service_cidrs{"networking.k8s.io", "v1", "servicecidrs", false};
inline const Resource self_subject_access_reviews{"authorization.k8s.io", "v1",
                                                  "selfsubjectaccessreviews", false};

struct ObjectRef {
  Resource resource;
  std::string namespace_;  // ignored when the resource is not namespaced
  std::string name;
  std::string subresource;  // e.g. "scale"; empty = the object itself

  friend bool operator==(const ObjectRef&, const ObjectRef&) = default;
};

// "/apis/batch/v1/namespaces/shop/jobs"; an empty namespace means all of them.
[[nodiscard]] std::string path_of(const Resource& resource, std::string_view namespace_);
[[nodiscard]] std::string path_of(const ObjectRef& object);

// "jobs.batch 'kt-connect-x'" for messages.
[[nodiscard]] std::string describe(const ObjectRef& object);

// RFC 3986: everything but unreserved characters.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace kt::kube
