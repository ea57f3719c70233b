// SPDX-License-Identifier: Apache-2.0
// The input is a list of messages, each behind its length (u16): a query, then what the nameserver
// says to it. Whatever both are, the client gets a reply with its own id, or silence.
#include "dns/forwarder.h"
#include "dns/message.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <optional>
#include <span>
#include <utility>

namespace {

using namespace kt::dns;
using kt::Bytes;

constexpr std::uint16_t sent_id = 0x1234;

class FuzzedUpstream final : public Upstream {
 public:
  void say(Bytes reply) { reply_ = std::move(reply); }
  [[nodiscard]] std::size_t nameserver_count() const override { return 2; }
  kt::io::Task<std::optional<Bytes>> ask(Bytes query, Transport, std::size_t) override {
    if (kt::load_u16(query, 0) != sent_id) {
      std::abort();
    }
    co_return reply_;
  }

 private:
  Bytes reply_;
};

Bytes take_message(kt::ByteReader& reader) {
  const std::uint16_t length = reader.u16();
  const kt::BytesView message = reader.take(std::min<std::size_t>(length, reader.rest().size()));
  return {message.begin(), message.end()};
}

kt::io::Task<> converse(kt::BytesView input, Forwarder& forwarder, FuzzedUpstream& upstream) {
  kt::ByteReader reader(input);
  while (reader.ok() && !reader.rest().empty()) {
    const Bytes query = take_message(reader);
    upstream.say(take_message(reader));
    const std::optional<Bytes> reply = co_await forwarder.answer(query, Transport::udp);
    const std::optional<Header> asked = Header::read(query);
    const bool silent = !asked || asked->is_response();
    if (silent != !reply.has_value() || (reply && (Header::read(*reply)->id != asked->id ||
                                                   !Header::read(*reply)->is_response()))) {
      std::abort();
    }
  }
  co_await forwarder.stop();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  boost::asio::io_context context(1);
  FuzzedUpstream upstream;
  Forwarder forwarder(
      context.get_executor(),
      {{Name::from_text("cluster.local").value(), {}, {}, {}}, [] { return sent_id; }, {}, {}},
      upstream, upstream);
  std::exception_ptr failure;
  boost::asio::co_spawn(context,
                        converse(std::as_bytes(std::span(data, size)), forwarder, upstream),
                        [&failure](std::exception_ptr e) { failure = std::move(e); });
  context.run();
  if (failure) {
    std::abort();
  }
  return 0;
}
