// SPDX-License-Identifier: Apache-2.0
// kt-bench-client ADDRESS PORT [RESOLVER ZONE]: measures the route to a kt-bench-server (its first
// port) and, where asked, uncached look-ups of names in ZONE by RESOLVER. Prints one JSON object;
// null is a measurement that failed.
#include "latency.h"
#include "throughput.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace kt::bench {
namespace {

struct Measurement {
  const char* name;
  std::function<double()> run;
};

std::vector<Measurement> route_measurements(const Target& target) {
  return {
      {"download_1_mb_per_s", [target] { return download(target, 1); }},
      {"download_4_mb_per_s", [target] { return download(target, 4); }},
      {"upload_1_mb_per_s", [target] { return upload(target); }},
      {"requests_1_per_s", [target] { return requests(target, 1); }},
      {"requests_64_per_s", [target] { return requests(target, 64); }},
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

}  // namespace
}  // namespace kt::bench

int main(int argc, char** argv) {
  if (argc != 3 && argc != 5) {
    std::fputs("usage: kt-bench-client ADDRESS PORT [RESOLVER ZONE]\n", stderr);
    return 2;
  }
  auto measurements =
      kt::bench::route_measurements({argv[1], static_cast<std::uint16_t>(std::atoi(argv[2]))});
  if (argc == 5)
    measurements.push_back(kt::bench::look_up_measurement(argv[3], argv[4]));
  return kt::bench::print_all(measurements);
}
