// SPDX-License-Identifier: Apache-2.0
// Child processes. Written on fork and exec and not on Boost.Process v2: that of Boost 1.81 leaves
// a failed child by exit(3), which runs our destructors a second time, cannot signal a process
// group, and inherits Asio's descriptors where there is no close_range(2).
#pragma once

#include "base/unique_fd.h"
#include "io/async.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kt::io {

// What one of a child's standard streams is connected to.
enum class ChildStream { null, inherit, pipe };

struct Command {
  std::vector<std::string> argv;                   // argv[0] is looked up in PATH
  std::map<std::string, std::string> environment;  // on top of ours
  ChildStream in = ChildStream::null;              // null or inherit
  ChildStream out = ChildStream::pipe;
  ChildStream err = ChildStream::pipe;
  // Stays in our session and process group, so that it may read the terminal and Ctrl-C reaches it.
  // Otherwise it has a session and a group of its own: no terminal, and a signal goes to the whole
  // group.
  bool foreground = false;
  // schedule_in_batches(): for one that passes much on.
  bool in_batches = false;
};

// Lines of a pipe, without their end. A longer line than 64 KiB comes in pieces. One reader at a
// time.
class LineReader {
 public:
  LineReader(const Executor& executor, UniqueFd fd);

  // nullopt at the end of the stream.
  Task<std::optional<std::string>> next();
  // What is left, at most `limit` bytes; more is read and dropped, so that the child never blocks.
  Task<std::string> rest(std::size_t limit);

 private:
  Task<bool> fill();

  asio::posix::stream_descriptor descriptor_;
  std::string buffer_;
};

// How a child ended and what it said; each stream at most 64 MiB.
struct ChildOutput {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// A running child: dies by SIGKILL when we die, whatever kills us, and inherits no descriptor of
// ours but its standard streams.
class Subprocess {
 public:
  // Throws Error not_found when there is no such program (hint empty: the caller knows it), else
  // unavailable.
  Subprocess(const Executor& executor, const Command& command);
  // Kills the group and reaps the child.
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] LineReader& out() { return *out_; }  // only with ChildStream::pipe
  [[nodiscard]] LineReader& err() { return *err_; }

  // Exit code, or 128 + n when signal n ended it. May be asked again, and by several tasks.
  Task<int> wait();

  // To the child, and to its group unless it is in the foreground; nothing once it has ended.
  void signal(int number) noexcept;

  // SIGTERM, after `grace` SIGKILL to what is left of the group, then reaps. Cancellation of the
  // caller shortens the grace and nothing else.
  Task<int> stop(Duration grace = std::chrono::seconds(2));

  // Everything that it writes, until it has ended. `output` is owned by the caller's frame.
  Task<> run_to_end(ChildOutput& output);

 private:
  bool reap(bool block) noexcept;
  Task<> ended_or(Duration limit);

  int pid_ = -1;
  bool foreground_;
  std::optional<int> exit_code_;
  asio::posix::stream_descriptor pidfd_;
  std::unique_ptr<LineReader> out_;
  std::unique_ptr<LineReader> err_;
};

// Runs a child to its end. Throws Error unavailable "<argv[0]>: timed out after …"; on that and on
// cancellation the child is killed.
Task<ChildOutput> run_command(Command command, Duration limit);

}  // namespace kt::io
