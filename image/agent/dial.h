// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/async.h"
#include "mux/stream.h"

#include <memory>

namespace kt::agent {

// Reaches what the laptop asked for and carries the stream until both directions have ended. A
// failure goes back as the errno of connect(2), so that the laptop can answer as the far network
// would have. Throws nothing but its own cancellation.
io::Task<> dial(std::unique_ptr<mux::Stream> stream);

}  // namespace kt::agent
