// SPDX-License-Identifier: Apache-2.0
#include "cli/option_table.h"

#include "base/error.h"

#include <cxxopts.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>
#include <span>

namespace kt::cli {
namespace {

constexpr std::size_t help_width = 80;   // columns
constexpr std::size_t help_column = 41;  // where the texts begin
constexpr const char* words_key = "kt-words";

std::string flag_name(const Option& option) {
  return "--" + option.name;
}

const Option* find_short(const std::vector<Option>& options, char name) {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [name](const Option& o) { return o.short_name == name; });
  return found == options.end() ? nullptr : &*found;
}

// pflag's "-n=NS", which cxxopts would read as the value "=NS".
std::string without_short_equals(const std::vector<Option>& options, const std::string& argument) {
  const bool shaped =
      argument.size() > 2 && argument[0] == '-' && argument[1] != '-' && argument[2] == '=';
  const Option* option = shaped ? find_short(options, argument[1]) : nullptr;
  return option == nullptr ? argument : flag_name(*option) + argument.substr(2);
}

// The 6 of kubectl's "-v 6": a switch that counts may have its level in a word of its own.
bool is_level(const std::vector<Option>& options, const std::string& flag,
              const std::string& word) {
  const bool shaped =
      flag.size() == 2 && flag[0] == '-' && word.size() == 1 && word[0] >= '0' && word[0] <= '9';
  const Option* option = shaped ? find_short(options, flag[1]) : nullptr;
  return option != nullptr && option->value_name.empty() && option->repeatable;
}

// What cxxopts would read otherwise than pflag does.
std::vector<std::string> as_cxxopts_reads(const std::vector<Option>& options,
                                          std::span<const std::string> arguments) {
  std::vector<std::string> result;
  for (const std::string& argument : arguments) {
    if (!result.empty() && is_level(options, result.back(), argument)) {
      result.back() += "=" + argument;
    } else {
      result.push_back(argument);
    }
  }
  for (std::string& argument : result) {
    argument = without_short_equals(options, argument);
  }
  return result;
}

cxxopts::Options make_parser(const std::vector<Option>& options) {
  cxxopts::Options parser("");
  parser.allow_unrecognised_options();
  for (const Option& option : options) {
    const std::string name =
        option.short_name == 0 ? option.name : fmt::format("{},{}", option.short_name, option.name);
    auto value = cxxopts::value<std::string>();
    parser.add_options()(name, "",
                         option.value_name.empty() ? value->implicit_value("true") : value);
  }
  // A vector's values would be split at commas, but raw arguments are read below.
  parser.add_options()(words_key, "", cxxopts::value<std::vector<std::string>>());
  parser.parse_positional({words_key});
  return parser;
}

std::string did_you_mean(const std::string& flag, const std::vector<Option>& options) {
  std::vector<std::string> names;
  std::transform(options.begin(), options.end(), std::back_inserter(names), &flag_name);
  const std::string close = nearest(flag.substr(0, flag.find('=')), names);
  return close.empty() ? "--help lists all flags" : fmt::format("did you mean {}?", close);
}

[[noreturn]] void throw_unknown(const std::string& flag, const std::vector<Option>& options) {
  throw Error(ErrorKind::usage, "unknown flag: " + flag.substr(0, flag.find('=')),
              did_you_mean(flag, options));
}

// The option's name in an exception's text: between ‘ and ’.
std::string quoted_name(std::string_view text) {
  constexpr std::string_view open = "\u2018";
  constexpr std::string_view close = "\u2019";
  const std::size_t begin = text.find(open);
  const std::size_t end = text.find(close);
  return begin == std::string_view::npos || end == std::string_view::npos
             ? std::string(text)
             : std::string(text.substr(begin + open.size(), end - begin - open.size()));
}

// Also when a group of short flags ends in one that wants a value ("-n").
std::string long_name(const std::string& name, const std::vector<Option>& options) {
  const Option* option = name.size() == 1 ? find_short(options, name[0]) : nullptr;
  return option == nullptr ? name : option->name;
}

std::vector<std::string> parse_with(cxxopts::Options& parser, const std::vector<Option>& options,
                                    const std::vector<std::string>& arguments,
                                    std::vector<cxxopts::KeyValue>& found) {
  std::vector<const char*> argv{"program"};
  for (const std::string& argument : arguments) {
    argv.push_back(argument.c_str());
  }
  try {
    const cxxopts::ParseResult result = parser.parse(static_cast<int>(argv.size()), argv.data());
    found = result.arguments();
    return result.unmatched();
  } catch (const cxxopts::exceptions::parsing& e) {
    const std::string name = long_name(quoted_name(e.what()), options);
    throw Error(ErrorKind::usage, fmt::format("flag needs a value: --{}", name),
                fmt::format("--{}=VALUE", name));
  }
}

void check_switch(const Option& option, const std::string& value) {
  const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  if (option.value_name.empty() && value != "true" && value != "false" && !number) {
    throw Error(ErrorKind::usage,
                fmt::format("--{}: '{}' is neither true nor false", option.name, value),
                fmt::format("--{}", option.name));
  }
}

std::string replace_program(std::string text, std::string_view program) {
  for (std::size_t at = text.find("{}"); at != std::string::npos;
       at = text.find("{}", at + program.size())) {
    text.replace(at, 2, program);
  }
  return text;
}

std::string option_head(const Option& option) {
  std::string head = option.short_name == 0 ? "      " : fmt::format("  -{}, ", option.short_name);
  head += flag_name(option);
  return option.value_name.empty() ? head : head + " " + option.value_name;
}

// Columns of UTF-8 text: what is not a continuation byte.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// Of several alternatives the first is the default, and need not be named.
bool shows_default(const Option& option) {
  return !option.default_value.empty() && !option.value_name.empty() &&
         !option.value_name.starts_with(option.default_value + "|");
}

// Words of `text` in lines that begin at `column`; the first line is already `used` columns long.
std::string wrapped(std::string_view text, std::size_t column, std::size_t used) {
  std::string result;
  std::size_t at = used;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (at > column && at + 1 + word.size() > help_width) {
      result += "\n" + std::string(column, ' ');
      at = column;
    } else if (at > column) {
      result += ' ';
      ++at;
    }
    result += word;
    at += word.size();
  }
  return result;
}

std::string option_text(const Option& option) {
  std::string line = option_head(option);
  const std::size_t width = width_of(line);
  if (width + 2 > help_column) {
    line += "\n" + std::string(help_column, ' ');
  } else {
    line.append(help_column - width, ' ');
  }
  const std::string help = shows_default(option)
                               ? fmt::format("{} (default {})", option.help, option.default_value)
                               : option.help;
  return line + wrapped(help, help_column, help_column) + "\n";
}

std::vector<std::string> topics_of(const std::vector<Option>& options) {
  std::vector<std::string> topics;
  for (const Option& option : options) {
    if (!option.topic.empty() &&
        std::find(topics.begin(), topics.end(), option.topic) == topics.end()) {
      topics.push_back(option.topic);
    }
  }
  return topics;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

const std::vector<std::string> no_values;
const std::string no_value;

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = std::min<std::size_t>(3, (word.size() + 1) / 2);
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(word, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

bool ParsedOptions::given(std::string_view name) const {
  return values_.contains(name);
}

const std::string& ParsedOptions::value(std::string_view name) const {
  if (const auto found = values_.find(name); found != values_.end()) {
    return found->second.back();
  }
  const auto preset = defaults_.find(name);
  return preset == defaults_.end() ? no_value : preset->second;
}

const std::vector<std::string>& ParsedOptions::values(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? no_values : found->second;
}

std::size_t ParsedOptions::count(std::string_view name) const {
  const std::string& last = value(name);
  const bool level = last.size() == 1 && last[0] >= '0' && last[0] <= '9';
  return level ? static_cast<std::size_t>(last[0] - '0') : values(name).size();
}

long ParsedOptions::number(std::string_view name, long least, long most) const {
  const std::string& text = value(name);
  long result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc() || end != text.data() + text.size() || result < least || result > most) {
    throw Error(ErrorKind::usage,
                fmt::format("--{}: '{}' is not a number from {} to {}", name, text, least, most),
                fmt::format("--{}={}", name, least));
  }
  return result;
}

std::size_t ParsedOptions::choice(std::string_view name,
                                  const std::vector<std::string>& names) const {
  const auto found = std::ranges::find(names, value(name));
  if (found == names.end()) {
    throw Error(ErrorKind::usage,
                fmt::format("--{} '{}': one of {} and {}", name, value(name),
                            fmt::join(names.begin(), names.end() - 1, ", "), names.back()));
  }
  return static_cast<std::size_t>(found - names.begin());
}

OptionTable::OptionTable(HelpText text, std::vector<Option> options)
    : text_(std::move(text)), options_(std::move(options)) {}

ParsedOptions OptionTable::parse(const std::vector<std::string>& arguments) const {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  const std::vector<std::string> ours = as_cxxopts_reads(options_, {arguments.begin(), separator});
  cxxopts::Options parser = make_parser(options_);
  std::vector<cxxopts::KeyValue> found;
  const std::vector<std::string> unknown = parse_with(parser, options_, ours, found);
  if (!unknown.empty()) {
    throw_unknown(unknown.front(), options_);
  }
  ParsedOptions parsed;
  for (const cxxopts::KeyValue& argument : found) {
    auto& into = argument.key() == words_key ? parsed.words_ : parsed.values_[argument.key()];
    into.push_back(argument.value());
  }
  for (const Option& option : options_) {
    parsed.defaults_[option.name] = option.default_value;
    for (const std::string& value : parsed.values(option.name)) {
      check_switch(option, value);
    }
  }
  parsed.has_command_ = separator != arguments.end();
  if (parsed.has_command_) {
    parsed.command_.assign(separator + 1, arguments.end());
  }
  return parsed;
}

std::string OptionTable::help(std::string_view program) const {
  std::string text = wrapped(text_.sentence, 0, 0) + "\n\nExamples:\n";
  for (const std::string& line : text_.examples) {
    text += "  " + replace_program(line, program) + "\n";
  }
  text += "\nUsage:\n  " + replace_program(text_.usage, program) + "\n";
  for (const std::string& topic : topics_of(options_)) {
    text += "\n" + topic + ":\n";
    for (const Option& option : options_) {
      text += option.topic == topic ? option_text(option) : "";
    }
  }
  return text_.footer.empty()
             ? text
             : text + "\n" + wrapped(replace_program(text_.footer, program), 0, 0) + "\n";
}

}  // namespace kt::cli
