// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

namespace kt::cli {
namespace {

bool is_flag(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}

const Option* find_flag(const OptionTable& table, std::string_view word) {
  const auto found = std::ranges::find_if(table.options(), [&](const Option& option) {
    return word == "--" + option.name ||
           (option.short_name != 0 && word == std::string{'-', option.short_name});
  });
  return found == table.options().end() ? nullptr : &*found;
}

// "auto|proxy|port-forward" names all values; "DURATION" only their kind.
std::vector<std::string> alternatives(std::string_view value_name) {
  std::vector<std::string> values;
  if (value_name.find('|') == std::string_view::npos) {
    return values;
  }
  while (!value_name.empty()) {
    const std::size_t end = std::min(value_name.find('|'), value_name.size());
    values.emplace_back(value_name.substr(0, end));
    value_name.remove_prefix(std::min(end + 1, value_name.size()));
  }
  return values;
}

Completion values_of(const Option& option, const std::string& before) {
  Completion completion;
  for (const std::string& value : alternatives(option.value_name)) {
    completion.candidates.push_back(before + value);
  }
  if (completion.candidates.empty()) {
    completion.values_of = option.name;
  }
  return completion;
}

Completion flags_of(const OptionTable& table) {
  Completion completion;
  for (const Option& option : table.options()) {
    completion.candidates.push_back(fmt::format("--{}\t{}", option.name, option.help));
  }
  return completion;
}

}  // namespace

Completion complete(const OptionTable& table, const std::vector<std::string>& verbs,
                    const std::vector<std::string>& words) {
  const std::string last = words.empty() ? "" : words.back();
  const std::size_t before = words.empty() ? 0 : words.size() - 1;
  if (std::find(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(before), "--") !=
      words.begin() + static_cast<std::ptrdiff_t>(before)) {
    return {{}, files_too, {}};  // CMD's own
  }
  const Option* const previous = before == 0 ? nullptr : find_flag(table, words[before - 1]);
  if (previous != nullptr && !previous->value_name.empty()) {
    return values_of(*previous, "");
  }
  const std::size_t equals = last.find('=');
  if (is_flag(last) && equals != std::string::npos) {
    const Option* const option = find_flag(table, last.substr(0, equals));
    return option == nullptr ? Completion{} : values_of(*option, last.substr(0, equals + 1));
  }
  if (is_flag(last)) {
    return flags_of(table);
  }
  Completion completion;
  if (before == 0) {
    completion.candidates = verbs;
  }
  return completion;
}

std::string render(const Completion& completion, std::string_view prefix) {
  std::string text;
  for (const std::string& candidate : completion.candidates) {
    text += candidate.starts_with(prefix) ? candidate + "\n" : "";
  }
  return text + fmt::format(":{}\n", completion.directive);
}

}  // namespace kt::cli
