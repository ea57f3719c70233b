// SPDX-License-Identifier: Apache-2.0
#include "cluster/job_events.h"

#include "base/log.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::cluster {
namespace {

using io::Task;
using kube::field;
using kube::text_at;
using nlohmann::json;

constexpr std::chrono::seconds look_every{1};

// When it was last seen: the two kinds of events say it in different fields.
std::string time_of(const json& event) {
  for (const char* name : {"lastTimestamp", "eventTime"}) {
    if (std::string time = text_at(event, name); !time.empty()) {
      return time;
    }
  }
  return text_at(field(event, "metadata"), "creationTimestamp");
}

}  // namespace

std::string newest_message(const json& event_list) {
  std::string newest;
  std::string message;
  for (const json& event : field(event_list, "items")) {
    const std::string time = time_of(event);
    if (time >= newest) {
      newest = time;
      message = text_at(event, "message");
    }
  }
  return message;
}

Task<> tell_warnings(kube::Client& client, std::string namespace_, std::string job,
                     std::function<void(const std::string&)> on_warning) {
  kube::ListOptions of_job;
  of_job.field_selector =
      fmt::format("involvedObject.kind=Job,involvedObject.name={},type=Warning", job);
  std::string known;
  try {
    while (true) {
      co_await io::sleep_for(look_every);
      const json events = co_await client.list(kube::events, namespace_, of_job);
      const std::string message = newest_message(events);
      if (message != known) {
        on_warning(message);
        known = message;
      }
    }
  } catch (const Error& e) {
    log::debug("shadow", "events: {}", e.message());
  }
}

}  // namespace kt::cluster
