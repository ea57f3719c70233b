// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/workload.h"

#include "base/error.h"
#include "cli/option_table.h"
#include "cluster/names.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace kt::exchange {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;

struct Kind {
  kube::Resource resource;
  const char* singular;
  std::vector<std::string> words;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {kube::deployments, "deployment", {"deployment", "deployments", "deploy"}},
      {kube::stateful_sets, "statefulset", {"statefulset", "statefulsets", "sts"}},
      {kube::replica_sets, "replicaset", {"replicaset", "replicasets", "rs"}},
  };
  return all;
}

// "deployments.apps" and "deployments.v1.apps" name the group too.
std::string without_group(std::string type) {
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type.substr(0, type.find('.'));
}

const char* singular_of(const kube::Resource& resource) {
  for (const Kind& kind : kinds()) {
    if (kind.resource == resource) {
      return kind.singular;
    }
  }
  return "";
}

json pod_template_of(const Workload& workload) {
  return field(field(*workload.object, "spec"), "template");
}

std::vector<ContainerPort> ports_of(const Workload& workload, bool tcp) {
  std::vector<ContainerPort> ports;
  for (const json& container : field(field(pod_template_of(workload), "spec"), "containers")) {
    for (const json& port : field(container, "ports")) {
      const std::string protocol = text_at(port, "protocol");
      const json number = field(port, "containerPort");
      const auto value = number.is_number_integer() ? number.get<std::int64_t>() : 0;
      if (value > 0 && value < 65536 && (protocol.empty() || protocol == "TCP") == tcp) {
        ports.push_back({static_cast<std::uint16_t>(value), text_at(port, "name")});
      }
    }
  }
  return ports;
}

[[noreturn]] void throw_unknown_type(const std::string& type) {
  static const std::map<std::string, std::string> others = {
      {"daemonset", "a DaemonSet has no replicas to scale"},
      {"ds", "a DaemonSet has no replicas to scale"},
      {"job", "a Job serves nobody"},
      {"cronjob", "a Job serves nobody"},
      {"pod", "a pod alone cannot be brought back: name its workload"},
  };
  std::string singular = without_group(type);
  if (singular.size() > 2 && singular.ends_with('s') && !others.contains(singular)) {
    singular.pop_back();
  }
  const auto found = others.find(singular);
  const std::string why = found == others.end() ? "no such type of workload" : found->second;
  throw Error(ErrorKind::usage, fmt::format("'{}' cannot be exchanged: {}", type, why),
              "types are deployment, statefulset, replicaset and service");
}

Task<std::vector<std::string>> names_in(kube::Client& client, kube::Resource resource,
                                        std::string namespace_) {
  std::vector<std::string> names;
  const json list = co_await client.list(std::move(resource), std::move(namespace_));
  for (const json& item : field(list, "items")) {
    names.push_back(text_at(field(item, "metadata"), "name"));
  }
  co_return names;
}

Task<> throw_not_found(kube::Client& client, kube::Resource resource, std::string singular,
                       std::string namespace_, std::string name) {
  const std::string close = cli::nearest(name, co_await names_in(client, resource, namespace_));
  throw Error(ErrorKind::not_found,
              fmt::format("{} '{}': not found in namespace '{}'", singular, name, namespace_),
              close.empty()
                  ? fmt::format("kubectl --namespace {} get {}", namespace_, resource.plural)
                  : fmt::format("did you mean {}/{}?", singular, close));
}

Task<Workload> get_workload(kube::Client& client, kube::Resource resource, std::string namespace_,
                            std::string name) {
  kube::ObjectRef ref{resource, namespace_, name, {}};
  std::optional<json> object = co_await client.find(ref);
  if (!object) {
    co_await throw_not_found(client, resource, singular_of(resource), namespace_, name);
  }
  co_return Workload{std::move(ref), std::make_shared<json>(std::move(*object))};
}

// A ReplicaSet that somebody made by himself; those of a Deployment are no candidates.
bool is_owned(const json& object) {
  for (const json& owner : field(field(object, "metadata"), "ownerReferences")) {
    if (field(owner, "controller") == json(true)) {
      return true;
    }
  }
  return false;
}

Task<Workload> one_of(std::vector<Workload> candidates, std::string what, std::string namespace_) {
  if (candidates.size() == 1) {
    co_return std::move(candidates.front());
  }
  std::vector<std::string> titles;
  std::ranges::transform(candidates, std::back_inserter(titles), &Workload::title);
  if (candidates.empty()) {
    throw Error(ErrorKind::not_found,
                fmt::format("{}: no workload in namespace '{}'", what, namespace_),
                fmt::format("kubectl --namespace {} get deployments,statefulsets", namespace_));
  }
  throw Error(ErrorKind::usage, fmt::format("{} may mean {}", what, fmt::join(titles, ", ")),
              "name one of them");
}

// Only for a better word, so the right to see it is not asked for.
Task<bool> is_daemon_set(kube::Client& client, std::string namespace_, std::string name) {
  try {
    const kube::ObjectRef ref{{"apps", "v1", "daemonsets"}, namespace_, name, {}};
    co_return (co_await client.find(ref)).has_value();
  } catch (const kube::ApiError&) {
    co_return false;
  }
}

Task<Workload> find_by_bare_name(kube::Client& client, std::string namespace_, std::string name) {
  std::vector<Workload> found;
  for (const Kind& kind : kinds()) {
    kube::ObjectRef ref{kind.resource, namespace_, name, {}};
    std::optional<json> object = co_await client.find(ref);
    if (object && !is_owned(*object)) {
      found.push_back({std::move(ref), std::make_shared<json>(std::move(*object))});
    }
  }
  if (found.empty() && co_await is_daemon_set(client, namespace_, name)) {
    throw Error(ErrorKind::config,
                fmt::format("'{}' is a DaemonSet, which has no replicas to scale", name));
  }
  co_return co_await one_of(std::move(found), fmt::format("'{}'", name), namespace_);
}

Task<Workload> find_behind_service(kube::Client& client, std::string namespace_, std::string name) {
  const std::optional<json> service = co_await client.find({kube::services, namespace_, name, {}});
  if (!service) {
    co_await throw_not_found(client, kube::services, "service", namespace_, name);
  }
  std::vector<Workload> found;
  for (const Kind& kind : kinds()) {
    const json list = co_await client.list(kind.resource, namespace_);
    for (const json& item : field(list, "items")) {
      Workload each{{kind.resource, namespace_, text_at(field(item, "metadata"), "name"), {}},
                    std::make_shared<json>(item)};
      const bool shadow = each.pod_labels().contains(std::string(cluster::names::session_label));
      if (!shadow && !is_owned(item) && selects(*service, each.pod_labels())) {
        found.push_back(std::move(each));
      }
    }
  }
  Workload only = co_await one_of(std::move(found), fmt::format("service '{}'", name), namespace_);
  *only.object = co_await client.get(only.ref);  // a list's items do not say their kind
  co_return only;
}

std::string owner_of(const json& object) {
  for (const json& owner : field(field(object, "metadata"), "ownerReferences")) {
    if (field(owner, "controller") == json(true)) {
      return fmt::format("{} '{}'", text_at(owner, "kind"), text_at(owner, "name"));
    }
  }
  return {};
}

}  // namespace

std::string Workload::title() const {
  return fmt::format("{}.{}/{}", singular_of(ref.resource), ref.resource.group, ref.name);
}

std::string Workload::uid() const {
  return text_at(field(*object, "metadata"), "uid");
}

int Workload::replicas() const {
  const json count = field(field(*object, "spec"), "replicas");
  return count.is_number_integer() ? count.get<int>() : 1;
}

std::map<std::string, std::string> Workload::pod_labels() const {
  return kube::texts_at(field(pod_template_of(*this), "metadata"), "labels");
}

std::vector<ContainerPort> Workload::tcp_ports() const {
  return ports_of(*this, true);
}

std::vector<ContainerPort> Workload::other_ports() const {
  return ports_of(*this, false);
}

std::optional<kube::Resource> resource_of(const std::string& type) {
  const std::string word = without_group(type);
  for (const Kind& kind : kinds()) {
    if (std::ranges::count(kind.words, word) > 0) {
      return kind.resource;
    }
  }
  return std::nullopt;
}

bool is_service_type(const std::string& type) {
  const std::string word = without_group(type);
  return word == "service" || word == "services" || word == "svc";
}

bool selects(const json& service, const std::map<std::string, std::string>& pod_labels) {
  const json selector = field(field(service, "spec"), "selector");
  if (!selector.is_object() || selector.empty()) {
    return false;
  }
  return std::ranges::all_of(kube::texts_at(field(service, "spec"), "selector"), [&](auto& each) {
    const auto label = pod_labels.find(each.first);
    return label != pod_labels.end() && label->second == each.second;
  });
}

void check_exchangeable(const Workload& workload, bool scales) {
  if (const std::string owner = owner_of(*workload.object); !owner.empty()) {
    throw Error(
        ErrorKind::config,
        fmt::format("{} belongs to {}, which would undo the exchange", workload.title(), owner),
        "exchange what owns it");
  }
  if (workload.replicas() == 0) {
    throw Error(ErrorKind::config,
                workload.title() + " has no replicas: nobody is there to replace",
                fmt::format("kubectl --namespace {} scale {} --replicas=1", workload.ref.namespace_,
                            workload.title()));
  }
  const json retention =
      field(field(*workload.object, "spec"), "persistentVolumeClaimRetentionPolicy");
  if (scales && text_at(retention, "whenScaled") == "Delete") {
    throw Error(ErrorKind::config,
                fmt::format("{} would lose its volumes at 0 replicas: "
                            "persistentVolumeClaimRetentionPolicy.whenScaled is Delete",
                            workload.title()),
                "--mode selector leaves its replicas alone");
  }
}

Task<Workload> find_workload(kube::Client& client, std::string namespace_, WorkloadName name) {
  if (name.type.empty()) {
    co_return co_await find_by_bare_name(client, namespace_, name.name);
  }
  if (is_service_type(name.type)) {
    co_return co_await find_behind_service(client, namespace_, name.name);
  }
  const std::optional<kube::Resource> resource = resource_of(name.type);
  if (!resource) {
    throw_unknown_type(name.type);
  }
  co_return co_await get_workload(client, *resource, namespace_, name.name);
}

Task<std::vector<json>> services_of(kube::Client& client, std::string namespace_,
                                    std::map<std::string, std::string> pod_labels) {
  std::vector<json> found;
  const json list = co_await client.list(kube::services, std::move(namespace_));
  for (const json& service : field(list, "items")) {
    if (selects(service, pod_labels)) {
      found.push_back(service);
    }
  }
  co_return found;
}

}  // namespace kt::exchange
