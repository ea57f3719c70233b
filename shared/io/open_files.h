// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kt::io {

// A connection is a descriptor: raises the soft limit (often 1024) to the hard one (getrlimit(2)).
// Children inherit it.
void allow_many_files() noexcept;

}  // namespace kt::io
