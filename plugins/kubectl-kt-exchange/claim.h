// SPDX-License-Identifier: Apache-2.0
// The Lease of an exchange: lock, sign of life and plan in one object. Only its creation makes an
// owner; every later write names the version that it changes.
#pragma once

#include "io/async.h"
#include "kubectl-kt-exchange/plan.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <string>

namespace kt::exchange {

class Claim {
 public:
  // `client` outlives it.
  Claim(const io::Executor& executor, kube::Client& client, Plan plan);
  ~Claim();

  // Creates the Lease, owned by the target's object. Throws Error conflict when somebody has it:
  // who, since when, and what to type. `program` is what was typed.
  io::Task<> take(nlohmann::json owner, std::string program);

  // Throws as take() does where somebody has it by now.
  io::Task<> check_free(std::string program);

  // The plan as it is known by now, still in PREP: written before anything is changed.
  io::Task<> write_plan(Plan plan);
  // Throws Error conflict when the Lease is no longer ours, or somebody has asked for its end.
  io::Task<> set_phase(Phase phase);

  // Whether it is ours and in this phase, asked now.
  [[nodiscard]] io::Task<bool> is_in(Phase phase);

  // Renews it every 5 s until cancelled; returns, with the reason, when it is ours no more. Tells
  // once when that fails, and once when it works again.
  io::Task<std::string> keep(std::function<void(const std::string&)> tell);

  // Deletes it if it is still as we wrote it last.
  io::Task<> release();

  [[nodiscard]] const Plan& plan() const { return plan_; }
  // Whether there is a Lease of ours to give back; asks where take() was cancelled on its way.
  [[nodiscard]] io::Task<bool> is_taken();

 private:
  [[noreturn]] void throw_held(const nlohmann::json& lease, const std::string& program) const;
  io::Task<> write(nlohmann::json lease);
  io::Task<> lock();
  void unlock();
  [[nodiscard]] bool is_ours(const nlohmann::json& lease) const;
  [[nodiscard]] kube::ObjectRef ref() const;
  io::Task<std::string> renew_once();
  io::Task<std::string> look_again();

  kube::Client& client_;
  Plan plan_;
  std::unique_ptr<nlohmann::json> lease_;  // as the API server answered last
  bool asked_ = false;                     // take() has sent its request
  bool taken_ = false;
  bool writing_ = false;  // one write at a time: each names the version of the one before
  io::Event written_;
};

// "alice@laptop since 2026-01-01T10:00:00Z, last sign of life 10:05:00Z".
[[nodiscard]] std::string holder_of(const nlohmann::json& lease);

}  // namespace kt::exchange
