// SPDX-License-Identifier: Apache-2.0
// What a command that joins and the process that holds the tunnel say to each other: one JSON
// object a message. Pure.
#pragma once

#include "base/error.h"
#include "cli/terminal.h"
#include "kube/config.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kt::connect {

// How a holder is started: `kubectl-kt-connect hold`, with its starter's join socket as this
// descriptor.
inline constexpr const char* hold_verb = "hold";
inline constexpr int holder_socket = 3;

// Joiner → holder. The first message from who has started the holder, and from nobody else.
struct StartHolding {
  std::string program;                 // as typed, the file
  std::vector<std::string> arguments;  // of its command line, up to "--"
  kube::Config config;                 // what kubectl made of them
};

struct JoinHello {
  std::string tunnel;                // tunnel_key(): joins only what it would have made itself
  std::vector<std::string> command;  // CMD and its arguments, for status
  int pid = 0;                       // for status
  std::chrono::seconds linger{0};    // how long the tunnel shall outlive CMD
};

// Beside it the TUN and one or two listeners, as host::NamespacedCommand gives them.
struct JoinCapture {};

// Holder → joiner, in answer to JoinHello: the one or the other.
struct JoinAccepted {};
struct JoinRefused {};

// Once there is a tunnel.
struct JoinReady {
  std::string folder;       // of the running connect
  std::string resolv_conf;  // of CMD's namespace
  std::string summary;      // "services …, pods …, *.cluster.local"
};

// In answer to JoinCapture: CMD may start.
struct JoinCapturing {};

// At any time: a line for people; what a second Ctrl-C shall say; why the holder ends.
using JoinLine = cli::Line;
struct JoinLeftovers {
  std::string text;
};
struct JoinFailed {
  ErrorKind kind = ErrorKind::bug;
  std::string message;
  std::string hint;
};

using JoinMessage = std::variant<StartHolding, JoinHello, JoinCapture, JoinAccepted, JoinRefused,
                                 JoinReady, JoinCapturing, JoinLine, JoinLeftovers, JoinFailed>;

[[nodiscard]] std::string encode(const JoinMessage& message);

// Nothing when it is no message of ours.
[[nodiscard]] std::optional<JoinMessage> decode(std::string_view text);

}  // namespace kt::connect
