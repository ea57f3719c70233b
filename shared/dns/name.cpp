// SPDX-License-Identifier: Apache-2.0
#include "dns/name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace kt::dns {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_name = 255;  // on the wire, with the root's zero

unsigned char octet(char c) {
  return static_cast<unsigned char>(c);
}

// Locale must not matter (RFC 4343 §3). Length octets are at most 63 and no letters, so a whole
// wire form may be folded.
char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_folded(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return fold(x) == fold(y); });
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One octet of presentation form and how many characters it took.
struct Unescaped {
  char octet;
  std::size_t length;
};

std::optional<Unescaped> unescape(std::string_view text) {
  if (text[0] != '\\') {
    return Unescaped{text[0], 1};
  }
  if (text.size() < 2) {
    return std::nullopt;
  }
  if (!is_digit(text[1])) {
    return Unescaped{text[1], 2};
  }
  if (text.size() < 4 || !is_digit(text[2]) || !is_digit(text[3])) {
    return std::nullopt;
  }
  const int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
  if (value > 255) {
    return std::nullopt;
  }
  return Unescaped{static_cast<char>(value), 4};
}

// Takes one label and its dot from the front of `text`; nullopt when the label is bad.
std::optional<std::string> take_label(std::string_view& text) {
  std::string label;
  while (!text.empty() && text[0] != '.') {
    const std::optional<Unescaped> next = unescape(text);
    if (!next) {
      return std::nullopt;
    }
    label += next->octet;
    text.remove_prefix(next->length);
  }
  text.remove_prefix(text.empty() ? 0 : 1);
  if (label.empty() || label.size() > longest_label) {
    return std::nullopt;
  }
  return label;
}

void append_escaped(std::string& text, char c) {
  constexpr std::string_view special = ".\\\"();@$";
  if (octet(c) <= ' ' || octet(c) >= 0x7F) {
    text += fmt::format("\\{:03}", octet(c));
    return;
  }
  if (special.find(c) != std::string_view::npos) {
    text += '\\';
  }
  text += c;
}

}  // namespace

std::optional<Name> Name::from_text(std::string_view text) {
  if (text == ".") {
    return Name();
  }
  std::string wire;
  while (!text.empty()) {
    const std::optional<std::string> label = take_label(text);
    if (!label) {
      return std::nullopt;
    }
    wire += static_cast<char>(label->size());
    wire += *label;
  }
  wire += '\0';
  if (wire.size() == 1 || wire.size() > longest_name) {
    return std::nullopt;
  }
  return Name(std::move(wire));
}

std::optional<NameInMessage> Name::read(BytesView message, std::size_t at) {
  std::string wire;
  std::optional<std::size_t> end;
  std::size_t lowest = at;  // pointers must lead before everything read so far
  while (at < message.size()) {
    const auto length = std::to_integer<std::size_t>(message[at]);
    if (length >= 0xC0 && at + 1 < message.size()) {
      const std::size_t target = load_u16(message, at) & 0x3FFFU;
      if (target >= lowest) {
        return std::nullopt;
      }
      end = end.value_or(at + 2);
      at = lowest = target;
      continue;
    }
    const std::size_t size = length + 1;
    if (length > longest_label || size > message.size() - at || wire.size() + size > longest_name) {
      return std::nullopt;
    }
    wire += to_string(message.subspan(at, size));
    at += size;
    if (length == 0) {
      return NameInMessage{Name(std::move(wire)), end.value_or(at)};
    }
  }
  return std::nullopt;
}

std::optional<Name> Name::join(const Name& name, const Name& suffix) {
  std::string wire = name.wire_.substr(0, name.wire_.size() - 1) + suffix.wire_;
  if (wire.size() > longest_name) {
    return std::nullopt;
  }
  return Name(std::move(wire));
}

std::string Name::to_text() const {
  if (wire_.size() == 1) {
    return ".";
  }
  std::string text;
  for (std::size_t at = 0; wire_[at] != '\0'; at += octet(wire_[at]) + 1U) {
    if (at > 0) {
      text += '.';
    }
    for (const char c : std::string_view(wire_).substr(at + 1, octet(wire_[at]))) {
      append_escaped(text, c);
    }
  }
  return text;
}

bool Name::is_subdomain_of(const Name& other) const {
  std::string_view rest = wire_;
  while (rest.size() > other.wire_.size()) {
    rest.remove_prefix(octet(rest[0]) + 1U);
  }
  return same_folded(rest, other.wire_);
}

std::size_t Name::label_count() const {
  std::size_t count = 0;
  for (std::size_t at = 0; wire_[at] != '\0'; at += octet(wire_[at]) + 1U) {
    ++count;
  }
  return count;
}

std::string_view Name::label(std::size_t index) const {
  std::size_t at = 0;
  while (index-- > 0) {
    at += octet(wire_[at]) + 1U;
  }
  return std::string_view(wire_).substr(at + 1, octet(wire_[at]));
}

Name Name::parent() const {
  return wire_.size() == 1 ? Name() : Name(wire_.substr(octet(wire_[0]) + 1U));
}

bool operator==(const Name& a, const Name& b) {
  return same_folded(a.wire_, b.wire_);
}

}  // namespace kt::dns
