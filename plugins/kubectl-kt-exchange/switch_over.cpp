// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/switch_over.h"

#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::exchange {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Endpoints = std::vector<Endpoint>;
using Listed = bool (*)(const Endpoints&, const std::string&);

constexpr milliseconds look_every{200};
// kube-proxy learns of a changed EndpointSlice up to so much later (measured: at most 1.7 s).
constexpr seconds proxy_delay{2};
// Slow images and readiness probes; the reason is shown meanwhile.
constexpr std::chrono::minutes listing_limit{2};
constexpr std::chrono::minutes ready_limit{10};
// The front drains for up to 10 s.
constexpr seconds shadow_limit{30};
// Between two looks somebody wrote: read again.
constexpr int unprocessable = 422;
constexpr int conflict = 409;
constexpr int most_tries = 20;

bool was_changed(const kube::ApiError& e) {
  return e.status() == unprocessable || e.status() == conflict;
}

[[noreturn]] void throw_changed(const std::string& what) {
  throw Error(ErrorKind::conflict,
              fmt::format("{}: somebody has changed it meanwhile, so it is left alone", what));
}

Task<Endpoints> endpoints_behind(kube::Client& client, std::string namespace_,
                                 std::string service) {
  kube::ListOptions options;
  options.label_selector = "kubernetes.io/service-name=" + service;
  co_return endpoints_of(
      co_await client.list(kube::endpoint_slices, std::move(namespace_), std::move(options)));
}

// True when every Service of the plan lists what it should; `waits_for` names the one that does
// not.
Task<bool> all_list(kube::Client& client, const Plan& plan, const std::string& shadow,
                    Listed listed, std::string& waits_for) {
  for (const PlannedService& service : plan.services) {
    if (!listed(co_await endpoints_behind(client, plan.target.namespace_, service.name), shadow)) {
      waits_for = "service " + service.name;
      co_return false;
    }
  }
  co_return true;
}

Task<> until_listed(kube::Client& client, const Plan& plan, const std::string& shadow,
                    Listed listed, io::Duration limit, const Tell& tell) {
  const io::TimePoint until = io::Clock::now() + limit;
  std::string waits_for;
  while (!co_await all_list(client, plan, shadow, listed, waits_for)) {
    tell(waits_for);
    if (io::Clock::now() >= until) {
      throw Error(ErrorKind::unavailable, waits_for + ": its endpoints do not change",
                  fmt::format("kubectl --namespace {} get endpointslices", plan.target.namespace_));
    }
    co_await io::sleep_for(look_every);
  }
}

kube::ObjectRef service_ref(const Plan& plan, const PlannedService& service) {
  return {kube::services, plan.target.namespace_, service.name, {}};
}

kube::ObjectRef scale_ref(const Plan& plan) {
  kube::ObjectRef ref = plan.target;
  ref.subresource = "scale";
  return ref;
}

// The patch under the version that was read, and the claim looked at between both: whoever ends the
// exchange writes the Lease first and the object then, so one of the two shows it.
Task<bool> try_patch(kube::Client& client, Claim& claim, kube::ObjectRef ref, json patch) {
  if (!co_await claim.is_in(Phase::commit)) {
    throw Error(ErrorKind::conflict,
                claim.plan().title + ": somebody else has ended this exchange");
  }
  try {
    co_await client.patch(ref, kube::PatchType::json, std::move(patch));
    co_return true;
  } catch (const kube::ApiError& e) {
    if (!was_changed(e)) {
      throw;
    }
  }
  co_return false;
}

Task<> service_to_shadow(kube::Client& client, Claim& claim, const PlannedService& service) {
  const kube::ObjectRef ref = service_ref(claim.plan(), service);
  while (true) {
    const json now = co_await client.get(ref);
    std::optional<json> patch = to_shadow(now, service, claim.plan().session);
    if (!patch) {
      throw_changed(fmt::format("selector of service '{}'", service.name));
    }
    if (co_await try_patch(client, claim, ref, std::move(*patch))) {
      co_return;
    }
    co_await io::sleep_for(look_every);
  }
}

Task<> scale_to_zero(kube::Client& client, Claim& claim) {
  const kube::ObjectRef ref = scale_ref(claim.plan());
  while (true) {
    std::optional<json> patch = to_zero(co_await client.get(ref), claim.plan());
    if (!patch) {
      throw_changed("replicas of " + claim.plan().title);
    }
    if (co_await try_patch(client, claim, ref, std::move(*patch))) {
      co_return;
    }
    co_await io::sleep_for(look_every);
  }
}

// Until it was done, or what is there is not ours: nullopt of `make`.
template <class Make>
Task<bool> patch_back(kube::Client& client, kube::ObjectRef ref, Make make) {
  for (int tries = 1;; ++tries) {
    const std::optional<json> now = co_await client.find(ref);
    std::optional<json> patch = now ? co_await make(*now) : std::nullopt;
    if (!patch) {
      co_return false;
    }
    try {
      co_await client.patch(ref, kube::PatchType::json, std::move(*patch));
      co_return true;
    } catch (const kube::ApiError& e) {
      if (!was_changed(e) || tries == most_tries) {
        throw;
      }
    }
    co_await io::sleep_for(look_every);
  }
}

struct ReplicasBack {
  kube::Client& client;
  const Plan& plan;
  Task<std::optional<json>> operator()(json scale) const {
    const std::optional<json> target = co_await client.find(plan.target);
    co_return target ? to_replicas(scale, *target, plan) : std::nullopt;
  }
};

struct ServiceBack {
  const Plan& plan;
  Task<std::optional<json>> operator()(json service) const {
    co_return to_originals(service, plan.session);
  }
};

struct OwnershipBack {
  Task<std::optional<json>> operator()(json object) const { co_return drop_ownership(object); }
};

int number_at(const json& object, const char* name) {
  const json value = field(object, name);
  return value.is_number_integer() ? value.get<int>() : 0;
}

// All of them, or as many as there are to be by now.
Task<> until_originals_ready(kube::Client& client, const Plan& plan, const Tell& tell) {
  const io::TimePoint until = io::Clock::now() + ready_limit;
  while (io::Clock::now() < until) {
    const json target = (co_await client.find(plan.target)).value_or(json());
    const int wanted = number_at(field(target, "spec"), "replicas");
    const int ready = number_at(field(target, "status"), "readyReplicas");
    if (ready >= wanted) {
      co_return;  // also when there is none any more, or is to be none
    }
    tell(fmt::format("{} of {} are ready", ready, wanted));
    co_await io::sleep_for(look_every);
  }
  throw Error(
      ErrorKind::unavailable, plan.title + " does not become ready",
      fmt::format("kubectl --namespace {} describe {}", plan.target.namespace_, plan.title));
}

Task<> write_and_take_back(kube::Client& client, kube::ObjectRef ref) {
  for (const json& value : {json("1"), json()}) {
    const json labels = {{std::string(cluster::names::fence_label), value}};
    try {
      co_await client.patch(ref, kube::PatchType::merge, {{"metadata", {{"labels", labels}}}});
    } catch (const kube::ApiError& e) {
      log::debug("switch", "{}", e.message());  // gone, or no right to
    }
  }
}

}  // namespace

Task<> switch_to_shadow(kube::Client& client, Claim& claim, std::string shadow_address, Tell tell) {
  const Plan& plan = claim.plan();
  co_await until_listed(client, plan, shadow_address, lists_shadow, listing_limit, tell);
  for (const PlannedService& service : plan.services) {
    co_await service_to_shadow(client, claim, service);
  }
  co_await until_listed(client, plan, shadow_address, lists_shadow_alone, listing_limit, tell);
  if (!plan.services.empty()) {
    co_await io::sleep_for(proxy_delay);
  }
  if (plan.scales) {
    co_await scale_to_zero(client, claim);
  }
}

Task<> fence(kube::Client& client, Plan plan) {
  std::vector<kube::ObjectRef> written{plan.target};
  for (const PlannedService& service : plan.services) {
    written.push_back(service_ref(plan, service));
  }
  for (const kube::ObjectRef& ref : written) {
    co_await write_and_take_back(client, ref);
  }
}

Task<> remove_copy(kube::Client& client, Plan plan) {
  const std::string space = plan.target.namespace_;
  const kube::ObjectRef ref{kube::config_maps, space, claim_name(plan.target), {}};
  const std::optional<json> copy = co_await client.find(ref);
  const std::optional<Plan> copied = copy ? plan_of(*copy, space) : std::nullopt;
  if (copied && copied->session == plan.session) {
    (void)co_await client.remove(ref, text_at(field(*copy, "metadata"), "resourceVersion"));
  }
}

Task<> remove_shadow(kube::Client& client, Plan plan) {
  const std::string space = plan.target.namespace_;
  (void)co_await client.remove({kube::deployments, space, shadow_name(plan.session), {}});
  kube::ListOptions pods;
  pods.label_selector = session_selector(plan.session);
  const io::TimePoint until = io::Clock::now() + shadow_limit;
  while (io::Clock::now() < until) {
    const json list = co_await client.list(kube::pods, space, pods);
    if (field(list, "items").empty()) {
      co_return;
    }
    co_await io::sleep_for(look_every);
  }
}

Task<> switch_to_originals(kube::Client& client, Plan plan, std::string shadow_address, Tell tell) {
  if (plan.scales) {
    if (co_await patch_back(client, scale_ref(plan), ReplicasBack{client, plan})) {
      tell("replicas are " + std::to_string(plan.replicas));
    }
    co_await until_originals_ready(client, plan, tell);
  }
  bool any = false;
  for (const PlannedService& service : plan.services) {
    const kube::ObjectRef ref = service_ref(plan, service);
    any = co_await patch_back(client, ref, ServiceBack{plan}) || any;
    (void)co_await patch_back(client, ref, OwnershipBack{});
  }
  if (any) {
    try {
      co_await until_listed(client, plan, shadow_address, lists_originals, seconds(30), tell);
    } catch (const kube::ApiError&) {
      throw;
    } catch (const Error& e) {
      log::debug("switch", "{}",
                 e.message());  // scaled to 0 by somebody, or not ready by themselves
    }
    co_await io::sleep_for(proxy_delay);
  }
}

}  // namespace kt::exchange
