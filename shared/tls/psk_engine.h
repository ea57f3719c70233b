// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 with an external key as bytes in, bytes out: no socket, no waiting. PskStream is its thin
// skin.
#pragma once

#include "base/bytes.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

struct ssl_st;  // OpenSSL's SSL

namespace kt::tls {

using Identity = std::array<std::byte, 16>;  // the session id; sent in the clear
using Key = std::array<std::byte, 32>;       // of full strength: from a random generator

// The key of an identity that a caller shows, which may be anything; must not throw.
using KeyLookup = std::function<std::optional<Key>(BytesView identity)>;

class PskEngine {
 public:
  PskEngine(const Identity& identity, const Key& key);  // client
  explicit PskEngine(KeyLookup lookup);                 // server
  PskEngine(const PskEngine&) = delete;
  PskEngine& operator=(const PskEngine&) = delete;
  ~PskEngine();

  // Bytes from the wire, of any length; they must live until all_consumed().
  void feed(BytesView input) { input_ = input; }
  [[nodiscard]] bool all_consumed() const { return input_.empty(); }

  // True when both ends have proved the key; false when more input is needed. There may be output
  // after both and after a throw (an alert): Error denied when the other side proved nothing, Error
  // unavailable when it does not speak TLS.
  bool handshake();

  // As many plain bytes as there are, up to into.size(); 0 when more input is needed or the other
  // side said close_notify. Throws Error unavailable on anything that is not its next record.
  std::size_t decrypt(MutableBytes into);
  [[nodiscard]] bool closed_by_peer() const;
  // More bytes of a record must come: the stream must not end here.
  [[nodiscard]] bool inside_record() const;

  // Appends records of up to 16 KiB to the output; after handshake() only.
  void encrypt(BytesView plain);

  // Bytes for the wire since the last call.
  [[nodiscard]] Bytes take_output();
  [[nodiscard]] bool has_output() const { return !output_.empty(); }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const noexcept;
  };
  friend struct Callbacks;  // what OpenSSL calls back, in the .cpp

  void set_up();
  void wipe_key() noexcept;

  Identity identity_{};
  Key key_{};  // the client's, until the handshake is done
  KeyLookup lookup_;
  BytesView input_;
  Bytes output_;
  std::unique_ptr<ssl_st, Free> ssl_;
};

}  // namespace kt::tls
