// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kt::test {

// A shell script in a 0700 folder of its own, in place of a program; gone at the end of the test.
class FakeProgram {
 public:
  explicit FakeProgram(const std::string& script);
  ~FakeProgram();
  FakeProgram(const FakeProgram&) = delete;
  FakeProgram& operator=(const FakeProgram&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string path() const { return folder_ + "/program"; }

 private:
  std::string folder_;
};

}  // namespace kt::test
