// SPDX-License-Identifier: Apache-2.0
// A kubectl that keeps running: starts, says on stdout that it is ready, complains on stderr, ends
// one day. Knows nothing of what it does.
#pragma once

#include "io/subprocess.h"
#include "kube/kubectl.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kt::kube {

class KubectlChild {
 public:
  // `in_batches`: io::Command's.
  KubectlChild(const io::Executor& executor, Kubectl kubectl, bool in_batches = false)
      : executor_(executor), kubectl_(std::move(kubectl)), in_batches_(in_batches) {}

  // Starts `kubectl ARGUMENTS…` and returns when `is_ready` accepts a line of its stdout. Throws
  // Error unavailable, denied or config with kubectl's words when it ends instead. No time limit.
  io::Task<> start(std::vector<std::string> arguments,
                   std::map<std::string, std::string> environment,
                   std::function<bool(std::string_view line)> is_ready);

  // Until it has ended; keeps its pipes empty meanwhile (a full one would stop it).
  io::Task<> wait();

  io::Task<> stop();

  [[nodiscard]] int pid() const { return child_ == nullptr ? -1 : child_->pid(); }
  // Its last complaint; empty when there is none.
  [[nodiscard]] std::string last_words() const;

 private:
  io::Task<> listen();
  io::Task<> listen_to(io::LineReader& reader, bool keep);
  io::Task<> end_and_settle();
  void launch(const std::vector<std::string>& arguments,
              std::map<std::string, std::string> environment);

  io::Executor executor_;
  Kubectl kubectl_;
  bool in_batches_;
  std::unique_ptr<io::Subprocess> child_;
  std::deque<std::string> words_;
};

}  // namespace kt::kube
