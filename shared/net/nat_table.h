// SPDX-License-Identifier: Apache-2.0
// Which redirected TCP connections there are, by both of their names: as the application sees them
// (source and destination) and as our listener sees them (the destination's address, with the slot
// as port). Pure bookkeeping; the packets are redirector.h's.
#pragma once

#include "base/bytes.h"
#include "net/address.h"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

namespace kt::net {

using TimePoint = std::chrono::steady_clock::time_point;

// Names one connection for good: a slot is used again, with another generation.
struct FlowId {
  std::uint16_t slot = 0;
  std::uint32_t generation = 0;

  friend auto operator<=>(const FlowId&, const FlowId&) = default;
};

// As the application sees the connection.
struct FlowKey {
  Endpoint source;
  Endpoint destination;

  friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

struct FlowKeyHash {
  std::size_t operator()(const FlowKey& key) const noexcept;
};

struct Flow {
  FlowKey key;
  FlowId id;
  Bytes held_syn;           // empty unless the owner still dials
  TimePoint last_packet{};  // in either direction
  TimePoint free_at{};      // meaningful once `closed`

  bool established = false;         // the application acknowledged our SYN|ACK
  bool application_fin = false;     // seen, not necessarily acknowledged
  bool listener_fin = false;        // likewise
  bool listener_fin_first = false;  // our kernel will keep TIME_WAIT
  bool reset = false;               // RST seen in either direction
  bool closed = false;              // the owner has no socket (any more)
  bool superseded = false;          // the key belongs to a younger flow

  [[nodiscard]] bool pending() const { return !held_syn.empty(); }
  // No more data in either direction, so a SYN with this key opens a new connection.
  [[nodiscard]] bool ended() const { return reset || (application_fin && listener_fin); }
};

class NatTable {
 public:
  // Slots are ports of the ranges "registered" and "dynamic": firewalls distrust lower sources.
  static constexpr std::uint16_t first_slot = 1024;
  static constexpr std::size_t capacity = 65'536 - first_slot;

  // A new flow; an older one with this key is superseded. Null when all slots are taken.
  Flow* insert(const FlowKey& key, TimePoint now);

  // Pointers stay valid until the flow is erased; null for what is not there.
  [[nodiscard]] Flow* find(FlowId id);
  [[nodiscard]] Flow* find(const FlowKey& key);
  // By the listener's name for it; a superseded flow is found too.
  [[nodiscard]] Flow* find_slot(std::uint16_t slot);
  [[nodiscard]] const Flow* find_slot(std::uint16_t slot) const;

  // Frees the slot at once: for flows that no packet has been rewritten for.
  void erase(Flow& flow);

  // The owner has closed: frees the slot once no packet of this connection can come any more. Call
  // again when the flow ended later, which shortens the wait.
  void erase_later(Flow& flow, TimePoint now);

  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  void expire(TimePoint now);

  [[nodiscard]] std::size_t size() const { return flows_.size() - free_.size(); }

 private:
  struct Deadline {
    TimePoint at;
    FlowId flow;

    friend auto operator<=>(const Deadline&, const Deadline&) = default;
  };

  [[nodiscard]] Flow* take_slot();
  [[nodiscard]] bool in_use(std::uint16_t slot) const;
  void schedule(Flow& flow, TimePoint at);

  std::deque<Flow> flows_;          // index: slot - first_slot; a free one has generation 0
  std::deque<std::uint16_t> free_;  // the longest unused slot first
  std::unordered_map<FlowKey, std::uint16_t, FlowKeyHash> by_key_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  std::uint32_t generation_ = 0;
};

}  // namespace kt::net
