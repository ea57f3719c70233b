// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace kt {

Error::Error(ErrorKind kind, std::string message, std::string hint)
    : kind_(kind), message_(std::move(message)), hint_(std::move(hint)) {}

void Error::add_context(std::string_view doing) {
  message_ = std::string(doing) + ": " + message_;
}

int check_errno(int result, std::string_view doing) {
  if (result >= 0) {
    return result;
  }
  throw Error(ErrorKind::unavailable, std::string(doing) + ": " + errno_text(errno));
}

std::string errno_text(int code) {
  return std::generic_category().message(code);
}

void throw_bug(std::string_view condition, std::string_view file, int line) {
  throw Error(ErrorKind::bug,
              "internal error: " + std::string(condition) + " does not hold at " +
                  std::string(file) + ":" + std::to_string(line),
              "please report this with the output of -v");
}

}  // namespace kt
