// SPDX-License-Identifier: Apache-2.0
// A libssh2 session whose socket is two buffers of ours, and the tasks that fill and empty them.
// libssh2 1.10 keeps one half-sent packet a session and fails when another one is due (a window
// adjustment, the answers of a rekey); here a packet is always taken whole, so that never happens.
#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "io/byte_stream.h"

#include <libssh2.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace kt::ssh {

class Transport {
 public:
  Transport(std::unique_ptr<io::ByteStream> below, const io::Executor& executor);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport();

  [[nodiscard]] LIBSSH2_SESSION* session() { return session_.get(); }
  // What libssh2_session_handshake() wants to see: a descriptor on which nothing ever happens.
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

  // Calls `step`, a libssh2 function, until it returns something else than LIBSSH2_ERROR_EAGAIN,
  // and gives that. `step` must live until then and must not wait.
  io::Task<int> finish(std::function<int()> step);

  // How often something was received; take it before a call of libssh2, so that what comes while
  // you flush is not missed.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  // Waits until received() is no longer `seen`; throws Error unavailable at the end of the stream.
  io::Task<> wait_for_more(std::uint64_t seen);

  [[nodiscard]] std::size_t unsent() const { return output_.size(); }
  // Returns when all that libssh2 has sent so far is written below, by us or by another task.
  io::Task<> flush();
  // Writes what libssh2 has sent by itself unless another task is already at it.
  io::Task<> flush_unless_busy();

  // Pending waits end with an error; idempotent.
  void close() noexcept;

  // Error unavailable "doing: libssh2's text".
  [[nodiscard]] Error last_error(std::string_view doing) const;

 private:
  struct Free {
    void operator()(LIBSSH2_SESSION* session) const noexcept;
  };
  friend struct TransportCallbacks;

  io::Task<> receive();
  io::Task<> write_output();

  std::unique_ptr<io::ByteStream> below_;
  UniqueFd descriptor_;
  Bytes input_;  // the buffer; `unread_` of it is for libssh2
  BytesView unread_;
  Bytes output_;
  io::Event changed_;
  std::uint64_t received_ = 0;
  bool receiving_ = false;
  bool writing_ = false;
  bool ended_ = false;                              // by the other side
  bool closed_ = false;                             // by us
  std::unique_ptr<LIBSSH2_SESSION, Free> session_;  // its end still calls the callbacks
};

}  // namespace kt::ssh
