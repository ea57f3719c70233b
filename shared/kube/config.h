// SPDX-License-Identifier: Apache-2.0
// Which cluster, who, which namespace: what kubectl makes of kubeconfig and flags. Read through
// kubectl, because merging kubeconfig files is its business; the flags' overrides are applied here,
// because `kubectl config view` obeys --context only.
#pragma once

#include "kube/kubectl.h"

#include <string>
#include <string_view>

namespace kt::kube {

struct Config {
  std::string context;  // empty when --server was given and no context is set
  std::string server;   // URL
  std::string user;     // name of the kubeconfig's user entry
  std::string namespace_ = "default";
  std::string certificate_authority;  // what tells two clusters at one URL apart: data or file name
  std::string proxy_url;              // of the kubeconfig's cluster entry
  // Credentials come from an exec plugin that may ask on the terminal (interactiveMode is not
  // Never): the first kubectl call of the run belongs in the foreground.
  bool may_ask = false;

  friend bool operator==(const Config&, const Config&) = default;
};

// Throws Error config: kubectl is missing or older than 1.26, there is no kubeconfig, its context,
// cluster or user is unknown. About 50 ms: two children side by side, no network.
io::Task<Config> read_config(Kubectl kubectl);

// Pure: `kubectl config view --raw -o json` and the flags → Config, or Error config.
[[nodiscard]] Config parse_config(std::string_view kubeconfig_json, const ConnectionFlags& flags);

// Pure: `kubectl version --client -o json` → nothing, or Error config when it is older than 1.26.
void check_kubectl_version(std::string_view version_json);

// 16 hexadecimal digits that name server, CA, user and impersonation: the running connect's folder.
[[nodiscard]] std::string connection_id(const Config& config, const ConnectionFlags& flags);

// Makes the first call of a run (`kubectl get --raw /version`) on the terminal, so that a
// credential plugin can ask; it leaves its answer in its cache for the later children. What kubectl
// complains about goes to the terminal too. Throws Error unavailable.
io::Task<> log_in_on_terminal(Kubectl kubectl);

}  // namespace kt::kube
