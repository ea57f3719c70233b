// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace kt::cli {
namespace {

constexpr std::size_t between = 3;

std::string cell(const std::string& text) {
  return text.empty() ? "<none>" : log::harmless(text);
}

std::vector<std::size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], cell(row[i]).size());
    }
  }
  return widths;
}

}  // namespace

std::string table(const std::vector<Row>& rows) {
  const std::vector<std::size_t> widths = widths_of(rows);
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      text += last ? cell(row[i]) + "\n" : fmt::format("{:<{}}", cell(row[i]), widths[i] + between);
    }
  }
  return text;
}

std::string render_bytes(unsigned long long bytes) {
  auto value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* larger : {"kB", "MB", "GB", "TB"}) {
    if (value < 999.5) {
      break;
    }
    value /= 1000;
    unit = larger;
  }
  return fmt::format("{:.{}f} {}", value, value < 9.95 && *unit != 'B' ? 1 : 0, unit);
}

}  // namespace kt::cli
