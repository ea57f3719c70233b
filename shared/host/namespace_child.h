// SPDX-License-Identifier: Apache-2.0
// The child's half of NamespacedCommand: from fork(2) to the command's start.
#pragma once

#include "base/unique_fd.h"
#include "host/namespaces.h"

namespace kt::host {

// The first byte of a message from the child.
enum class ChildMessage : unsigned char {
  ready = 'r',        // beside it: the TUN, the IPv4 listener, sock_diag, perhaps the IPv6 listener
  failed = 'f',       // ErrorKind as one byte, message, 0, hint
  exec_failed = 'x',  // errno as u32
  dialled = 'd',      // errno and tag as u32; when the errno is 0 the socket is beside it
};

// The first byte of a message to the child once it is ready.
enum class ParentMessage : unsigned char {
  go = 'g',      // start the command
  signal = 's',  // its number as one byte: for the command
  dial = 'd',    // 4 or 6 as one byte, port as u16, tag as u32: connect to its own loopback
};

// Makes the namespaces, reports ready or failed over `channel`, waits there for one message and
// becomes the command's keeper. An end of the channel ends the child.
[[noreturn]] void run_child(const CaptureSpec& spec, UniqueFd channel) noexcept;

}  // namespace kt::host
