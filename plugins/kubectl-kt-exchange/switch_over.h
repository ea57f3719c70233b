// SPDX-License-Identifier: Apache-2.0
// Walks the plan: forth, so that there is never a moment without a backend that accepts (the shadow
// beside the originals, then alone, then no originals), and back in reverse. The order is that of
// tests/model/exchange.pml; who calls it has the claim, or knows that nobody acts for it any more.
#pragma once

#include "kubectl-kt-exchange/claim.h"
#include "kubectl-kt-exchange/takeover.h"

#include <functional>
#include <string>

namespace kt::exchange {

using Tell = std::function<void(const std::string& waits_for)>;

// The shadow stands alone behind every Service of the plan, and the target is at 0 where the plan
// scales. Throws Error conflict when the claim is lost or somebody changed what the plan tests:
// nothing is written over it.
io::Task<> switch_to_shadow(kube::Client& client, Claim& claim, std::string shadow_address,
                            Tell tell);

// Before putting back what another owner did: a patch of the owner's may still sleep in a suspended
// laptop's socket, with a version that nothing has changed since. So all that the plan names is
// written once, and comes out unchanged. Where the right is missing it is left out.
io::Task<> fence(kube::Client& client, Plan plan);

// The ConfigMap, if it is that of this plan's session.
io::Task<> remove_copy(kube::Client& client, Plan plan);

// Deletes it, and waits until its pod is gone.
io::Task<> remove_shadow(kube::Client& client, Plan plan);

// The target's replicas as planned, then, once they are ready, the Services. What somebody else has
// changed meanwhile stays as it is. `shadow_address` may be empty: no shadow is left.
io::Task<> switch_to_originals(kube::Client& client, Plan plan, std::string shadow_address,
                               Tell tell);

}  // namespace kt::exchange
