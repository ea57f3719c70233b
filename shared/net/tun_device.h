// SPDX-License-Identifier: Apache-2.0
// The TUN as a stream of IP packets on Asio. host/tun_interface creates it, often in another
// network namespace; here its descriptor is read and written.
#pragma once

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "io/async.h"
#include "net/packet.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>

namespace kt::net {

class TunDevice {
 public:
  // Takes the descriptor of an IFF_TUN | IFF_NO_PI interface without IFF_VNET_HDR: one read or
  // write is one whole IP packet with complete checksums.
  TunDevice(const io::Executor& executor, UniqueFd fd);

  // Called for every packet that the kernel routed into the TUN; may change it in place, and may
  // call write(). The bytes are valid until it returns. Must not throw.
  using PacketHandler = std::function<void(MutableBytes packet)>;

  // Reads until cancelled. Throws Error unavailable when the interface is gone. `handler`'s
  // captures must outlive the task.
  io::Task<> run(PacketHandler handler);

  // Hands one packet to the kernel. False: the kernel did not take it, and it is lost as packets
  // may be. Never blocks.
  bool write(BytesView packet) noexcept;

 private:
  void read_batch(const PacketHandler& handler);

  io::asio::posix::stream_descriptor descriptor_;
  Bytes buffer_;
};

}  // namespace kt::net
