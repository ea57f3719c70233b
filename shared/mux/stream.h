// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "io/async.h"
#include "mux/frame.h"

#include <cstddef>
#include <optional>
#include <span>

namespace kt::mux {

class Tunnel;

// One stream of a tunnel, readiness style: an idle one holds no buffer. Bytes and datagrams are
// written into the tunnel's own memory and read out of it. Its death resets what was not finished.
// One reader and one writer at a time. Views are valid until the next co_await or call.
class Stream {
 public:
  Stream(Tunnel& tunnel, StreamId id);  // made by Tunnel
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  [[nodiscard]] StreamId id() const { return id_; }
  [[nodiscard]] Target target() const;

  // The answer to an incoming one, once; `error` is an errno.
  void opened();
  void failed(int error);
  // Still waits for that answer (incoming), or for the other end's (outgoing).
  [[nodiscard]] bool opening() const;

  // Reading. readable() waits until peek() is not empty, or ended(), or error() != 0.
  io::Task<> readable();
  [[nodiscard]] BytesView peek() const;  // a part of what has come; empty: nothing yet
  std::size_t peek(std::span<BytesView> parts) const;  // that and what follows; how many parts
  void consume(std::size_t count);                     // the first `count` bytes of it
  [[nodiscard]] bool ended() const;  // the other end finished and all of it was consumed

  // Writing. writable() waits until prepare() is not empty, or error() != 0.
  io::Task<> writable();
  // Room for what comes next; empty when the other end's credit is used up. commit(0) gives it
  // back.
  [[nodiscard]] MutableBytes prepare();
  void commit(std::size_t count);
  // As much of `bytes` as there is credit for, now; how many bytes that was.
  std::size_t write(BytesView bytes);
  void finish();  // FIN behind what was written; of a datagram stream the end of both directions

  // Ends both directions at once, also what was written and not yet delivered.
  void reset(int error);

  // Why both directions are over: the errno of the other end's RESET or FAILED, of our reset(), or
  // ECONNABORTED when the tunnel ended. 0 while the stream is whole, and after an orderly end.
  [[nodiscard]] int error() const;
  // Nothing moves any more in either direction: both finished (and acknowledged), or error().
  [[nodiscard]] bool over() const;

  // Wakes with any change of the above.
  io::Task<> changed() { return changed_.wait(); }
  // As a change does: for whoever waits for something else besides.
  void wake() noexcept { changed_.notify(); }

  // The same as plain calls. read_some: 0 at the end; both throw Error unavailable on a reset.
  io::Task<std::size_t> read_some(MutableBytes into);
  io::Task<> write_all(BytesView from);

  // Datagrams. Nothing at the end of the stream (error() says which end). Sending never waits:
  // false when it was dropped (the queue is full, or the stream is over).
  io::Task<std::optional<Bytes>> receive_datagram();
  bool send_datagram(BytesView datagram);

 private:
  friend class Tunnel;

  Tunnel& tunnel_;
  StreamId id_;
  io::Event changed_;
};

}  // namespace kt::mux
