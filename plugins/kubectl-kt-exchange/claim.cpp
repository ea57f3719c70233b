// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/claim.h"

#include "base/error.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace kt::exchange {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;

constexpr std::chrono::seconds renew_every{5};
constexpr int already_exists = 409;  // or changed meanwhile
constexpr int not_found = 404;

std::string now_text() {
  return micro_time(std::chrono::system_clock::now());
}

}  // namespace

std::string holder_of(const json& lease) {
  const json spec = field(lease, "spec");
  return fmt::format("{} since {}, last sign of life {}", text_at(spec, "holderIdentity"),
                     text_at(spec, "acquireTime"), text_at(spec, "renewTime"));
}

Claim::Claim(const io::Executor& executor, kube::Client& client, Plan plan)
    : client_(client),
      plan_(std::move(plan)),
      lease_(std::make_unique<json>()),
      written_(executor) {}

Claim::~Claim() = default;

kube::ObjectRef Claim::ref() const {
  return {kube::leases, plan_.target.namespace_, claim_name(plan_.target), {}};
}

bool Claim::is_ours(const json& lease) const {
  const std::optional<Plan> plan = plan_of(lease, plan_.target.namespace_);
  return plan && plan->session == plan_.session;
}

Task<> Claim::take(json owner, std::string program) {
  asked_ = true;
  try {
    *lease_ = co_await client_.create(kube::leases, plan_.target.namespace_,
                                      lease_object(plan_, owner, now_text()));
    taken_ = true;
    co_return;
  } catch (const kube::ApiError& e) {
    if (e.status() != already_exists) {
      throw;
    }
  }
  throw_held((co_await client_.find(ref())).value_or(json()), program);
}

Task<bool> Claim::is_taken() {
  if (asked_ && !taken_) {
    const std::optional<json> lease = co_await client_.find(ref());
    taken_ = lease && is_ours(*lease);
    if (taken_) {
      *lease_ = *lease;
    }
  }
  co_return taken_;
}

Task<> Claim::check_free(std::string program) {
  if (const std::optional<json> lease = co_await client_.find(ref())) {
    throw_held(*lease, program);
  }
}

void Claim::throw_held(const json& lease, const std::string& program) const {
  throw Error(ErrorKind::conflict,
              fmt::format("{} is exchanged already by {}", plan_.title, holder_of(lease)),
              fmt::format("when it shows no life any more: {} restore {} --namespace {}", program,
                          plan_.title, plan_.target.namespace_));
}

Task<> Claim::lock() {
  while (writing_) {
    co_await written_.wait();
  }
  writing_ = true;
}

void Claim::unlock() {
  writing_ = false;
  written_.notify();
}

Task<> Claim::write(json lease) {
  std::exception_ptr failure;
  co_await lock();
  lease["metadata"]["resourceVersion"] = field(field(*lease_, "metadata"), "resourceVersion");
  try {
    *lease_ = co_await client_.replace(ref(), std::move(lease));
  } catch (...) {
    failure = std::current_exception();
  }
  unlock();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

Task<> Claim::write_plan(Plan plan) {
  plan_ = std::move(plan);
  co_await write(with_plan(*lease_, plan_));
}

Task<> Claim::set_phase(Phase phase) {
  try {
    co_await write(with_phase(*lease_, phase));
  } catch (const kube::ApiError& e) {
    if (e.status() != already_exists && e.status() != not_found) {
      throw;
    }
    throw Error(ErrorKind::conflict,
                plan_.title + ": somebody else has changed or ended this exchange");
  }
}

Task<bool> Claim::is_in(Phase phase) {
  const std::optional<json> lease = co_await client_.find(ref());
  co_return lease&& is_ours(*lease) && phase_of(*lease) == phase;
}

// Empty while it is ours; throws when the API server cannot be asked.
Task<std::string> Claim::renew_once() {
  try {
    co_await write(renewed(*lease_, now_text()));
    co_return "";
  } catch (const kube::ApiError& e) {
    if (e.status() != already_exists && e.status() != not_found) {
      throw;
    }
  }
  co_return co_await look_again();
}

Task<std::string> Claim::look_again() {
  const std::optional<json> lease = co_await client_.find(ref());
  if (!lease || !is_ours(*lease)) {
    co_return lease ? "it belongs to " + holder_of(*lease) + " now" : "its Lease was deleted";
  }
  if (phase_of(*lease) == Phase::restore && phase_of(*lease_) != Phase::restore) {
    co_return "somebody asked for its end";
  }
  *lease_ = *lease;
  co_return "";
}

Task<std::string> Claim::keep(std::function<void(const std::string&)> tell) {
  std::string complaint;
  while (true) {
    co_await io::sleep_for(renew_every);
    try {
      if (std::string lost = co_await renew_once(); !lost.empty()) {
        co_return lost;
      }
      if (!std::exchange(complaint, "").empty()) {
        tell("signs of life again");
      }
    } catch (const Error& e) {
      if (std::exchange(complaint, e.message()).empty()) {
        tell("no sign of life can be given: " + complaint);
      }
    }
  }
}

Task<> Claim::release() {
  co_await lock();
  std::exception_ptr failure;
  try {
    const std::string version = text_at(field(*lease_, "metadata"), "resourceVersion");
    (void)co_await client_.remove(ref(), version);
    taken_ = false;
  } catch (...) {
    failure = std::current_exception();
  }
  unlock();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

}  // namespace kt::exchange
