// SPDX-License-Identifier: Apache-2.0
// A program of packets and owner's calls. Each step is one byte of what to do, one byte of time in
// units of 300 ms, and for a packet two bytes of length and the packet.
#include "net/redirector.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

using namespace kt;
using namespace kt::net;

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

class Program {
 public:
  explicit Program(BytesView input) : input_(input) {}

  void run() {
    while (input_.ok() && !input_.rest().empty()) {
      const std::uint8_t what = input_.u8();
      now_ += std::chrono::milliseconds(300) * input_.u8();
      step(what);
      redirector_.expire(now_);
      require(redirector_.pending() <= redirector_.flows() && redirector_.pending() <= 3);
    }
  }

 private:
  void step(std::uint8_t what) {
    const FlowId flow = known_.empty() ? FlowId{} : known_[what / 4 % known_.size()];
    switch (what % 4) {
      case 0:
        handle();
        break;
      case 1:
        (void)redirector_.connected(flow, now_);
        break;
      case 2:
        (void)redirector_.failed(flow, what % 8 < 4 ? ECONNREFUSED : EHOSTUNREACH);
        break;
      default:
        redirector_.closed(flow, now_);
    }
  }

  void handle() {
    const BytesView bytes = input_.take(input_.u16() % 2048);
    Bytes packet(bytes.begin(), bytes.end());
    const Outcome outcome = redirector_.handle(packet, now_);
    if (const auto* request = std::get_if<ConnectRequest>(&outcome)) {
      known_.push_back(request->flow);
    }
    if (const auto* answer = std::get_if<Answer>(&outcome)) {
      require(checksums_hold(answer->packet));
    }
  }

  ByteReader input_;
  Redirector redirector_{
      {*Endpoint::parse("198.18.77.1:33333"), *Endpoint::parse("[fd00:6b74::1]:33333"), 3}};
  std::vector<FlowId> known_;
  TimePoint now_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Program(std::as_bytes(std::span(data, size))).run();
  return 0;
}
