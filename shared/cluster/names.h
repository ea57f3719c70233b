// SPDX-License-Identifier: Apache-2.0
// Every string that the suite writes into a cluster, in one place.
#pragma once

#include <cstdint>
#include <string_view>

namespace kt::cluster::names {

// Server-side field manager of every write.
inline constexpr std::string_view field_manager = "kubectl-kt";

// Labels of every object of ours, so that they are found by mark and never by memory.
inline constexpr std::string_view managed_by_label = "app.kubernetes.io/managed-by";
inline constexpr std::string_view managed_by = "kubectl-kt";
inline constexpr std::string_view name_label = "app.kubernetes.io/name";
inline constexpr std::string_view shadow_name = "kt-shadow";
inline constexpr std::string_view role_label = "kubectl-kt/role";
inline constexpr std::string_view connect_role = "connect";
inline constexpr std::string_view exchange_role = "exchange";
inline constexpr std::string_view connect_prefix = "kt-connect-";
inline constexpr std::string_view exchange_prefix = "kt-exchange-";
// The one label that tells the shadow of an exchange from the originals, and the one key that a
// Service's selector gets while it is exchanged. Its value is the session's.
inline constexpr std::string_view session_label = "kubectl-kt/session";
// Of the Lease: what has to be put back, and how far the exchange has come.
inline constexpr std::string_view plan_annotation = "kubectl-kt/plan";
inline constexpr std::string_view phase_annotation = "kubectl-kt/phase";
// Of what a plan names, for a moment: only to make a newer version of it. A label, since the
// Deployment controller copies annotations into ReplicaSets, for ever.
inline constexpr std::string_view fence_label = "kubectl-kt/fence";

// Who and from where: annotations, since label values are too narrow for them.
inline constexpr std::string_view user_annotation = "kubectl-kt/user";
inline constexpr std::string_view host_annotation = "kubectl-kt/host";
inline constexpr std::string_view version_annotation = "kubectl-kt/version";

// Injected sidecars leave the door alone (Istio's and Linkerd's own words for it).
inline constexpr std::string_view istio_exclude_inbound =
    "traffic.sidecar.istio.io/excludeInboundPorts";
inline constexpr std::string_view linkerd_skip_inbound = "config.linkerd.io/skip-inbound-ports";

// The agent's door, and the one path that it upgrades.
inline constexpr std::uint16_t door_port = 7070;
inline constexpr std::string_view door_path = "/link";
inline constexpr std::string_view door_protocol = "kt-mux/1";

// Inside the shadow pod; image/ uses the same paths.
inline constexpr std::string_view agent_container = "agent";
inline constexpr std::string_view agent_user = "kt";  // in the image's passwd
inline constexpr std::string_view keys_folder = "/run/kt/keys";
inline constexpr std::string_view agent_folder = "/run/kt/agent";
inline constexpr std::string_view host_key_file = "host_key";
inline constexpr std::string_view authorized_keys_file = "authorized_keys";
inline constexpr std::int64_t agent_uid = 65532;

}  // namespace kt::cluster::names
