// SPDX-License-Identifier: Apache-2.0
// attach.sock and its connections: whole messages, with descriptors beside them.
#pragma once

#include "base/unique_fd.h"
#include "io/async.h"
#include "kubectl-kt-connect/join_messages.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kt::connect {

class JoinSocket {
 public:
  struct Received {
    JoinMessage message;
    std::vector<UniqueFd> descriptors;
  };

  // Takes a connected Unix socket of the type SOCK_SEQPACKET.
  JoinSocket(const io::Executor& executor, UniqueFd fd);

  // Nothing at the end of the stream, and when what comes is no message of ours. One reader.
  io::Task<std::optional<Received>> receive();

  // Never blocks. False: the other end is gone, or reads so little that it must do without.
  bool send(const JoinMessage& message, const std::vector<int>& descriptors = {}) noexcept;

  // No more from here; what the other end still says can be read.
  void finish() noexcept;

  // From here on it ends with this process, so that its end tells the other one that we are gone.
  void keep_until_exit() noexcept;

 private:
  io::asio::posix::stream_descriptor descriptor_;
};

// Two ends that know each other.
[[nodiscard]] std::pair<UniqueFd, UniqueFd> join_socket_pair();

// A listener that only we can reach, in place of a dead one. Throws Error config.
[[nodiscard]] UniqueFd listen_for_joiners(const std::string& path);

// Empty when nobody listens there.
[[nodiscard]] UniqueFd dial_holder(const std::string& path);

// Whether the process at the other end is this user's own (SO_PEERCRED, unix(7)).
[[nodiscard]] bool is_same_user(int socket);

}  // namespace kt::connect
