// SPDX-License-Identifier: Apache-2.0
#include "dns/forwarder.h"

#include "base/error.h"
#include "base/log.h"
#include "dns/framing.h"
#include "dns/message.h"
#include "dns/reply.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace kt::dns {
namespace {

constexpr std::size_t most_flights = 1024;
// RFC 7766 §6.2.3 asks for some seconds; a resolver library keeps its connection for one look-up.
constexpr std::chrono::seconds tcp_idle_limit{30};

// Why we answer by ourselves; nullopt when the question is to be sent on.
std::optional<Rcode> own_verdict(const Header& header, const std::optional<MessageReader>& query) {
  if (header.opcode() != Opcode::query) {
    return Rcode::not_implemented;
  }
  if (!query) {
    return Rcode::format_error;
  }
  // A transfer is many messages; a name server of ours has no secondaries.
  const Type type = query->question().type;
  return type == Type::axfr || type == Type::ixfr ? std::optional(Rcode::refused) : std::nullopt;
}

}  // namespace

// One question under way, and whoever waits for its reply.
struct Forwarder::Flight {
  explicit Flight(const io::Executor& executor) : landed(executor) {}

  io::Event landed;
  bool has_landed = false;
  std::string key;
  Bytes query;  // with the id that is sent on
  Transport transport = Transport::udp;
  Side side = Side::laptop;
  std::optional<Bytes> reply;
};

Forwarder::Forwarder(const io::Executor& executor, ForwarderOptions options, Upstream& cluster,
                     Upstream& laptop)
    : executor_(executor),
      options_(std::move(options)),
      cluster_(cluster),
      laptop_(laptop),
      tasks_(executor) {}

io::Task<std::optional<Bytes>> Forwarder::answer(Bytes query, Transport transport) {
  const std::optional<Header> header = Header::read(query);
  if (!header || header->is_response()) {
    co_return std::nullopt;
  }
  std::string key = cache_key(query, transport);
  std::optional<Bytes> reply = cache_.find(key, io::Clock::now());
  if (!reply) {
    reply = co_await ask(query, transport, std::move(key));
  }
  store_u16(*reply, 0, header->id);
  co_return transport == Transport::udp ? fit_udp(*std::move(reply), query) : std::move(reply);
}

// `query` belongs to answer()'s frame.
io::Task<Bytes> Forwarder::ask(const Bytes& query, Transport transport, std::string key) {
  const std::optional<MessageReader> reader = MessageReader::open(query);
  if (const auto verdict = own_verdict(Header::read(query).value(), reader)) {
    co_return make_error_reply(query, *verdict);
  }
  const Name& name = reader->question().name;
  const auto own = std::ranges::find(options_.own_names, name, &OwnName::name);
  if (own != options_.own_names.end()) {
    co_return make_address_reply(query, own->address);
  }
  if (flights_.size() >= most_flights && !flights_.contains(key)) {
    co_return make_error_reply(query, Rcode::server_failure);
  }
  const Side side = side_of(options_.split, name);
  const FlightPtr flight = join_flight(query, transport, side, std::move(key));
  while (!flight->has_landed) {
    co_await flight->landed.wait();
  }
  co_return flight->reply ? *flight->reply : make_error_reply(query, Rcode::server_failure);
}

Forwarder::FlightPtr Forwarder::join_flight(const Bytes& query, Transport transport, Side side,
                                            std::string key) {
  if (const auto found = flights_.find(key); found != flights_.end()) {
    return found->second;
  }
  auto flight = std::make_shared<Flight>(executor_);
  flights_.emplace(key, flight);
  flight->key = std::move(key);
  flight->query = query;
  store_u16(flight->query, 0, options_.random_id());
  flight->transport = transport;
  flight->side = side;
  tasks_.spawn(fly(flight));  // may land before this returns
  return flight;
}

io::Task<> Forwarder::fly(FlightPtr flight) {
  Upstream& upstream = flight->side == Side::cluster ? cluster_ : laptop_;
  std::exception_ptr cancelled;
  try {
    flight->reply =
        co_await ask_with_retries(upstream, flight->query, flight->transport, options_.retry);
  } catch (...) {
    cancelled = std::current_exception();
  }
  land(*flight);
  if (cancelled) {
    std::rethrow_exception(cancelled);
  }
}

void Forwarder::land(Flight& flight) {
  if (flight.reply && flight.side == Side::cluster) {
    cache_.store(flight.key, *flight.reply, io::Clock::now());
  }
  flight.has_landed = true;
  flight.landed.notify();
  flights_.erase(flight.key);
}

io::Task<> Forwarder::serve(io::ByteStream& stream) {
  bool more = true;
  try {
    while (more) {
      co_await io::with_timeout(tcp_idle_limit, "dns client", answer_next(stream, more));
    }
  } catch (const Error& e) {
    log::debug("dns", "tcp client: {}", e.message());
  }
}

// `more` belongs to serve()'s frame; false when the client has ended or is not understood.
io::Task<> Forwarder::answer_next(io::ByteStream& stream, bool& more) {
  std::optional<Bytes> message = co_await read_message(stream);
  if (message) {
    message = co_await answer(*std::move(message), Transport::tcp);
  }
  more = message.has_value();
  if (message) {
    co_await write_message(stream, *std::move(message));
  }
}

io::Task<> Forwarder::stop() {
  co_await tasks_.stop();
}

std::uint16_t system_random_id() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint16_t>()(device);
}

}  // namespace kt::dns
