// SPDX-License-Identifier: Apache-2.0
#include "cluster/shadow.h"

#include "base/bytes.h"
#include "base/error.h"
#include "cluster/names.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>

namespace kt::cluster {
namespace {

using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::seconds;

std::string key(std::string_view name) {
  return std::string(name);
}

json labels_of(const ShadowOptions& options) {
  json labels = options.labels;
  labels[key(names::managed_by_label)] = names::managed_by;
  labels[key(names::name_label)] = names::shadow_name;
  labels[key(names::role_label)] = names::connect_role;
  return labels;
}

}  // namespace

json shadow_annotations(const ShadowRun& run, const ShadowOptions& options,
                        std::uint16_t door_port) {
  json annotations = options.annotations;
  const std::string port = std::to_string(door_port);
  annotations[key(names::user_annotation)] = run.user;
  annotations[key(names::host_annotation)] = run.host;
  annotations[key(names::version_annotation)] = KT_VERSION;
  annotations[key(names::istio_exclude_inbound)] = port;
  annotations[key(names::linkerd_skip_inbound)] = port;
  return annotations;
}

namespace {

json container(const ShadowOptions& options, std::uint16_t door_port) {
  json agent = {
      {"name", names::agent_container},
      {"image", options.image},
      {"args",
       {"serve", fmt::format("--port={}", door_port),
        fmt::format("--grace={}", options.grace.count())}},
      {"ports", {{{"name", "kt-door"}, {"containerPort", door_port}}}},
      {"resources", {{"requests", options.requests}, {"limits", options.limits}}},
      {"securityContext",
       {{"allowPrivilegeEscalation", false},
        {"readOnlyRootFilesystem", true},
        {"capabilities", {{"drop", {"ALL"}}}}}},
      {"volumeMounts",
       {{{"name", "keys"}, {"mountPath", names::keys_folder}, {"readOnly", true}},
        {{"name", "agent"}, {"mountPath", names::agent_folder}}}},
  };
  if (!options.image_pull_policy.empty()) {
    agent["imagePullPolicy"] = options.image_pull_policy;
  }
  return agent;
}

json pod_security() {
  return {
      {"runAsNonRoot", true},
      {"runAsUser", names::agent_uid},
      {"runAsGroup", names::agent_uid},
      {"fsGroup", names::agent_uid},
      {"seccompProfile", {{"type", "RuntimeDefault"}}},
      // A safe sysctl: lets the agent's ping socket exist without any capability.
      {"sysctls", {{{"name", "net.ipv4.ping_group_range"}, {"value", "0 2147483647"}}}},
  };
}

json volumes(const ShadowRun& run) {
  return {
      // 0440 and fsGroup: sshd reads the host key through its group, nobody else does.
      {{"name", "keys"}, {"secret", {{"secretName", run.name}, {"defaultMode", 0440}}}},
      {{"name", "agent"}, {"emptyDir", {{"sizeLimit", "1Mi"}}}},
  };
}

}  // namespace

json shadow_pod_spec(const ShadowRun& run, const ShadowOptions& options, std::uint16_t door_port) {
  json spec = {
      {"restartPolicy", "Never"},
      {"automountServiceAccountToken", false},
      {"enableServiceLinks", false},
      {"terminationGracePeriodSeconds", 2},  // nothing in the pod is worth a longer wait
      {"securityContext", pod_security()},
      {"containers", json::array({container(options, door_port)})},
      {"volumes", volumes(run)},
  };
  if (!options.service_account.empty()) {
    spec["serviceAccountName"] = options.service_account;
  }
  if (!options.node_selector.empty()) {
    spec["nodeSelector"] = options.node_selector;
  }
  for (const std::string& text : options.tolerations) {
    spec["tolerations"].push_back(toleration(text));
  }
  for (const std::string& secret : options.image_pull_secrets) {
    spec["imagePullSecrets"].push_back({{"name", secret}});
  }
  return spec;
}

std::string fresh_suffix(const std::vector<std::uint8_t>& random) {
  // No vowels, no digits that look like letters.
  constexpr std::string_view letters = "bcdfghjklmnpqrstvwxz2456789";
  std::string name;
  for (const std::uint8_t byte : random) {
    name += letters[byte % letters.size()];
  }
  return name;
}

json shadow_job(const ShadowRun& run, const ShadowOptions& options) {
  const json labels = labels_of(options);
  const json annotations = shadow_annotations(run, options, names::door_port);
  return {
      {"apiVersion", "batch/v1"},
      {"kind", "Job"},
      {"metadata",
       {{"name", run.name},
        {"namespace", run.namespace_},
        {"labels", labels},
        {"annotations", annotations}}},
      {"spec",
       {{"backoffLimit", 0},
        {"ttlSecondsAfterFinished", 0},
        {"activeDeadlineSeconds", 3 * options.grace.count()},
        {"template",
         {{"metadata", {{"labels", labels}, {"annotations", annotations}}},
          {"spec", shadow_pod_spec(run, options, names::door_port)}}}}},
  };
}

json owner_reference(const json& owner) {
  const json metadata = field(owner, "metadata");
  return {{"apiVersion", text_at(owner, "apiVersion")},
          {"kind", text_at(owner, "kind")},
          {"name", text_at(metadata, "name")},
          {"uid", text_at(metadata, "uid")}};
}

json shadow_secret(const ShadowRun& run, const json& shadow) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata",
       {{"name", run.name},
        {"namespace", run.namespace_},
        {"labels", {{key(names::managed_by_label), names::managed_by}}},
        {"ownerReferences", json::array({owner_reference(shadow)})}}},
      {"immutable", true},
      {"data",
       {{key(names::host_key_file), to_base64(as_bytes(run.host_key))},
        {key(names::authorized_keys_file), to_base64(as_bytes(run.authorized_keys))}}},
  };
}

json renew_deadline(seconds running_for, seconds left) {
  return {{"spec", {{"activeDeadlineSeconds", (running_for + left).count()}}}};
}

json toleration(const std::string& text) {
  if (text == "*") {
    return {{"operator", "Exists"}};
  }
  json entry;
  const std::size_t colon = text.rfind(':');
  const std::string key_value = text.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string effect = text.substr(colon + 1);
    if (effect != "NoSchedule" && effect != "PreferNoSchedule" && effect != "NoExecute") {
      throw Error(ErrorKind::usage,
                  fmt::format("--toleration '{}': unknown effect '{}'", text, effect),
                  "effects are NoSchedule, PreferNoSchedule and NoExecute");
    }
    entry["effect"] = effect;
  }
  const std::size_t equals = key_value.find('=');
  entry["key"] = key_value.substr(0, equals);
  entry["operator"] = equals == std::string::npos ? "Exists" : "Equal";
  if (equals != std::string::npos) {
    entry["value"] = key_value.substr(equals + 1);
  }
  return entry;
}

}  // namespace kt::cluster
