// SPDX-License-Identifier: Apache-2.0
// Why a Job has no pod: only its events say so (quota, Pod Security, a webhook's refusal).
#pragma once

#include "kube/client.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>

namespace kt::cluster {

// Calls `on_warning` with the message of the Job's newest warning each time it changes, looking
// every second. Ends by cancellation, and by itself where the right to list events is missing.
io::Task<> tell_warnings(kube::Client& client, std::string namespace_, std::string job,
                         std::function<void(const std::string&)> on_warning);

// Pure: the newest message of a list of Events; empty when there is none.
[[nodiscard]] std::string newest_message(const nlohmann::json& event_list);

}  // namespace kt::cluster
