// SPDX-License-Identifier: Apache-2.0
// What people see while they wait, on stderr: one line a step, and after 3 s what it waits for.
#pragma once

#include "io/async.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace kt::cli {

struct Terminal {
  bool is_tty = false;
  bool colour = false;  // and other than plain ASCII marks
  int width = 80;       // columns

  friend bool operator==(const Terminal&, const Terminal&) = default;
};

// Of a descriptor; `no_color` and `term` are the environment's NO_COLOR and TERM, null when unset.
[[nodiscard]] Terminal detect_terminal(int fd, const char* no_color, const char* term);

// A line for people, before it is known on whose terminal.
struct Line {
  enum class Mark : char { none = ' ', waits = '.', done = '+', warns = '!' };

  Mark mark = Mark::none;
  std::string text;  // without its end; bytes of others that could steer the terminal are `?`

  friend bool operator==(const Line&, const Line&) = default;
};

[[nodiscard]] std::string render(const Line& line, const Terminal& terminal);

// A step at a time:
//   steps.begin("shadow kt-connect-x7k2m9qd");
//   steps.waits_for("pod: ErrImagePull");           // as often as the reason changes
//   steps.end("shadow kt-connect-x7k2m9qd ready");  // ✓ shadow kt-connect-x7k2m9qd ready (2.1 s)
class Steps {
 public:
  using Sink = std::function<void(const Line& line)>;

  Steps(const io::Executor& executor, Sink sink);
  ~Steps();
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  void begin(std::string what);
  // Shown at once when the step is older than 3 s, else when it becomes so; a repeated reason once.
  void waits_for(std::string reason);
  void end(std::string_view done);
  // A line that is no step: the first one ("context prod, namespace shop") and the last.
  void say(std::string_view line);

 private:
  struct Current;

  void remind_after(io::Duration delay);
  void say_waiting();

  Sink sink_;
  io::Executor executor_;
  std::shared_ptr<Current> current_;  // shared with the timer's callback, which may come later
};

// "0.4 s", "12 s", "3 min 5 s"
[[nodiscard]] std::string render_duration(io::Duration duration);

}  // namespace kt::cli
