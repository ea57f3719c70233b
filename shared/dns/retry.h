// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "dns/upstream.h"
#include "io/async.h"

#include <chrono>
#include <optional>

namespace kt::dns {

struct RetryRule {
  // The next nameserver (or the only one again) is asked too when the reply has not come after
  // this…
  io::Duration retry_after = std::chrono::seconds(2);
  // …and all is over after this: what glibc waits for one nameserver.
  io::Duration give_up_after = std::chrono::seconds(5);
};

// Asks nameserver after nameserver, at least twice in all. An earlier one may still answer while a
// later one is asked: a slow recursion is no loss. The next is asked at once when one cannot be
// reached, and when one says SERVFAIL, REFUSED or NOTIMP and another is left; such a reply is the
// result when nobody has a better one. nullopt when nobody replied. `upstream` must outlive the
// task.
io::Task<std::optional<Bytes>> ask_with_retries(Upstream& upstream, Bytes query,
                                                Transport transport, RetryRule rule);

}  // namespace kt::dns
