// SPDX-License-Identifier: Apache-2.0
// The one exception class of the suite. A failure ends the command with one message, so it carries
// what a person needs: what failed, why, and what to type next.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace kt {

enum class ErrorKind {
  usage,        // the caller's arguments; exit code 2
  config,       // kubeconfig, environment, machine
  not_found,    // a named thing is not there
  denied,       // RBAC or privilege; exit code 3
  conflict,     // somebody else holds it; exit code 4
  unavailable,  // may work later: the only kind that a supervisor retries
  interrupted,  // Ctrl-C; exit code 130
  bug,          // ours
};

class Error : public std::exception {
 public:
  // `message` has the shape "what: why"; `hint` is a command to type, or empty.
  Error(ErrorKind kind, std::string message, std::string hint = {});

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

  // Puts "doing: " in front of the message; at most once per layer.
  void add_context(std::string_view doing);

 private:
  ErrorKind kind_;
  std::string message_;
  std::string hint_;
};

// Throws unavailable "doing: strerror" when a system call returned -1; else returns `result`.
int check_errno(int result, std::string_view doing);

// "Connection refused" for ECONNREFUSED, without errno's global state.
[[nodiscard]] std::string errno_text(int code);

[[noreturn]] void throw_bug(std::string_view condition, std::string_view file, int line);

}  // namespace kt

// A broken promise of our own code, never of input.
#define KT_ASSERT(condition) \
  ((condition) ? void(0) : ::kt::throw_bug(#condition, __FILE__, __LINE__))
