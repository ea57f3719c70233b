// SPDX-License-Identifier: Apache-2.0
// The server's half of SOCKS5 (RFC 1928) up to the point where bytes are relayed. Pure: bytes in,
// bytes out. No authentication (the socket's owner decides who may connect), CONNECT only.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace kt::net {

// RFC 1928, section 6.
enum class SocksReply : std::uint8_t {
  succeeded = 0,
  general_failure = 1,
  not_allowed = 2,
  network_unreachable = 3,
  host_unreachable = 4,
  connection_refused = 5,
  ttl_expired = 6,
  command_not_supported = 7,
  address_type_not_supported = 8,
};

// What the client wants to reach: a name, or an address as text.
struct SocksRequest {
  std::string host;
  std::uint16_t port = 0;
  bool is_name = false;  // false: `host` is an IP address

  friend bool operator==(const SocksRequest&, const SocksRequest&) = default;
};

// One client's handshake. Feed it what arrives, send what output() gives, until request() or
// refused().
class SocksHandshake {
 public:
  // Takes bytes as they arrive, in any pieces. What the client sent after its request stays for the
  // relay, see rest().
  void receive(BytesView bytes);

  // Bytes for the client since the last call.
  [[nodiscard]] Bytes take_output();

  // Set when the client has said where to.
  [[nodiscard]] const std::optional<SocksRequest>& request() const { return request_; }

  // Set, in words for the log, when the handshake failed: send the output, then close.
  [[nodiscard]] const std::optional<std::string>& refused() const { return refused_; }

  // Answers the request; call once, after request().
  void reply(SocksReply code);

  // Bytes behind the request, to be relayed first.
  [[nodiscard]] BytesView rest() const { return input_; }

 private:
  enum class State { greeting, request, done };

  void read_greeting();
  void read_request();
  void accept(const SocksRequest& request, std::size_t length);
  void refuse(std::string why);
  void refuse(SocksReply code, std::string why);
  void consume(std::size_t count);

  State state_ = State::greeting;
  Bytes input_;
  Bytes output_;
  std::optional<SocksRequest> request_;
  std::optional<std::string> refused_;
};

// The reply for an errno of connect(2).
[[nodiscard]] SocksReply socks_reply_for(int error);

}  // namespace kt::net
