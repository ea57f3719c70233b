// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/byte_stream.h"
#include "ssh/transport.h"

#include <memory>

namespace kt::ssh {

// stdin and stdout of the one command of a session, as open_channel() describes.
class Channel final : public io::ByteStream {
 public:
  // `channel` belongs to the transport's session and dies with it.
  Channel(std::unique_ptr<Transport> transport, LIBSSH2_CHANNEL* channel)
      : transport_(std::move(transport)), channel_(channel) {}

  io::Task<std::size_t> read_some(MutableBytes into) override;
  io::Task<> write_all(BytesView from) override;
  void close() noexcept override { transport_->close(); }

 private:
  void log_stderr();

  std::unique_ptr<Transport> transport_;
  LIBSSH2_CHANNEL* channel_;
};

}  // namespace kt::ssh
