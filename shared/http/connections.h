// SPDX-License-Identifier: Apache-2.0
// Inside of http/: libcurl's multi handle; it says which sockets and when, Asio watches them.
// Included by http/*.cpp only.
#pragma once

#include "io/async.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <curl/curl.h>

#include <map>
#include <memory>
#include <string>

namespace kt::http {

class Connections : public std::enable_shared_from_this<Connections> {
 public:
  Connections(const io::Executor& executor, std::string socket_path);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void add(CURL* easy);
  void remove(CURL* easy);
  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  [[nodiscard]] const io::Executor& executor() const { return executor_; }

 private:
  // A socket of libcurl's; we only watch it. Shared with the waits under way, which find `closed`
  // when libcurl has taken it back.
  struct Watched {
    Watched(const io::Executor& executor, curl_socket_t fd) : descriptor(executor, fd) {}
    ~Watched() { (void)descriptor.release(); }
    io::asio::posix::stream_descriptor descriptor;
    int wanted = 0;  // CURL_POLL_*
    bool reading = false;
    bool writing = false;
    bool closed = false;
  };

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* socket);
  static int on_timer(CURLM* multi, long milliseconds, void* self);

  void watch(curl_socket_t fd, int wanted);
  void forget(curl_socket_t fd);
  void wait_for(const std::shared_ptr<Watched>& socket, curl_socket_t fd, int direction);
  void act(curl_socket_t fd, int direction);
  void report_ended();

  io::Executor executor_;
  std::string socket_path_;
  CURLM* multi_;
  io::asio::steady_timer timer_;
  std::map<curl_socket_t, std::shared_ptr<Watched>> sockets_;
};

}  // namespace kt::http
