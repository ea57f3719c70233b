// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/chrono.h>

#include <unistd.h>

#include <chrono>

namespace kt::log {
namespace {

Level current_level = Level::info;
std::vector<std::string>* captured = nullptr;

std::string prefix(Level level, std::string_view tag) {
  switch (level) {
    case Level::error:
      return "error: ";
    case Level::warn:
      return "warning: ";
    case Level::info:
      return {};
    case Level::debug:
    case Level::trace:
      break;
  }
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%H:%M:%S}.{:03} {} ", now, now.time_since_epoch().count() % 1000, tag);
}

// One write(2) a line, so that lines of several processes do not mix. A closed stderr is no reason
// to die, hence no check.
void to_stderr(std::string line) {
  line += '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void to_sink(std::string line) {
  if (captured != nullptr) {
    captured->push_back(std::move(line));
  } else {
    to_stderr(std::move(line));
  }
}

}  // namespace

void set_level(Level level) {
  current_level = level;
}

bool enabled(Level level) {
  return level <= current_level;
}

void write(Level level, std::string_view tag, std::string_view text) {
  to_sink(prefix(level, tag) + harmless(text));
}

void say(std::string_view harmless_line) {
  if (enabled(Level::info)) {
    to_sink(std::string(harmless_line));
  }
}

Capture::Capture() {
  captured = &lines_;
}
Capture::~Capture() {
  captured = nullptr;
}

std::string harmless(std::string_view text) {
  std::string safe(text);
  for (char& c : safe) {
    const auto code = static_cast<unsigned char>(c);
    const bool steers = code < 0x20 && c != '\n' && c != '\t';
    c = steers || code == 0x7f ? '?' : c;
  }
  return safe;
}

}  // namespace kt::log
