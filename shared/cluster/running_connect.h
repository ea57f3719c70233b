// SPDX-License-Identifier: Apache-2.0
// The folder by which a running connect is found: $XDG_RUNTIME_DIR/kt/<connection id>/, 0700.
#pragma once

#include "base/unique_fd.h"

#include <string>

namespace kt::cluster {

class RunningConnect {
 public:
  // Claims a folder for this run under `runtime_folder`; a second connect to the same cluster gets
  // one of its own, "<id>-<n>". What a crash left in it is swept. Throws Error config when the
  // folder is not ours alone.
  static RunningConnect claim(const std::string& runtime_folder, const std::string& connection_id);

  RunningConnect(RunningConnect&&) = default;
  RunningConnect& operator=(RunningConnect&&) = delete;
  ~RunningConnect();  // removes the folder

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string api_socket() const { return folder_ + "/api.sock"; }

 private:
  RunningConnect(std::string folder, UniqueFd lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string folder_;
  UniqueFd lock_;  // flock(2): released by the kernel whatever ends us
};

}  // namespace kt::cluster
