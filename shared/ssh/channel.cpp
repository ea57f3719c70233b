// SPDX-License-Identifier: Apache-2.0
#include "ssh/channel.h"

#include "base/log.h"

#include <array>
#include <string_view>

namespace kt::ssh {
namespace {

// Encrypted packets that may wait for the stream below before we ask libssh2 for more.
constexpr std::size_t unsent_limit = 256UL * 1024;

}  // namespace

io::Task<std::size_t> Channel::read_some(MutableBytes into) {
  for (;;) {
    const std::uint64_t seen = transport_->received();
    const ssize_t count =
        ::libssh2_channel_read(channel_, reinterpret_cast<char*>(into.data()), into.size());
    if (count <= 0) {
      log_stderr();
    }
    // Window adjustments and the answers of a rekey, which must not wait for the next write.
    co_await transport_->flush_unless_busy();
    if (count > 0) {
      co_return static_cast<std::size_t>(count);
    }
    if (count == 0 && ::libssh2_channel_eof(channel_) == 1) {
      co_return 0;
    }
    if (count < 0 && count != LIBSSH2_ERROR_EAGAIN) {
      throw transport_->last_error("read from SSH");
    }
    co_await transport_->wait_for_more(seen);
  }
}

io::Task<> Channel::write_all(BytesView from) {
  while (!from.empty()) {
    const std::uint64_t seen = transport_->received();
    // After EAGAIN libssh2 wants the same bytes again, and gets them.
    const ssize_t count =
        ::libssh2_channel_write(channel_, reinterpret_cast<const char*>(from.data()), from.size());
    if (count < 0 && count != LIBSSH2_ERROR_EAGAIN) {
      throw transport_->last_error("write to SSH");
    }
    if (count > 0) {
      from = from.subspan(static_cast<std::size_t>(count));
    }
    if (count <= 0 || from.empty() || transport_->unsent() >= unsent_limit) {
      co_await transport_->flush();
    }
    if (count <= 0) {  // the server's window is full, or a rekey is under way
      co_await transport_->wait_for_more(seen);
    }
  }
}

void Channel::log_stderr() {
  std::array<char, 1024> text{};
  for (;;) {
    const ssize_t count = ::libssh2_channel_read_stderr(channel_, text.data(), text.size());
    if (count <= 0) {
      return;
    }
    log::debug("ssh", "{}", std::string_view(text.data(), static_cast<std::size_t>(count)));
  }
}

}  // namespace kt::ssh
