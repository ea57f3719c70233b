// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/cluster_dns.h"

#include "base/error.h"
#include "dns/framing.h"
#include "dns/lookup.h"
#include "dns/reply.h"
#include "io/byte_stream.h"

namespace kt::connect {
namespace {

using io::Task;

constexpr std::uint16_t dns_port = 53;

// A mux stream as the byte stream that dns/framing wants.
class StreamBytes final : public io::ByteStream {
 public:
  explicit StreamBytes(mux::Stream& stream) : stream_(stream) {}
  Task<std::size_t> read_some(MutableBytes into) override { return stream_.read_some(into); }
  Task<> write_all(BytesView from) override { return stream_.write_all(from); }
  void close() noexcept override { stream_.finish(); }

 private:
  mux::Stream& stream_;
};

}  // namespace

ClusterDns::ClusterDns(const CurrentTunnel& tunnel, Routes& routes,
                       std::vector<mux::Address> nameservers)
    : tunnel_(tunnel), routes_(routes), nameservers_(std::move(nameservers)) {}

Task<std::optional<Bytes>> ClusterDns::ask(Bytes query, dns::Transport transport,
                                           std::size_t nameserver) {
  const mux::Endpoint to{nameservers_.at(nameserver), dns_port};
  std::optional<Bytes> reply;
  if (transport == dns::Transport::udp) {
    reply = co_await ask_udp(std::move(query), to);
  } else {
    reply = co_await ask_tcp(std::move(query), to);
  }
  if (reply) {
    learn(*reply);
  }
  co_return reply;
}

Task<std::optional<Bytes>> ClusterDns::ask_udp(Bytes query, mux::Endpoint to) {
  const std::unique_ptr<mux::Stream> stream =
      tunnel_->begin({mux::Protocol::udp, to, std::nullopt});
  if (stream == nullptr || !stream->send_datagram(query)) {
    co_return std::nullopt;
  }
  while (std::optional<Bytes> reply = co_await stream->receive_datagram()) {
    if (dns::is_reply_to(*reply, query)) {
      co_return reply;
    }
  }
  co_return std::nullopt;
}

Task<std::optional<Bytes>> ClusterDns::ask_tcp(Bytes query, mux::Endpoint to) {
  const mux::OpenResult opened = co_await tunnel_->open({mux::Protocol::tcp, to, std::nullopt});
  if (opened.stream == nullptr) {
    co_return std::nullopt;
  }
  StreamBytes bytes(*opened.stream);
  try {
    co_return co_await dns::ask_over(bytes, std::move(query));
  } catch (const Error&) {
    co_return std::nullopt;  // the nameserver hung up
  }
}

void ClusterDns::learn(BytesView reply) {
  for (const auto& address : dns::parse_addresses(reply)) {
    const auto known = net::IpAddress::parse(address.to_string());
    if (known && routes_.side_of(*known) == Side::laptop && !routes_.excluded.contains(*known)) {
      routes_.cluster.add(net::Prefix(*known, static_cast<int>(known->size() * 8)));
    }
  }
}

}  // namespace kt::connect
