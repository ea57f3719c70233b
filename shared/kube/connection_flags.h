// SPDX-License-Identifier: Apache-2.0
// The flags by which every kubectl command is told which cluster and who (`ConfigFlags` of
// k8s.io/cli-runtime): users bring them, kubectl's children get them unread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kt::kube {

struct ConnectionFlag {
  std::string_view name;  // without --
  char short_name;        // 0 = none
  bool takes_value;
  bool repeatable;
  std::string_view help;
};

// All 21, in kubectl's order.
[[nodiscard]] std::span<const ConnectionFlag> connection_flags();

// Those that the user gave, in order.
class ConnectionFlags {
 public:
  // `name` is one of connection_flags(); a switch has the value "true" or "false".
  void add(std::string name, std::string value);

  // The last value given.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;

  // "--name=value" for a kubectl child. Left out are namespace (each call names its own) and
  // request-timeout (it limits a single request, and our children live long: kube::Client obeys
  // it).
  [[nodiscard]] std::vector<std::string> argv() const;

  // As argv(), but the values of token and password are `<redacted>`: for logs.
  [[nodiscard]] std::vector<std::string> printable() const;

  // What the flags say about "who": --user, --username, --client-certificate, --as and its kin.
  // Part of the name of a running connect.
  [[nodiscard]] std::string impersonation() const;

 private:
  std::vector<std::pair<std::string, std::string>> flags_;
};

}  // namespace kt::kube
