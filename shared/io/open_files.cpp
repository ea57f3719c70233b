// SPDX-License-Identifier: Apache-2.0
#include "io/open_files.h"

#include <sys/resource.h>

namespace kt::io {

void allow_many_files() noexcept {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace kt::io
