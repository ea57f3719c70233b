// SPDX-License-Identifier: Apache-2.0
#include "support/fake_program.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace kt::test {

FakeProgram::FakeProgram(const std::string& script)
    : folder_((std::filesystem::temp_directory_path() / "kt-test-XXXXXX").string()) {
  if (::mkdtemp(folder_.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  std::ofstream(path()) << "#!/bin/sh\n" << script;
  (void)::chmod(path().c_str(), 0700);
}

FakeProgram::~FakeProgram() {
  std::filesystem::remove_all(folder_);
}

}  // namespace kt::test
