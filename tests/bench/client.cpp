// SPDX-License-Identifier: Apache-2.0
// kt-bench-client ADDRESS PORT [RESOLVER ZONE]: measures the route to a kt-bench-server (its first
// port) and, where asked, uncached look-ups of names in ZONE by RESOLVER. Prints one JSON object;
// null is a measurement that failed.
// kt-bench-client METRIC ADDRESS PORT: prints that one alone.
// kt-bench-client idle ADDRESS PORT COUNT: opens connections, prints "ready", waits for its input's
// end.
#include "latency.h"
#include "throughput.h"

#include <sys/resource.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

namespace kt::bench {
namespace {

struct Measurement {
  const char* name;
  std::function<double()> run;
};

// p99 of short requests while another connection downloads all it can.
double p99_beside_bulk(const Target& target) {
  std::atomic<bool> over = false;
  std::thread bulk([&] {
    const Socket source = target.connect(source_port);
    send_all(source, big_endian(std::uint64_t{1} << 40));
    while (!over)
      receive_some(source);
  });
  const auto end = [&] {
    over = true;
    bulk.join();
  };
  try {
    const Socket socket = target.connect(http_port);
    const double p99 = quantile_ms(0.99, [&] { return request_once(socket); });
    end();
    return p99;
  } catch (...) {
    end();
    throw;
  }
}

std::vector<Measurement> route_measurements(const Target& target) {
  return {
      {"download_1_mb_per_s", [target] { return download(target, 1); }},
      {"download_4_mb_per_s", [target] { return download(target, 4); }},
      {"upload_1_mb_per_s", [target] { return upload(target); }},
      {"requests_1_per_s", [target] { return requests(target, 1); }},
      {"requests_64_per_s", [target] { return requests(target, 64); }},
      {"short_64_per_s", [target] { return short_connections(target, 64); }},
      {"p99_beside_bulk_ms", [target] { return p99_beside_bulk(target); }},
      {"connect_and_request_ms",
       [target] { return median_ms([&] { return connect_and_request(target); }); }},
      {"end_seen_ms", [target] { return median_ms([&] { return end_seen(target); }); }},
      {"echo_ms",
       [target] {
         const Socket socket = target.connect(echo_port);
         return median_ms([&] { return echo(socket); });
       }},
  };
}

Measurement look_up_measurement(const std::string& resolver, const std::string& zone) {
  return {"look_up_ms", [=] {
            const Socket socket = connect_to(SOCK_DGRAM, resolver, 53);
            return median_ms([&] { return look_up(socket, zone); });
          }};
}

Measurement cached_look_up_measurement(const std::string& resolver, const std::string& zone) {
  return {"look_up_cached_ms", [=] {
            const Socket socket = connect_to(SOCK_DGRAM, resolver, 53);
            return median_ms([&] { return look_up_again(socket, zone); });
          }};
}

double try_run(const Measurement& measurement) {
  try {
    return measurement.run();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", measurement.name, failure.what());
    return NAN;
  }
}

// 0 when all were measured, else 1.
int print_all(const std::vector<Measurement>& measurements) {
  int result = 0;
  const char* separator = "{";
  for (const auto& measurement : measurements) {
    const double value = try_run(measurement);
    if (std::isnan(value))
      result = 1;
    std::printf(std::isnan(value) ? "%s\"%s\": null" : "%s\"%s\": %.4g", separator,
                measurement.name, value);
    separator = ", ";
  }
  std::puts("}");
  return result;
}

int print_one(std::string_view name, const Target& target) {
  for (const auto& measurement : route_measurements(target)) {
    if (measurement.name == name) {
      const double value = try_run(measurement);
      std::printf("%.4g\n", value);
      return std::isnan(value) ? 1 : 0;
    }
  }
  return 2;
}

// Holds `count` connections that say nothing until the end of standard input.
int hold_idle(const Target& target, std::size_t count) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::vector<Socket> sockets;
  while (sockets.size() < count)
    sockets.push_back(target.connect(echo_port));
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace kt::bench

int main(int argc, char** argv) {
  if (argc == 4) {
    return kt::bench::print_one(argv[1], {argv[2], static_cast<std::uint16_t>(std::atoi(argv[3]))});
  }
  if (argc == 5 && std::string_view(argv[1]) == "idle") {
    return kt::bench::hold_idle({argv[2], static_cast<std::uint16_t>(std::atoi(argv[3]))},
                                static_cast<std::size_t>(std::atoi(argv[4])));
  }
  if (argc != 3 && argc != 5) {
    std::fputs(
        "usage: kt-bench-client ADDRESS PORT [RESOLVER ZONE]\n"
        "       kt-bench-client METRIC ADDRESS PORT\n"
        "       kt-bench-client idle ADDRESS PORT COUNT\n",
        stderr);
    return 2;
  }
  auto measurements =
      kt::bench::route_measurements({argv[1], static_cast<std::uint16_t>(std::atoi(argv[2]))});
  if (argc == 5) {
    measurements.push_back(kt::bench::look_up_measurement(argv[3], argv[4]));
    measurements.push_back(kt::bench::cached_look_up_measurement(argv[3], argv[4]));
  }
  return kt::bench::print_all(measurements);
}
