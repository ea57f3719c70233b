// SPDX-License-Identifier: Apache-2.0
#include "agent/greeting.h"

#include "cluster/names.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

namespace kt::agent {
namespace {

namespace names = cluster::names;

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// True when a header line "Upgrade: <our protocol>" is among the lines (RFC 9110 §7.8).
bool asks_for_our_protocol(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same_letters(line.substr(0, colon), "upgrade") &&
        same_letters(trim(line.substr(colon + 1)), names::door_protocol)) {
      return true;
    }
    lines.remove_prefix(std::min(end + 2, lines.size()));
  }
  return false;
}

Greeting http_kind(std::string_view head) {
  const std::size_t line_end = head.find("\r\n");
  const std::string_view request_line = head.substr(0, line_end);
  // "GET <path> HTTP/1.1"; the API server may append a query of its own.
  const std::string_view target = request_line.substr(4, request_line.find(' ', 4) - 4);
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == "/readyz") {
    return Greeting::readyz;
  }
  const bool ours = path == names::door_path && asks_for_our_protocol(head.substr(line_end + 2));
  return ours ? Greeting::upgrade : Greeting::unknown;
}

bool starts(std::string_view text, std::string_view prefix) {
  const std::size_t common = std::min(text.size(), prefix.size());
  return text.substr(0, common) == prefix.substr(0, common);
}

}  // namespace

Greeted greet(BytesView bytes) {
  const std::string text = to_string(bytes.first(std::min(bytes.size(), head_limit)));
  if (text.empty()) {
    return {Greeting::need_more, 0};
  }
  if (text[0] == 0x16) {
    return {Greeting::tls, 0};
  }
  if (starts(text, "SSH-")) {
    return {text.size() < 4 ? Greeting::need_more : Greeting::ssh, 0};
  }
  if (!starts(text, "GET ")) {
    return {Greeting::unknown, 0};
  }
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) {
    return {text.size() >= head_limit ? Greeting::unknown : Greeting::need_more, 0};
  }
  const Greeting kind = http_kind(std::string_view(text).substr(0, end + 2));
  return {kind, kind == Greeting::unknown ? 0 : end + 4};
}

}  // namespace kt::agent
