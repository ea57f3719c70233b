// SPDX-License-Identifier: Apache-2.0
#include "kube/yaml.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace kt::kube {
namespace {

using nlohmann::json;

// Plain words of YAML 1.1, which kubectl's reader still knows, that are no strings.
constexpr std::array<std::string_view, 10> words_that_are_not_text = {
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"};

bool is_plain(const std::string& text) {
  const auto is_safe = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
         std::ranges::all_of(text, is_safe) &&
         std::ranges::find(words_that_are_not_text, lower) == words_that_are_not_text.end();
}

std::string scalar(const json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) {
    return value.get<std::string>();
  }
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

bool is_block(const json& value) {
  return value.is_structured() && !value.empty();
}

void write(std::string& out, const json& value, std::size_t indent);

void write_entry(std::string& out, const std::string& key, const json& value, std::size_t indent) {
  out += scalar(key) + ":";
  if (!is_block(value)) {
    out += " " + scalar(value) + "\n";
    return;
  }
  out += "\n";
  write(out, value, value.is_array() ? indent : indent + 2);  // lists as kubectl indents them
}

void write(std::string& out, const json& value, std::size_t indent) {
  const std::string margin(indent, ' ');
  bool first_of_item = out.ends_with("- ");
  for (const auto& [key, entry] : value.items()) {
    out += first_of_item ? "" : margin;
    first_of_item = false;
    if (value.is_object()) {
      write_entry(out, key, entry, indent);
    } else if (is_block(entry)) {
      out += "- ";
      write(out, entry, indent + 2);
    } else {
      out += "- " + scalar(entry) + "\n";
    }
  }
}

}  // namespace

std::string to_yaml(const json& value) {
  std::string out;
  if (is_block(value)) {
    write(out, value, 0);
  } else {
    out = scalar(value) + "\n";
  }
  return out;
}

}  // namespace kt::kube
