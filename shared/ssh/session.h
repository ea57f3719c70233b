// SPDX-License-Identifier: Apache-2.0
// An SSH client session (libssh2) over any byte stream: log in, run one command, and use its
// stdin and stdout as a byte stream. This is link 0: it authenticates both ends.
#pragma once

#include "io/byte_stream.h"
#include "ssh/key_pair.h"

#include <chrono>
#include <memory>
#include <string>

namespace kt::ssh {

// What both ends must prove, and what to run.
struct Login {
  std::string user;
  PublicKey host_key;                             // the only key that the server may show
  std::string command;                            // ignored by a server with a ForceCommand
  io::Duration limit = std::chrono::seconds(10);  // for all of open_channel()
};

// Logs in over `below`, a connected stream on which nothing has been said yet, and starts the
// command. `user_key` must live until this returns; it is not needed later.
//
// The result is the command's stdin (write_all) and stdout (read_some, 0 when the command has ended
// its output); its stderr goes to the debug log. It owns `below`. Small writes leave at once in one
// write below; a big one is sent in windows of the server's size (sshd: 2 MiB a round trip).
//
// Algorithms, both ways, nothing else is offered: curve25519-sha256, ssh-ed25519, aes128-ctr,
// hmac-sha2-256, no compression (the fastest that libssh2 1.10 has).
//
// Throws Error denied when the server shows another host key or refuses the user's key, else Error
// unavailable with libssh2's text: broken, timed out, not an SSH server, command refused.
io::Task<std::unique_ptr<io::ByteStream>> open_channel(std::unique_ptr<io::ByteStream> below,
                                                       Login login, const KeyPair& user_key);

}  // namespace kt::ssh
