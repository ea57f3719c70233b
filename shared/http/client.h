// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over a Unix socket: libcurl's multi interface on Asio, since a blocking call would stop
// the data plane. The only place that knows libcurl.
#pragma once

#include "io/async.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kt::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of that name, whatever its case.
[[nodiscard]] std::optional<std::string> find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string path;  // with query, percent-encoded, begins with '/'
  Headers headers;
  std::string body;
  // Until the whole response is there; for open() until its head is. 0 = no limit.
  io::Duration timeout = std::chrono::seconds(30);
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

class Connections;  // libcurl's multi handle and what Asio watches for it
class Transfer;     // one request on its way

// A response that comes in pieces. Dies with its connection; the Client may die first.
class ResponseStream {
 public:
  explicit ResponseStream(std::unique_ptr<Transfer> transfer);
  ~ResponseStream();
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  [[nodiscard]] int status() const;
  [[nodiscard]] const Headers& headers() const;

  // At least one byte; nullopt at the end of the body. Throws Error unavailable when the connection
  // broke. No time limit of its own. At most about 1 MiB waits unread, then the server has to wait.
  io::Task<std::optional<std::string>> next_chunk();

 private:
  std::unique_ptr<Transfer> transfer_;
};

// Connections are kept and used again; any number of requests at a time. A cancelled task's request
// is dropped with its connection.
class Client {
 public:
  // The socket need not exist yet: it is looked up for each new connection.
  Client(const io::Executor& executor, std::string socket_path);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Any status is a response. Throws Error unavailable when there is none: no connection, broken,
  // timed out, or a body of more than 16 MiB.
  io::Task<Response> send(Request request);

  // Returns when the head is there.
  io::Task<std::unique_ptr<ResponseStream>> open(Request request);

 private:
  // Shared with the transfers and with Asio's pending callbacks, which may outlive the Client.
  std::shared_ptr<Connections> connections_;
};

}  // namespace kt::http
