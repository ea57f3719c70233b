// SPDX-License-Identifier: Apache-2.0
// List, then watch from there, and again when the history is too old (410) or the connection broke.
#pragma once

#include "kube/client.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace kt::kube {

enum class Change {
  set,     // there now, with this content: new or changed
  gone,    // deleted; after a new list only metadata is known
  synced,  // all that were there at the start (or at a new list) have been told; the object is null
};

enum class Watching { go_on, stop };

struct WatchScope {
  Resource resource;
  std::string namespace_;
  ListOptions options;
};

using OnChange = std::function<Watching(Change, const nlohmann::json& object)>;

// Until `on_change` says stop or the task is cancelled: there is no other time limit. A lost
// connection is tried again with Backoff; throws ApiError when the server refuses (403, 404 …).
// `client` is owned by the caller's frame. on_change must not throw.
io::Task<> watch(Client& client, WatchScope scope, OnChange on_change);

// Bytes of a watch → lines. Pure; a line longer than 8 MiB (etcd's objects end at 1.5 MiB) is an
// error: add() returns false and the connection must be closed.
class LineSplitter {
 public:
  [[nodiscard]] bool add(std::string_view bytes);
  [[nodiscard]] std::optional<std::string> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace kt::kube
