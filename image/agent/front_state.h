// SPDX-License-Identifier: Apache-2.0
// What the front decides, without sockets and clocks: words and facts come in; whether the pod is
// ready and where a connection goes comes out.
#pragma once

#include "io/async.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kt::agent {

// Where a connection that has reached nobody yet goes next.
enum class Way {
  laptop,
  originals,
  nowhere,  // it is held
};

// Since the start of the agent, but `open` and `held`, which are now.
struct FrontCounts {
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;    // reached the laptop or an original
  std::uint64_t held = 0;    // waiting, unread
  std::uint64_t failed = 0;  // reset without having reached anybody

  friend bool operator==(const FrontCounts&, const FrontCounts&) = default;
};

class FrontState {
 public:
  struct Options {
    std::vector<std::uint16_t> ports;
    bool has_originals = false;
  };
  // On the way to the laptop's port.
  enum class Verdict : std::uint8_t { unknown, proven, refused };
  struct Port {
    std::uint16_t number = 0;
    Verdict verdict = Verdict::unknown;
    std::uint64_t verdicts = 0;  // how many there were
    bool ever_proven = false;    // with whichever laptop
  };

  FrontState(Options options, io::TimePoint now);

  // A word of the laptop's or the guard's: admit, drain, forward, serve; others are ignored.
  void hear(std::string_view word);

  // Another laptop: every way is to be proven anew.
  void laptop_came();
  void set_linked(bool linked, io::TimePoint now);
  // What a probe, or a connection, learned about the way to the laptop's port.
  void on_proven(std::uint16_t port);
  void on_probe_refused(std::uint16_t port);
  void on_connection_failed(std::uint16_t port);

  // The pod may get connections. A laptop that is lost keeps it, since they are held or forwarded.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] Way way(io::TimePoint now) const;
  [[nodiscard]] bool linked() const { return linked_; }
  [[nodiscard]] bool needs_probe(std::uint16_t port) const;
  [[nodiscard]] const std::vector<Port>& ports() const { return ports_; }

  FrontCounts counts;

 private:
  Port* find(std::uint16_t port);

  std::vector<Port> ports_;
  bool has_originals_;
  bool admitted_ = false;
  bool forwarding_ = false;
  bool linked_ = false;
  io::TimePoint unlinked_since_;
};

// How long one connection that has reached nobody goes on trying.
class Patience {
 public:
  struct Limits {
    io::Duration hold;   // while the laptop's program refuses (a hot reload)
    io::Duration grace;  // while there is nobody at all
  };
  Patience(Limits limits, io::TimePoint accepted) : limits_(limits), accepted_(accepted) {}

  // After a try by `way` that ended with `error` (errno): how long to wait before the next;
  // nothing: no more tries.
  [[nodiscard]] std::optional<io::Duration> next(Way way, int error, io::TimePoint now);

 private:
  Limits limits_;
  io::TimePoint accepted_;
  std::optional<io::TimePoint> refused_since_;
};

}  // namespace kt::agent
