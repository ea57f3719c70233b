// SPDX-License-Identifier: Apache-2.0
#include "agent/front_state.h"

#include <algorithm>
#include <cerrno>

namespace kt::agent {
namespace {

using std::chrono::milliseconds;

// A link that dies is followed by the next within this; only then the originals are asked.
constexpr std::chrono::seconds link_pause{1};

constexpr milliseconds refused_pause{100};
// Whoever is held is woken by what changes; this is for what changes unseen: originals that become
// ready, callers that leave.
constexpr milliseconds held_pause{500};

}  // namespace

FrontState::FrontState(Options options, io::TimePoint now)
    : has_originals_(options.has_originals), unlinked_since_(now) {
  for (const std::uint16_t port : options.ports) {
    ports_.push_back({.number = port});
  }
}

void FrontState::hear(std::string_view word) {
  if (word == "admit" || word == "drain") {
    admitted_ = word == "admit";
  } else if (word == "forward" || word == "serve") {
    forwarding_ = word == "forward";
  }
}

void FrontState::laptop_came() {
  for (Port& port : ports_) {
    port.verdict = Verdict::unknown;
  }
}

void FrontState::set_linked(bool linked, io::TimePoint now) {
  if (linked_ && !linked) {
    unlinked_since_ = now;
  }
  linked_ = linked;
}

FrontState::Port* FrontState::find(std::uint16_t port) {
  const auto found = std::ranges::find(ports_, port, &Port::number);
  return found == ports_.end() ? nullptr : &*found;
}

void FrontState::on_proven(std::uint16_t number) {
  Port* port = find(number);
  if (port != nullptr && port->verdict != Verdict::proven) {
    port->verdict = Verdict::proven;
    port->ever_proven = true;
    ++port->verdicts;
  }
}

void FrontState::on_probe_refused(std::uint16_t number) {
  if (Port* port = find(number)) {
    port->verdict = Verdict::refused;
    ++port->verdicts;
  }
}

void FrontState::on_connection_failed(std::uint16_t number) {
  if (Port* port = find(number)) {
    port->verdict = Verdict::unknown;
  }
}

bool FrontState::ready() const {
  return admitted_ && std::ranges::all_of(ports_, &Port::ever_proven);
}

Way FrontState::way(io::TimePoint now) const {
  const bool alone = !linked_ && now - unlinked_since_ >= link_pause;
  if (has_originals_ && (forwarding_ || alone)) {
    return Way::originals;
  }
  return linked_ ? Way::laptop : Way::nowhere;
}

bool FrontState::needs_probe(std::uint16_t number) const {
  const auto found = std::ranges::find(ports_, number, &Port::number);
  return linked_ && found != ports_.end() && found->verdict != Verdict::proven;
}

std::optional<io::Duration> Patience::next(Way way, int error, io::TimePoint now) {
  if (way == Way::laptop && error == ECONNREFUSED) {
    // From the first refusal: who was held for a lost laptop has not used it up.
    refused_since_ = refused_since_.value_or(now);
    return now - *refused_since_ < limits_.hold ? std::optional(refused_pause) : std::nullopt;
  }
  refused_since_.reset();
  const bool laptop_answered = way == Way::laptop && error != ECONNABORTED;
  if (laptop_answered || now - accepted_ >= limits_.grace) {
    return std::nullopt;
  }
  return held_pause;
}

}  // namespace kt::agent
