// SPDX-License-Identifier: Apache-2.0
// An HTTP server on a Unix socket whose answers are raw bytes: for what a real one cannot be told
// to do. Single use by one test; lives in the test's frame.
#pragma once

#include "io/task_group.h"

#include <boost/asio/local/stream_protocol.hpp>

#include <functional>
#include <string>
#include <vector>

namespace kt::test {

class FakeServer {
 public:
  // Request (head and body) → the bytes of the answer; an empty one closes the connection.
  using Answer = std::function<std::string(const std::string& request)>;

  FakeServer(const io::Executor& executor, Answer answer);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] const std::string& socket_path() const { return path_; }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  [[nodiscard]] int connections() const { return connections_; }

  // To be awaited before it dies.
  io::Task<> stop();
  // Awaits `exchange`, then stop(), then throws what `exchange` threw.
  io::Task<> run(io::Task<> exchange);

 private:
  using Socket = io::asio::local::stream_protocol::socket;

  io::Task<> accept_all();
  io::Task<> serve(Socket socket);

  Answer answer_;
  std::string folder_;
  std::string path_;
  io::asio::local::stream_protocol::acceptor acceptor_;
  io::TaskGroup tasks_;
  std::vector<std::string> requests_;
  int connections_ = 0;
};

// "HTTP/1.1 200 OK" with a Content-Length.
[[nodiscard]] std::string answer_with(int status, const std::string& body);

}  // namespace kt::test
