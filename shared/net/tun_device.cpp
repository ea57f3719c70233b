// SPDX-License-Identifier: Apache-2.0
#include "net/tun_device.h"

#include "base/error.h"

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>

namespace kt::net {
namespace {

// Packets read before other tasks get their turn.
constexpr int batch_limit = 64;

}  // namespace

TunDevice::TunDevice(const io::Executor& executor, UniqueFd fd)
    : descriptor_(executor, fd.get()), buffer_(max_packet) {
  (void)fd.release();
  descriptor_.non_blocking(true);
}

io::Task<> TunDevice::run(PacketHandler handler) {
  for (;;) {
    co_await descriptor_.async_wait(io::asio::posix::descriptor_base::wait_read, io::use_task);
    read_batch(handler);
  }
}

void TunDevice::read_batch(const PacketHandler& handler) {
  for (int i = 0; i < batch_limit; ++i) {
    const ssize_t count = ::read(descriptor_.native_handle(), buffer_.data(), buffer_.size());
    if (count > 0) {
      handler(MutableBytes(buffer_).first(static_cast<std::size_t>(count)));
    } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    } else {
      const std::string why = count == 0 ? "end of file" : errno_text(errno);
      throw Error(ErrorKind::unavailable, fmt::format("read from the TUN: {}", why));
    }
  }
}

bool TunDevice::write(BytesView packet) noexcept {
  return ::write(descriptor_.native_handle(), packet.data(), packet.size()) ==
         static_cast<ssize_t>(packet.size());
}

}  // namespace kt::net
