// SPDX-License-Identifier: Apache-2.0
// What every main() of the suite does: name, event loop, Ctrl-C, error text, exit code.
#pragma once

#include "base/error.h"
#include "io/async.h"

#include <string>
#include <string_view>
#include <vector>

namespace kt::cli {

// docs/exit-codes.md
enum ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,
  denied = 3,
  busy = 4,
  partly = 5,
  interrupted = 130
};

// Ctrl-C, SIGTERM and SIGHUP cancel the main task, which then puts everything back. While CMD has
// the terminal, Ctrl-C is CMD's alone: hold a Hold.
class SignalWatch;
class Interrupts {
 public:
  class Hold {
   public:
    explicit Hold(Interrupts& interrupts) : interrupts_(interrupts) { ++interrupts_.held_; }
    ~Hold() { --interrupts_.held_; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Interrupts& interrupts_;
  };

  [[nodiscard]] bool held() const { return held_ > 0; }
  // Which one has cancelled the main task; 0 = none.
  [[nodiscard]] int signal() const { return signal_; }

  // What a second Ctrl-C prints before it ends the program at once, e.g. what is left and the
  // command that removes it.
  void set_leftovers(std::string text) { leftovers_ = std::move(text); }
  [[nodiscard]] const std::string& leftovers() const { return leftovers_; }

 private:
  friend class SignalWatch;

  int held_ = 0;
  int signal_ = 0;
  std::string leftovers_;
};

struct Invocation {
  std::string program;                 // "kubectl kt-connect", as typed
  std::string program_file;            // argv[0]
  std::vector<std::string> arguments;  // without argv[0]
  Interrupts* interrupts = nullptr;    // of run(); never null in a main task
};

// Returns the exit code; throws kt::Error. A named coroutine.
using MainTask = io::Task<int> (*)(Invocation);

// Runs the task to its end and returns what main() returns.
int run(int argc, const char* const* argv, MainTask main_task);

// "…/kubectl-kt_connect" → "kubectl kt-connect", "kubectl-kt-connect" → "kubectl kt connect"
// (kubectl maps - of a command to _ in the file name); other names as they are, without folder.
[[nodiscard]] std::string program_name(std::string_view argv0);

[[nodiscard]] ExitCode exit_code(ErrorKind kind);

// "error: …\n" and, if there is one, "hint: …\n"; harmless to a terminal.
[[nodiscard]] std::string render(const Error& error);

}  // namespace kt::cli
