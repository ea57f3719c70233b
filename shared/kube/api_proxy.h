// SPDX-License-Identifier: Apache-2.0
// One `kubectl proxy` on a Unix socket: our door to the API server for calls and for links. It adds
// the user's credentials to whatever comes, so its folder must be 0700, and it is never TCP.
#pragma once

#include "kube/config.h"
#include "kube/kubectl_child.h"

#include <string>

namespace kt::kube {

class ApiProxy {
 public:
  // `socket_path` at most 107 bytes, in a folder that only we can enter: Error config otherwise.
  ApiProxy(const io::Executor& executor, Kubectl kubectl, const Config& config,
           std::string socket_path);

  // Returns when the socket accepts (about 0.1 s; no network is involved). Throws Error unavailable
  // or config with kubectl's own words.
  io::Task<> start();

  // After start(): keeps kubectl's pipes empty and starts it again whenever it dies; the socket's
  // path stays. Ends by cancellation and after stop(). Belongs into the owner's TaskGroup.
  io::Task<> keep_running();

  // The child is gone when it returns, and so is the socket.
  io::Task<> stop();

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  [[nodiscard]] int pid() const { return child_.pid(); }
  [[nodiscard]] int restarts() const { return restarts_; }

  // What kubectl said last on stderr (a credential plugin's failure, "connection refused"): the why
  // behind a 500 of the proxy. Empty when nothing.
  [[nodiscard]] std::string last_words() const { return child_.last_words(); }

 private:
  io::Task<bool> try_start();

  KubectlChild child_;
  std::string socket_path_;
  bool append_server_path_;
  bool stopping_ = false;
  int restarts_ = 0;
};

}  // namespace kt::kube
