// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include "base/log.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace kt::cli {

using io::asio::cancellation_type;

namespace {

void to_stderr(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

// The first signal asks the task to put everything back and end; the second ends the program.
class SignalWatch {
 public:
  SignalWatch(io::asio::io_context& context, Interrupts& interrupts,
              io::asio::cancellation_signal& cancel)
      : interrupts_(interrupts), cancel_(cancel), signals_(context, SIGINT, SIGTERM, SIGHUP) {
    wait();
  }

  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  void wait() {
    signals_.async_wait([this](const io::error_code& ec, int number) {
      if (!ec) {
        take(number);
        wait();
      }
    });
  }

  void take(int number) {
    if (number == SIGINT && interrupts_.held()) {
      return;
    }
    if (interrupted_) {
      // At once, and not by the loop's end: what is half undone cannot be taken apart in order.
      std::fflush(nullptr);
      to_stderr(interrupts_.leftovers());
      ::_exit(interrupts_.leftovers().empty() ? ExitCode::interrupted : ExitCode::partly);
    }
    interrupted_ = true;
    interrupts_.signal_ = number;
    cancel_.emit(cancellation_type::terminal);
  }

  Interrupts& interrupts_;
  io::asio::cancellation_signal& cancel_;
  io::asio::signal_set signals_;
  bool interrupted_ = false;
};

namespace {

// How the main task ended: its code, or what it threw.
struct Outcome {
  int code = ExitCode::failed;
  std::exception_ptr failure;
};

int report(const Error& error) {
  to_stderr(render(error));
  return exit_code(error.kind());
}

int report_failure(const std::exception_ptr& failure, bool interrupted) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    return report(e);
  } catch (const boost::system::system_error& e) {
    if (interrupted && e.code() == io::asio::error::operation_aborted) {
      return ExitCode::interrupted;
    }
    return report(Error(ErrorKind::bug, std::string("internal error: ") + e.what()));
  } catch (const std::exception& e) {
    return report(Error(ErrorKind::bug, std::string("internal error: ") + e.what()));
  }
}

// A reader that has gone is an error code like any other. A handler, because what is ignored stays
// ignored in a program that we start; and what the user ignores is to stay so.
void survive_broken_pipes() {
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) {
    action = {};
    action.sa_handler = [](int) {};
    (void)::sigaction(SIGPIPE, &action, nullptr);
  }
}

}  // namespace

int run(int argc, const char* const* argv, MainTask main_task) {
  survive_broken_pipes();
  ::signal(SIGCHLD, SIG_DFL);  // inherited as ignored it would cost us our children's exit codes
  Interrupts interrupts;
  Invocation invocation{program_name(argv[0]), argv[0], {argv + 1, argv + argc}, &interrupts};
  Outcome outcome;
  io::asio::cancellation_signal cancel;  // outlives the tasks that the context destroys
  io::asio::io_context context(1);
  SignalWatch watch(context, interrupts, cancel);
  io::asio::co_spawn(
      context, main_task(std::move(invocation)),
      io::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr failure, int code) {
        outcome = {code, std::move(failure)};
        context.stop();
      }));
  context.run();
  return outcome.failure == nullptr ? outcome.code
                                    : report_failure(outcome.failure, watch.interrupted());
}

std::string program_name(std::string_view argv0) {
  constexpr std::string_view prefix = "kubectl-";
  argv0 = argv0.substr(argv0.rfind('/') + 1);
  if (!argv0.starts_with(prefix)) {
    return std::string(argv0);
  }
  std::string words(argv0.substr(prefix.size()));
  std::replace(words.begin(), words.end(), '-', ' ');
  std::replace(words.begin(), words.end(), '_', '-');
  return "kubectl " + words;
}

ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return ExitCode::usage;
    case ErrorKind::denied:
      return ExitCode::denied;
    case ErrorKind::conflict:
      return ExitCode::busy;
    case ErrorKind::interrupted:
      return ExitCode::interrupted;
    case ErrorKind::config:
    case ErrorKind::not_found:
    case ErrorKind::unavailable:
    case ErrorKind::bug:
      break;
  }
  return ExitCode::failed;
}

std::string render(const Error& error) {
  std::string text = "error: " + log::harmless(error.message()) + "\n";
  if (!error.hint().empty()) {
    text += "hint: " + log::harmless_lines(error.hint()) + "\n";
  }
  return text;
}

}  // namespace kt::cli
