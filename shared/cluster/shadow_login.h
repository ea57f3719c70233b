// SPDX-License-Identifier: Apache-2.0
// A new shadow's name and keys: every run, and every shadow of a run, has its own.
#pragma once

#include "cluster/links.h"
#include "cluster/shadow.h"

#include <string>
#include <string_view>

namespace kt::cluster {

struct ShadowLogin {
  ShadowRun run;
  Credentials credentials;  // what the laptop keeps in memory
};

// Named `prefix` and 8 random characters. `user` and `host` are for people to see. Throws Error
// unavailable without random bytes.
[[nodiscard]] ShadowLogin fresh_login(std::string_view prefix, const std::string& namespace_,
                                      const std::string& user, const std::string& host);

}  // namespace kt::cluster
