// SPDX-License-Identifier: Apache-2.0
// The folder by which a running connect is found: $XDG_RUNTIME_DIR/kt/<connection id>/, 0700.
#pragma once

#include "base/unique_fd.h"

#include <string>
#include <string_view>
#include <vector>

namespace kt::cluster {

// Its `kubectl proxy`, which lends the API session to other programs of the same user.
[[nodiscard]] inline std::string api_socket_in(const std::string& folder) {
  return folder + "/api.sock";
}

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
  [[nodiscard]] std::string api_socket() const { return api_socket_in(folder_); }
  [[nodiscard]] std::string attach_socket() const { return folder_ + "/attach.sock"; }
  [[nodiscard]] std::string socks_socket() const { return folder_ + "/socks.sock"; }

  // Puts status.json in place of the one before, whole. Not written is not fatal: a full disk.
  void write_status(std::string_view text) const noexcept;

 private:
  RunningConnect(std::string folder, UniqueFd lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string folder_;
  UniqueFd lock_;  // F_OFD_SETLK: released by the kernel whatever ends us
};

// The folders of all connects that run now, ours alone, in the order of their names. Looking does
// not disturb a claim.
[[nodiscard]] std::vector<std::string> running_connects(const std::string& runtime_folder);

// Its status.json as last written; empty when there is none yet.
[[nodiscard]] std::string read_status(const std::string& folder);

}  // namespace kt::cluster
