// SPDX-License-Identifier: Apache-2.0
// Times of a route to kt-bench-server, in ms.
#pragma once

#include "target.h"

#include <algorithm>
#include <random>
#include <vector>

namespace kt::bench {

// One of single measurements in ms: at most 1000 in 1.5 s, but at least three. `share` 0.5 is the
// median, 0.99 the p99.
template <typename Once>
double quantile_ms(double share, Once once) {
  std::vector<double> samples;
  const auto start = Clock::now();
  while (samples.size() < 3 || (samples.size() < 1000 && Clock::now() - start < duration)) {
    samples.push_back(Seconds(once()).count() * 1e3);
  }
  const auto index = static_cast<std::ptrdiff_t>(static_cast<double>(samples.size()) * share);
  std::nth_element(samples.begin(), samples.begin() + index, samples.end());
  return samples[static_cast<std::size_t>(index)];
}

template <typename Once>
double median_ms(Once once) {
  return quantile_ms(0.5, once);
}

// From the last byte of an answer to the end of the stream, after `Connection: close`.
inline Clock::duration end_seen(const Target& target) {
  const Socket socket = target.connect(http_port);
  send_all(socket, last_request);
  receive_exactly(socket, last_answer.size());
  const auto start = Clock::now();
  char byte;
  checked(static_cast<int>(::recv(socket.fd(), &byte, 1, 0)), "end");
  return Clock::now() - start;
}

// From connect() to the whole answer.
inline Clock::duration connect_and_request(const Target& target) {
  const auto start = Clock::now();
  const Socket socket = target.connect(http_port);
  send_all(socket, request);
  receive_exactly(socket, answer.size());
  return Clock::now() - start;
}

inline Clock::duration echo(const Socket& socket) {
  const auto start = Clock::now();
  send_all(socket, "x");
  receive_exactly(socket, 1);
  return Clock::now() - start;
}

inline Clock::duration request_once(const Socket& socket) {
  const auto start = Clock::now();
  send_all(socket, request);
  receive_exactly(socket, answer.size());
  return Clock::now() - start;
}

// An A query (RFC 1035 §4.1) for a name that nobody asked for before, so no cache on the way can
// answer.
inline std::string unique_query(const std::string& zone, std::uint64_t number) {
  std::string query = big_endian(number).substr(6) + std::string("\x01\0\0\x01\0\0\0\0\0\0", 10);
  std::string name = "kt-bench-" + std::to_string(number) + "." + zone + ".";
  for (std::size_t dot; (dot = name.find('.')) != std::string::npos; name.erase(0, dot + 1)) {
    query += static_cast<char>(dot) + name.substr(0, dot);
  }
  return query + std::string("\0\0\x01\0\x01", 5);
}

// The same name again and again: the nearest cache answers.
inline Clock::duration look_up_again(const Socket& socket, const std::string& zone) {
  const std::string query = unique_query(zone, 0);
  const auto start = Clock::now();
  send_all(socket, query);
  char reply[4096];
  checked(static_cast<int>(::recv(socket.fd(), reply, sizeof reply, 0)), "look-up");
  return Clock::now() - start;
}

// From the query to its answer, NXDOMAIN included, by the resolver on the connected UDP socket.
inline Clock::duration look_up(const Socket& socket, const std::string& zone) {
  static std::mt19937_64 random(std::random_device{}());
  const std::string query = unique_query(zone, random());
  const auto start = Clock::now();
  send_all(socket, query);
  char reply[4096];
  do {
    checked(static_cast<int>(::recv(socket.fd(), reply, sizeof reply, 0)), "look-up");
  } while (query.compare(0, 2, reply, 2) != 0);
  return Clock::now() - start;
}

}  // namespace kt::bench
