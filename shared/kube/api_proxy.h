// SPDX-License-Identifier: Apache-2.0
// One `kubectl proxy` on a Unix socket: our door to the API server for calls and for links. It adds
// the user's credentials to whatever comes, so its folder must be 0700, and it is never TCP.
#pragma once

#include "io/backoff.h"
#include "io/subprocess.h"
#include "kube/kubectl.h"

#include <deque>
#include <memory>
#include <string>

namespace kt::kube {

class ApiProxy {
 public:
  // `socket_path` at most 107 bytes, in a folder that only we can enter (checked; Error config).
  ApiProxy(const io::Executor& executor, Kubectl kubectl, std::string socket_path);
  ~ApiProxy();
  ApiProxy(const ApiProxy&) = delete;
  ApiProxy& operator=(const ApiProxy&) = delete;

  // Servers with a path in their URL (Rancher) need it in every request.
  void append_server_path();

  // Returns when the socket accepts. Throws Error unavailable with kubectl's own words.
  io::Task<> start();

  // After start(): starts kubectl again whenever it dies, with Backoff; the socket's path stays.
  // Ends by cancellation. Belongs into the owner's TaskGroup.
  io::Task<> keep_running();

  // The child is gone when it returns, and so is the socket.
  io::Task<> stop();

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  [[nodiscard]] int pid() const;  // -1 when there is none
  [[nodiscard]] int restarts() const { return restarts_; }

  // What kubectl said last on stderr (a credential plugin's failure, "connection refused"): the why
  // behind a 502 of the proxy. Empty when nothing.
  [[nodiscard]] std::string last_words() const;

 private:
  io::Task<> start_child();
  io::Task<> drain_output();
  void remember(std::string line);

  io::Executor executor_;
  Kubectl kubectl_;
  std::string socket_path_;
  bool append_server_path_ = false;
  std::unique_ptr<io::Subprocess> child_;
  std::deque<std::string> words_;
  int restarts_ = 0;
};

}  // namespace kt::kube
