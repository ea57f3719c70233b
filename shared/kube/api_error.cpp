// SPDX-License-Identifier: Apache-2.0
#include "kube/api_error.h"

#include "base/log.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::kube {
namespace {

constexpr std::size_t max_message = 1024;

ErrorKind kind_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorKind::denied;
    case 404:
    case 410:
      return ErrorKind::not_found;
    case 409:
      return ErrorKind::conflict;
    case 429:
      return ErrorKind::unavailable;
    default:
      return status >= 400 && status < 500 ? ErrorKind::config : ErrorKind::unavailable;
  }
}

// What a person types to see the same without us.
std::string hint_for(int status) {
  return status >= 500 ? "kubectl cluster-info" : "";
}

std::string to_line(std::string_view text) {
  std::string line = log::harmless(text.substr(0, max_message));
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

ApiError::ApiError(std::string_view what, int status, std::string_view body)
    : ApiError(what, status, parse(status, body)) {}

ApiError::ApiError(std::string_view what, int status, Status parsed)
    : Error(kind_of(status), fmt::format("{}: {}", what, parsed.message), hint_for(status)),
      status_(status),
      reason_(std::move(parsed.reason)),
      server_message_(std::move(parsed.message)) {}

ApiError::Status ApiError::parse(int status, std::string_view body) {
  const nlohmann::json answer = nlohmann::json::parse(body, nullptr, false);
  Status result;
  if (answer.is_object() && text_at(answer, "kind") == "Status") {
    result = {to_line(text_at(answer, "reason")), to_line(text_at(answer, "message"))};
  } else {
    result.message = to_line(body);
  }
  if (result.message.empty()) {
    result.message = fmt::format("the API server answered {}", status);
  }
  return result;
}

}  // namespace kt::kube
