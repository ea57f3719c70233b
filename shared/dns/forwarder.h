// SPDX-License-Identifier: Apache-2.0
// The DNS server of CMD's namespace: raw query in, raw reply out. Each question goes to its side's
// nameservers (dns/split) and comes back byte for byte, but for the id.
#pragma once

#include "base/bytes.h"
#include "dns/cache.h"
#include "dns/retry.h"
#include "dns/split.h"
#include "dns/upstream.h"
#include "io/async.h"
#include "io/byte_stream.h"
#include "io/task_group.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace kt::dns {

// A name that is answered here, whatever the servers know.
struct OwnName {
  Name name;
  boost::asio::ip::address address;
};

struct ForwarderOptions {
  SplitConfig split;
  // A fresh id for every question sent on, from a good source (RFC 5452 §9.2).
  std::function<std::uint16_t()> random_id;
  RetryRule retry;
  std::vector<OwnName> own_names;
};

class Forwarder {
 public:
  // Both upstreams must outlive stop().
  Forwarder(const io::Executor& executor, ForwarderOptions options, Upstream& cluster,
            Upstream& laptop);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // The reply to one raw query, at most RetryRule::give_up_after later:
  // - shorter than a header, or itself a response: nullopt, which means silence;
  // - not parsed: FORMERR; an opcode other than QUERY: NOTIMP; a zone transfer: REFUSED;
  // - one of OwnName: its address, or no data;
  // - no reply from any nameserver, or 1024 other questions under way: SERVFAIL;
  // - else what the side's nameserver said, whatever it is. Identical questions under way are asked
  //   once; cluster answers are cached. Over UDP, longer than the client takes becomes TC.
  // The query goes on when the waiting task is cancelled: others may wait for it too.
  io::Task<std::optional<Bytes>> answer(Bytes query, Transport transport);

  // Answers query after query of one TCP client until it ends or is idle for 30 s. The caller's
  // frame owns `stream`. Does not throw when the stream breaks.
  io::Task<> serve(io::ByteStream& stream);

  // For names that became the cluster's later (another network was found).
  void set_split(SplitConfig split) { options_.split = std::move(split); }

  // Must be awaited before this dies; whoever still waits gets SERVFAIL.
  io::Task<> stop();

 private:
  struct Flight;
  // The map and every waiter own a flight: a waiter may go before the reply, the map after it.
  using FlightPtr = std::shared_ptr<Flight>;

  io::Task<Bytes> ask(const Bytes& query, Transport transport, std::string key);
  [[nodiscard]] FlightPtr join_flight(const Bytes& query, Transport transport, Side side,
                                      std::string key);
  io::Task<> fly(FlightPtr flight);
  void land(Flight& flight);
  io::Task<> answer_next(io::ByteStream& stream, bool& more);

  io::Executor executor_;
  ForwarderOptions options_;
  Upstream& cluster_;
  Upstream& laptop_;
  Cache cache_;
  std::unordered_map<std::string, FlightPtr> flights_;
  io::TaskGroup tasks_;
};

// 16 bits from the kernel's generator, for ForwarderOptions::random_id.
[[nodiscard]] std::uint16_t system_random_id();

}  // namespace kt::dns
