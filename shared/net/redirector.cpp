// SPDX-License-Identifier: Apache-2.0
#include "net/redirector.h"

#include <cerrno>
#include <utility>

namespace kt::net {
namespace {

// A SYN that carries data (TCP Fast Open) may be this long; no kernel sends a longer one.
constexpr std::size_t max_held_syn = 2048;

std::optional<Unreachable> unreachable_for_errno(int error) {
  switch (error) {
    case ENETUNREACH:
    case ENETDOWN:
      return Unreachable::network;
    case EHOSTUNREACH:
    case EHOSTDOWN:
      return Unreachable::host;
    case EACCES:
    case EPERM:
      return Unreachable::prohibited;
    default:
      return std::nullopt;
  }
}

std::optional<Bytes> datagram_error(BytesView packet, int error) {
  if (error == ECONNREFUSED) {
    return unreachable_for(packet, Unreachable::port);
  }
  const auto why = unreachable_for_errno(error);
  return why ? unreachable_for(packet, *why) : std::nullopt;
}

bool opens(const TcpHeader& tcp) {
  return tcp.has(tcp_flag::syn) && !tcp.has(tcp_flag::ack) && !tcp.has(tcp_flag::rst);
}

Bytes copy_of(BytesView packet, const IpHeader& ip) {
  const BytesView whole = packet.first(ip.packet_length);
  return {whole.begin(), whole.end()};
}

}  // namespace

Redirector::Redirector(const Options& options) : options_(options) {}

const std::optional<Endpoint>& Redirector::listener_for(const IpAddress& address) const {
  return address.is_v6() ? options_.listener_v6 : options_.listener_v4;
}

Outcome Redirector::handle(MutableBytes packet, TimePoint now) {
  const auto ip = parse_ip(packet);
  if (!ip || !ip->destination.is_unicast()) {
    return Ignore{};
  }
  switch (ip->protocol) {
    case Protocol::tcp:
      return handle_tcp(packet, *ip, now);
    case Protocol::udp:
      return handle_udp(packet, *ip);
    case Protocol::icmp:
    case Protocol::icmpv6:
      return handle_echo(packet, *ip);
  }
  return Ignore{};
}

Outcome Redirector::handle_udp(BytesView packet, const IpHeader& ip) {
  const BytesView datagram = ip_payload(packet, ip);
  const auto udp = parse_udp(datagram);
  if (!udp) {
    return Ignore{};
  }
  return Datagram{{ip.source, udp->source_port},
                  {ip.destination, udp->destination_port},
                  datagram.first(udp->length).subspan(udp_header_size)};
}

Outcome Redirector::handle_echo(BytesView packet, const IpHeader& ip) {
  const BytesView message = ip_payload(packet, ip);
  const auto echo = parse_echo(message, ip.protocol);
  if (!echo || !echo->request) {
    return Ignore{};
  }
  return EchoRequest{ip.source, ip.destination, echo->id, echo->sequence,
                     message.subspan(icmp_header_size)};
}

Outcome Redirector::handle_tcp(MutableBytes packet, const IpHeader& ip, TimePoint now) {
  const auto tcp = parse_tcp(ip_payload(packet, ip));
  if (!tcp) {
    return Ignore{};
  }
  const Segment segment{packet, ip, *tcp};
  const auto& listener = listener_for(ip.source);
  if (listener && listener->address == ip.source && listener->port == tcp->source_port) {
    return from_listener(segment, now);
  }
  return from_application(segment, now);
}

Outcome Redirector::from_listener(const Segment& segment, TimePoint now) {
  Flow* const flow = table_.find_slot(segment.tcp.destination_port);
  if (flow == nullptr || flow->superseded || flow->pending() ||
      flow->key.destination.address != segment.ip.destination) {
    return reset(segment.packet);
  }
  const bool had_ended = flow->ended();
  if (segment.tcp.has(tcp_flag::fin) && !flow->listener_fin) {
    flow->listener_fin = true;
    flow->listener_fin_first = !flow->application_fin;
  }
  flow->reset |= segment.tcp.has(tcp_flag::rst);
  flow->last_packet = now;
  if (!had_ended) {
    erase_when_over(*flow, now);
  }
  rewrite_endpoints(segment.packet, segment.ip, flow->key.destination, flow->key.source);
  return WriteBack{};
}

Outcome Redirector::from_application(const Segment& segment, TimePoint now) {
  const FlowKey key{{segment.ip.source, segment.tcp.source_port},
                    {segment.ip.destination, segment.tcp.destination_port}};
  Flow* const flow = table_.find(key);
  if (opens(segment.tcp) && (flow == nullptr || flow->ended())) {
    return first_syn(segment, key, now);
  }
  if (flow == nullptr) {
    return reset(segment.packet);
  }
  if (flow->pending()) {
    if (opens(segment.tcp)) {
      hold(*flow, segment);  // the latest has the freshest timestamp
    }
    return Ignore{};
  }
  return forward(*flow, segment, now);
}

Outcome Redirector::first_syn(const Segment& segment, const FlowKey& key, TimePoint now) {
  if (!listener_for(key.source.address)) {
    return reset(segment.packet);
  }
  if (pending_ >= options_.pending_limit || segment.ip.packet_length > max_held_syn) {
    return Ignore{};
  }
  Flow* const flow = table_.insert(key, now);
  if (flow == nullptr) {
    return Ignore{};
  }
  ++pending_;
  hold(*flow, segment);
  return ConnectRequest{flow->id, key.source, key.destination};
}

void Redirector::hold(Flow& flow, const Segment& segment) {
  if (segment.ip.packet_length <= max_held_syn) {
    flow.held_syn = copy_of(segment.packet, segment.ip);
  }
}

Outcome Redirector::forward(Flow& flow, const Segment& segment, TimePoint now) {
  const TcpHeader& tcp = segment.tcp;
  const bool abandoned = tcp.has(tcp_flag::rst) && !flow.established && !flow.closed;
  const bool had_ended = flow.ended();
  flow.application_fin |= tcp.has(tcp_flag::fin);
  flow.reset |= tcp.has(tcp_flag::rst);
  flow.established |= tcp.has(tcp_flag::ack) && !flow.reset;
  flow.last_packet = now;
  if (!had_ended) {
    erase_when_over(flow, now);
  }
  const FlowKey name = to_listener(flow);
  rewrite_endpoints(segment.packet, segment.ip, name.source, name.destination);
  if (abandoned) {
    table_.erase_later(flow, now);
    return Abandoned{flow.id};
  }
  return WriteBack{};
}

// A flow that ends after its owner had closed need not wait as long as was planned then.
void Redirector::erase_when_over(Flow& flow, TimePoint now) {
  if (flow.closed && flow.ended()) {
    table_.erase_later(flow, now);
  }
}

FlowKey Redirector::to_listener(const Flow& flow) const {
  return {{flow.key.destination.address, flow.id.slot},
          listener_for(flow.key.source.address).value_or(Endpoint{})};
}

Outcome Redirector::reset(BytesView packet) {
  auto answer = reset_for(packet);
  if (!answer) {
    return Ignore{};
  }
  answer_ = *std::move(answer);
  return Answer{answer_};
}

std::optional<Bytes> Redirector::connected(FlowId id, TimePoint now) {
  Flow* const flow = table_.find(id);
  if (flow == nullptr || !flow->pending()) {
    return std::nullopt;
  }
  --pending_;
  flow->last_packet = now;
  Bytes syn = std::exchange(flow->held_syn, {});
  const FlowKey name = to_listener(*flow);
  if (const auto ip = parse_ip(syn)) {  // it did parse when it was held
    rewrite_endpoints(syn, *ip, name.source, name.destination);
  }
  return syn;
}

std::optional<Bytes> Redirector::failed(FlowId id, int error) {
  Flow* const flow = table_.find(id);
  if (flow == nullptr || !flow->pending()) {
    return std::nullopt;
  }
  --pending_;
  const Bytes syn = std::exchange(flow->held_syn, {});
  table_.erase(*flow);
  if (error == ETIMEDOUT) {
    return std::nullopt;
  }
  const auto why = unreachable_for_errno(error);
  return why ? unreachable_for(syn, *why) : reset_for(syn);
}

std::optional<FlowId> Redirector::flow_of_peer(const Endpoint& peer) const {
  const Flow* const flow = table_.find_slot(peer.port);
  if (flow == nullptr || flow->pending() || flow->closed ||
      flow->key.destination.address != peer.address) {
    return std::nullopt;
  }
  return flow->id;
}

void Redirector::closed(FlowId id, TimePoint now) {
  Flow* const flow = table_.find(id);
  if (flow != nullptr && !flow->pending() && !flow->closed) {
    table_.erase_later(*flow, now);
  }
}

std::optional<TimePoint> Redirector::next_deadline() const {
  return table_.next_deadline();
}

void Redirector::expire(TimePoint now) {
  table_.expire(now);
}

std::optional<Bytes> datagram_failure(const Endpoint& source, const Endpoint& destination,
                                      int error) {
  const auto sent = udp_packet(source, destination, {});
  return sent ? datagram_error(*sent, error) : std::nullopt;
}

std::optional<Bytes> echo_failure(const EchoRequest& request, int error) {
  const auto sent =
      echo_packet(request.source, request.destination, {true, request.id, request.sequence}, {});
  return sent ? datagram_error(*sent, error) : std::nullopt;
}

}  // namespace kt::net
