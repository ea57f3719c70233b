// SPDX-License-Identifier: Apache-2.0
// What brings a link from the laptop to the agent's door, and the race between the two ways
// (docs/decisions/0001).
#pragma once

#include "io/byte_stream.h"
#include "io/task_group.h"
#include "kube/kubectl.h"
#include "kube/port_forward.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kt::cluster {

enum class Carrier {
  proxy,  // an HTTP Upgrade through the API server's pods/proxy, on the `kubectl proxy` socket
  port_forward,  // a `kubectl port-forward` child of the link's own
};
[[nodiscard]] std::string_view to_string(Carrier carrier);

// A byte stream that leads to the agent, is secured, and has answered an echo.
struct CarriedLink {
  Carrier carrier = Carrier::proxy;
  std::unique_ptr<io::ByteStream> stream;
  io::Duration round_trip{};
};

class Carriers {
 public:
  struct Options {
    kube::Kubectl kubectl;
    std::string api_socket;
    kube::PodPort door;
    std::optional<Carrier> only;    // --carrier; nothing = race
    bool proxy_configured = false;  // `kubectl proxy` ignores it for upgrades: no head start then
    io::Duration api_round_trip{};  // measured; decides the head start
  };
  Carriers(const io::Executor& executor, Options options);

  // Makes what the door gives into a link: SSH for link 0, TLS for the others.
  using Secure = std::function<io::Task<std::unique_ptr<io::ByteStream>>(
      std::unique_ptr<io::ByteStream> below)>;

  // The first carrier whose link answers an echo; the other attempt has been ended. Whatever may
  // pass is tried again meanwhile. Throws Error unavailable naming each carrier's reason, 15 s
  // after the start at the latest. `secure` is owned by the caller's frame.
  io::Task<CarriedLink> race(const Secure& secure);

  // One carrier, once.
  io::Task<CarriedLink> attempt(Carrier carrier, const Secure& secure);

  // Why a carrier does not carry; empty when it did, or was never tried.
  [[nodiscard]] const std::string& why_not(Carrier carrier) const;
  [[nodiscard]] bool may_use(Carrier carrier) const;

  // Ends the port-forward children.
  io::Task<> stop();

 private:
  struct Race;

  io::Task<bool> try_once(Carrier carrier, const Secure& secure, Race& race);
  io::Task<> run_attempt(Carrier carrier, const Secure& secure, Race& race);
  io::Task<> run_second(const Secure& secure, Race& race);
  io::Task<std::unique_ptr<io::ByteStream>> dial(Carrier carrier);
  io::Task<std::unique_ptr<io::ByteStream>> dial_port_forward();
  [[nodiscard]] io::Duration head_start() const;
  [[noreturn]] void throw_both() const;

  io::Executor executor_;
  Options options_;
  std::string why_not_[2];
  io::TaskGroup children_;
};

}  // namespace kt::cluster
