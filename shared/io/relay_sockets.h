// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/socket_stream.h"

namespace kt::io {

// Copies both ways until both directions have ended; half-close is kept, an error resets the other.
Task<> relay_sockets(Socket a, Socket b);

}  // namespace kt::io
