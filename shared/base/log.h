// SPDX-License-Identifier: Apache-2.0
// Messages for a person, on stderr; stdout is for results. Levels: error, warn, info (default),
// debug (-v), trace (-vv). Never logged: tokens, keys, Secret data, DNS names at info.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kt::log {

enum class Level { error, warn, info, debug, trace };

void set_level(Level level);
[[nodiscard]] bool enabled(Level level);

// One line. Bytes that could steer a terminal are shown as `?`: much of what is logged comes from
// the cluster. info has no prefix; debug and trace carry time and tag.
void write(Level level, std::string_view tag, std::string_view text);

template <class... Args>
void print(Level level, std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(level)) {
    write(level, tag, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <class... Args>
void error(std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
  print(Level::error, tag, format, std::forward<Args>(args)...);
}
template <class... Args>
void warn(std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
  print(Level::warn, tag, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
  print(Level::info, tag, format, std::forward<Args>(args)...);
}
template <class... Args>
void debug(std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
  print(Level::debug, tag, format, std::forward<Args>(args)...);
}
template <class... Args>
void trace(std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
  print(Level::trace, tag, format, std::forward<Args>(args)...);
}

// One line at info just as it is, colours and all: for who has made it harmless already.
void say(std::string_view harmless_line);

// Takes all lines while it lives (tests). The sink is the one global of the suite.
class Capture {
 public:
  Capture();
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// `text` as one line, with control characters (C0, DEL, C1) replaced by `?`, line ends and tabs by
// a space: what the cluster says cannot pass for a line of ours. Other UTF-8 passes.
[[nodiscard]] std::string harmless(std::string_view text);
// The same for a text of our own that has several lines.
[[nodiscard]] std::string harmless_lines(std::string_view text);

}  // namespace kt::log
