// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace kt::kube {

// The API server said no. kind(): 401, 403 → denied; 404, 410 → not_found; 409 → conflict; 400, 422
// and other 4xx → config; 429, 5xx → unavailable.
class ApiError : public Error {
 public:
  // `what` is "create jobs.batch 'x'"; `body` the response's, a Status object or any text.
  ApiError(std::string_view what, int status, std::string_view body);

  [[nodiscard]] int status() const noexcept { return status_; }
  // Machine-readable, e.g. "AlreadyExists", "Forbidden"; empty when the answer was no Status
  // object.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  // The server's own words, alone; safe to print, at most 1 KiB.
  [[nodiscard]] const std::string& server_message() const noexcept { return server_message_; }

 private:
  struct Status {
    std::string reason;
    std::string message;
  };
  ApiError(std::string_view what, int status, Status parsed);
  static Status parse(int status, std::string_view body);

  int status_;
  std::string reason_;
  std::string server_message_;
};

}  // namespace kt::kube
