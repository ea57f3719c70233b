// SPDX-License-Identifier: Apache-2.0
#include "net/nat_table.h"

namespace kt::net {
namespace {

using std::chrono::seconds;

// Linux keeps TIME_WAIT for 60 s (TCP_TIMEWAIT_LEN) and might take a SYN in it for an old segment.
constexpr seconds time_wait{65};
// No TIME_WAIT on our side: only the last acknowledgement and a repeated FIN may still come.
constexpr seconds last_packets{10};
// Closed by the owner, but one side has not finished: our kernel still sends what it has.
constexpr seconds orphan_idle{300};

seconds wait_for(const Flow& flow) {
  if (!flow.established || flow.reset) {
    return last_packets;
  }
  if (!flow.ended()) {
    return orphan_idle;
  }
  return flow.listener_fin_first ? time_wait : last_packets;
}

}  // namespace

std::size_t FlowKeyHash::operator()(const FlowKey& key) const noexcept {
  const std::hash<Endpoint> hash;
  return hash(key.source) * 31 + hash(key.destination);
}

Flow* NatTable::take_slot() {
  if (!free_.empty()) {
    const std::uint16_t slot = free_.front();
    free_.pop_front();
    return &flows_[slot - first_slot];
  }
  if (flows_.size() == capacity) {
    return nullptr;
  }
  Flow& flow = flows_.emplace_back();
  flow.id.slot = static_cast<std::uint16_t>(first_slot + flows_.size() - 1);
  return &flow;
}

Flow* NatTable::insert(const FlowKey& key, TimePoint now) {
  Flow* const flow = take_slot();
  if (flow == nullptr) {
    return nullptr;
  }
  if (Flow* const older = find(key)) {
    older->superseded = true;
  }
  const FlowId id{flow->id.slot, ++generation_};
  *flow = Flow{};
  flow->id = id;
  flow->key = key;
  flow->last_packet = now;
  by_key_[key] = id.slot;
  return flow;
}

Flow* NatTable::find(FlowId id) {
  Flow* const flow = find_slot(id.slot);
  return flow != nullptr && flow->id == id ? flow : nullptr;
}

Flow* NatTable::find(const FlowKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : find_slot(found->second);
}

bool NatTable::in_use(std::uint16_t slot) const {
  const std::size_t index = std::size_t{slot} - first_slot;  // wraps for the ports below
  return index < flows_.size() && flows_[index].id.generation != 0;
}

Flow* NatTable::find_slot(std::uint16_t slot) {
  return in_use(slot) ? &flows_[std::size_t{slot} - first_slot] : nullptr;
}

const Flow* NatTable::find_slot(std::uint16_t slot) const {
  return in_use(slot) ? &flows_[std::size_t{slot} - first_slot] : nullptr;
}

void NatTable::erase(Flow& flow) {
  if (!flow.superseded) {
    by_key_.erase(flow.key);
  }
  const std::uint16_t slot = flow.id.slot;
  flow = Flow{};
  flow.id.slot = slot;
  free_.push_back(slot);
}

void NatTable::erase_later(Flow& flow, TimePoint now) {
  flow.closed = true;
  schedule(flow, now + wait_for(flow));
}

void NatTable::schedule(Flow& flow, TimePoint at) {
  flow.free_at = at;
  deadlines_.push({at, flow.id});
}

std::optional<TimePoint> NatTable::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.top().at);
}

void NatTable::expire(TimePoint now) {
  while (!deadlines_.empty() && deadlines_.top().at <= now) {
    const Deadline due = deadlines_.top();
    deadlines_.pop();
    Flow* const flow = find(due.flow);
    if (flow == nullptr || flow->free_at != due.at) {
      continue;  // erased or rescheduled meanwhile
    }
    const TimePoint quiet_until = flow->last_packet + wait_for(*flow);
    if (quiet_until > now) {
      schedule(*flow, quiet_until);
    } else {
      erase(*flow);
    }
  }
}

}  // namespace kt::net
