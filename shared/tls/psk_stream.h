// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/byte_stream.h"
#include "tls/psk_engine.h"

#include <cstdint>
#include <memory>

namespace kt::tls {

// A byte stream inside TLS 1.3 whose two ends have proved to each other that they hold the same
// external key (RFC 8446 §2.2): TLS_AES_128_GCM_SHA256, X25519, psk_dhe_ke only, no certificates,
// no tickets, no early data.
//
// A write_all() of up to 16 KiB is one record and one write below; a bigger one leaves as full
// records, 256 KiB of them in one write below. No close_notify is sent or asked for, since the mux
// counts by offsets: a stream that ends between two records has ended (read_some gives 0); one that
// ends inside a record, or was tampered with, throws Error unavailable.
class PskStream final : public io::ByteStream {
 public:
  // The laptop's end; sends first. Throws Error denied when the other side does not prove the key
  // (it does not know the identity, has another key, or shows a certificate instead), Error
  // unavailable when it broke, spoke no TLS, or was not done after `limit`.
  static io::Task<std::unique_ptr<PskStream>> connect(std::unique_ptr<io::ByteStream> below,
                                                      Identity identity, Key key,
                                                      io::Duration limit);

  // The agent's end; `lookup` is asked during the handshake only. Errors as connect(): denied when
  // the caller does not prove a key that `lookup` knows.
  static io::Task<std::unique_ptr<PskStream>> accept(std::unique_ptr<io::ByteStream> below,
                                                     KeyLookup lookup, io::Duration limit);

  ~PskStream() override;

  io::Task<std::size_t> read_some(MutableBytes into) override;
  io::Task<> write_all(BytesView from) override;
  void close() noexcept override;

  // Plain bytes so far. The owner replaces a link after 64 GiB in either direction.
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  PskStream(std::unique_ptr<io::ByteStream> below, std::unique_ptr<PskEngine> engine,
            const io::Executor& executor);

  static io::Task<std::unique_ptr<PskStream>> prove(std::unique_ptr<io::ByteStream> below,
                                                    std::unique_ptr<PskEngine> engine,
                                                    io::Duration limit);
  io::Task<> handshake();
  io::Task<> receive_unproved();
  io::Task<> send_alert();
  [[nodiscard]] std::size_t next_input_size() const;
  io::Task<bool> receive();
  io::Task<> flush();
  io::Task<> write_output();

  std::unique_ptr<io::ByteStream> below_;
  std::unique_ptr<PskEngine> engine_;
  io::Event flushed_;
  Bytes input_;
  std::size_t last_read_ = 0;
  std::size_t unproved_ = 0;  // bytes received during the handshake
  bool flushing_ = false;
  bool closed_ = false;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
};

}  // namespace kt::tls
