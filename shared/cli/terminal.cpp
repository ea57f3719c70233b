// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include "base/log.h"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

namespace kt::cli {
namespace {

constexpr auto patience = std::chrono::seconds(3);
constexpr auto repeat = std::chrono::seconds(10);

double seconds_of(io::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

// The step under way.
struct Steps::Current {
  Current(const io::Executor& executor, std::string step)
      : timer(executor), start(io::Clock::now()), what(std::move(step)) {}

  [[nodiscard]] io::Duration age() const { return io::Clock::now() - start; }

  io::asio::steady_timer timer;
  io::TimePoint start;
  std::string what;
  std::string reason;
};

Terminal detect_terminal(int fd, const char* no_color, const char* term) {
  Terminal terminal;
  terminal.is_tty = ::isatty(fd) == 1;
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  const bool wanted = no_color == nullptr || *no_color == '\0';  // https://no-color.org
  terminal.colour = terminal.is_tty && wanted && !dumb;
  winsize size{};
  if (terminal.is_tty && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  }
  return terminal;
}

std::string render_duration(io::Duration duration) {
  const double seconds = seconds_of(duration);
  if (seconds < 9.95) {
    return fmt::format("{:.1f} s", seconds);
  }
  const auto whole = std::chrono::round<std::chrono::seconds>(duration).count();
  return whole < 60 ? fmt::format("{} s", whole)
                    : fmt::format("{} min {} s", whole / 60, whole % 60);
}

std::string render(const Line& line, const Terminal& terminal) {
  switch (line.mark) {
    case Line::Mark::none:
      return line.text;
    case Line::Mark::waits:
      return (terminal.colour ? "… " : "... ") + line.text;
    case Line::Mark::warns:
      return "warning: " + line.text;
    case Line::Mark::done:
      return terminal.colour ? "\x1b[32m✓\x1b[0m " + line.text : line.text;
  }
  return line.text;
}

Steps::Steps(const io::Executor& executor, Sink sink)
    : sink_(std::move(sink)), executor_(executor) {}

Steps::~Steps() = default;

void Steps::begin(std::string what) {
  current_ = std::make_shared<Current>(executor_, std::move(what));
  remind_after(patience);
}

void Steps::remind_after(io::Duration delay) {
  current_->timer.expires_after(delay);
  current_->timer.async_wait(
      [this, step = std::weak_ptr<Current>(current_)](const io::error_code& ec) {
        // The step lives only as long as we do and it is the current one.
        if (!ec && !step.expired()) {
          say_waiting();
          remind_after(repeat);
        }
      });
}

void Steps::say_waiting() {
  const std::string reason = current_->reason.empty() ? "still waiting" : current_->reason;
  sink_({Line::Mark::waits, log::harmless(fmt::format("{}: {} ({})", current_->what, reason,
                                                      render_duration(current_->age())))});
}

void Steps::waits_for(std::string reason) {
  if (current_ == nullptr || current_->reason == reason) {
    return;
  }
  current_->reason = std::move(reason);
  if (current_->age() >= patience) {
    say_waiting();
    remind_after(repeat);
  }
}

void Steps::end(std::string_view done) {
  if (current_ == nullptr) {
    return;
  }
  const std::string text =
      log::harmless(fmt::format("{} ({})", done, render_duration(current_->age())));
  current_.reset();
  sink_({Line::Mark::done, text});
}

void Steps::say(std::string_view line) {
  sink_({Line::Mark::none, log::harmless(line)});
}

}  // namespace kt::cli
