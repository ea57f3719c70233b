// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"

#include <functional>
#include <string>
#include <vector>

namespace kt::io {

// What has to be put back and needs a round trip to do so (what dies synchronously has a destructor
// instead). Arm the step before the effect.
class UndoStack {
 public:
  // Returns the task of a named function; not itself a coroutine.
  using Step = std::function<Task<>()>;

  struct Failure {
    std::string name;
    std::string why;
  };

  // `name` completes "put back: …", e.g. "job kt-connect-x7k2m9qd deleted".
  void push(std::string name, Step step);

  // Runs all steps, the last first, each at most `limit`, whatever the earlier ones did, and
  // forgets them. Never throws. The calling task cannot be cancelled from here on: what is half
  // undone is worse than a second of waiting.
  Task<std::vector<Failure>> run(Duration limit);

  // Names of the steps not yet done, in the order in which they will run.
  [[nodiscard]] std::vector<std::string> pending() const;

 private:
  struct Entry {
    std::string name;
    Step step;
  };
  std::vector<Entry> entries_;
};

}  // namespace kt::io
