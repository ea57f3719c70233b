// SPDX-License-Identifier: Apache-2.0
// What is said on a link before it carries frames of a tunnel. Reads exactly the bytes of these
// frames, so nothing that follows is lost. All throw Error unavailable when the link broke or did
// not answer within `limit`.
#pragma once

#include "io/byte_stream.h"
#include "mux/frame.h"

namespace kt::mux {

// Laptop: one PING and its PONG: how long it took. Proves the whole path before HELLO is spent on
// it.
io::Task<io::Duration> echo(io::ByteStream& link, io::Duration limit);

// Laptop: says HELLO, waits for WELCOME. Throws Error conflict when the agent is busy with another
// session, not_found when it does not know this session (go back to link 0), config when the
// versions differ (both named).
io::Task<Welcome> greet(io::ByteStream& link, Hello hello, io::Duration limit);

// Agent: answers PINGs until HELLO comes, of whatever session. Another version gets GOAWAY and is
// Error config, as everything that is not a frame of ours.
io::Task<Hello> await_hello(io::ByteStream& link, io::Duration limit);

// Agent: the answer.
io::Task<> send_welcome(io::ByteStream& link, Welcome welcome);
io::Task<> send_goaway(io::ByteStream& link, Goaway goaway);

}  // namespace kt::mux
