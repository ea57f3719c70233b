// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/chrono.h>

#include <unistd.h>

#include <algorithm>
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

// U+0080 to U+009F in UTF-8: to some terminals U+009B is what ESC [ is.
bool is_c1(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  return byte(at) == 0xc2 && at + 1 < text.size() && byte(at + 1) >= 0x80 && byte(at + 1) < 0xa0;
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
  std::string line = harmless_lines(text);
  std::ranges::replace_if(
      line, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

std::string harmless_lines(std::string_view text) {
  std::string safe(text);
  for (std::size_t i = 0; i < safe.size(); ++i) {
    const auto code = static_cast<unsigned char>(safe[i]);
    const bool steers = code < 0x20 && safe[i] != '\n' && safe[i] != '\t';
    if (steers || code == 0x7f) {
      safe[i] = '?';
    } else if (is_c1(safe, i)) {
      safe[i] = safe[i + 1] = '?';
    }
  }
  return safe;
}

}  // namespace kt::log
