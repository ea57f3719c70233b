// SPDX-License-Identifier: Apache-2.0
// What kt-bench-server and kt-bench-client agree on. The server listens on four TCP ports in a row.
#pragma once

#include <cstdint>
#include <string_view>

namespace kt::bench {

enum PortOffset : std::uint16_t {
  source_port = 0,  // in: 8-byte big-endian counts; out: as many zero bytes
  sink_port = 1,    // in: anything; out: one 8-byte zero for every ack_size bytes
  echo_port = 2,    // both ways the same, also over UDP
  http_port = 3,    // HTTP/1.1 keep-alive; `Connection: close` is obeyed
  port_count = 4,
};

constexpr std::uint64_t ack_size = 256 * 1024;
constexpr std::size_t count_size = 8;

constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
constexpr std::string_view last_request =
    "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
// The same size either way, so that a client knows the end of an answer by counting.
constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\nConnection: open \r\nContent-Length: 6\r\n\r\nhello\n";
constexpr std::string_view last_answer =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n";
static_assert(answer.size() == last_answer.size());

}  // namespace kt::bench
