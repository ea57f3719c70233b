// SPDX-License-Identifier: Apache-2.0
// One table makes the parser, the help and later the completion. kubectl's manners: -n NS, -nNS,
// -n=NS,
// --namespace NS, --namespace=NS; flags and words in any order; everything behind `--` is the
// child's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kt::cli {

struct Option {
  std::string name;  // without --
  char short_name = 0;
  std::string value_name;  // "<namespace>"; empty = a switch
  std::string help;        // capital first letter, no full stop
  std::string topic = {};  // heading in --help; empty = left out of it
  std::string default_value = {};
  bool repeatable = false;  // otherwise the last one counts, as in kubectl
};

class ParsedOptions {
 public:
  // Given by the user, also when its value is the default.
  [[nodiscard]] bool given(std::string_view name) const;
  // The last value, or the table's default.
  [[nodiscard]] const std::string& value(std::string_view name) const;
  // All values in order; empty when none was given.
  [[nodiscard]] const std::vector<std::string>& values(std::string_view name) const;
  // A switch: --x, --x=true, --x=false.
  [[nodiscard]] bool is_on(std::string_view name) const { return value(name) == "true"; }
  // How often: -vv is 2, and so are -v=2 and kubectl's -v 2 (one digit, of a repeatable switch).
  [[nodiscard]] std::size_t count(std::string_view name) const;
  // Whole number in the range. Throws Error usage.
  [[nodiscard]] long number(std::string_view name, long least, long most) const;

  // Index of the value in `names`. Throws Error usage "--x 'y': one of a, b and c".
  [[nodiscard]] std::size_t choice(std::string_view name,
                                   const std::vector<std::string>& names) const;

  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }
  // Behind `--`; has_command() tells a missing `--` from an empty command.
  [[nodiscard]] const std::vector<std::string>& command() const { return command_; }
  [[nodiscard]] bool has_command() const { return has_command_; }

 private:
  friend class OptionTable;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> defaults_;
  std::vector<std::string> words_;
  std::vector<std::string> command_;
  bool has_command_ = false;
};

// What --help says beside the options. `{}` in it becomes the program's name as typed.
struct HelpText {
  std::string sentence;
  std::vector<std::string> examples;  // "# comment" and command lines by turns
  std::string usage;                  // "{} [flags] -- CMD [ARG…]"
  std::string footer;
};

class OptionTable {
 public:
  OptionTable(HelpText text, std::vector<Option> options);

  // Throws Error usage with a hint ("did you mean --context?") on an unknown flag, a missing or an
  // unwanted value.
  [[nodiscard]] ParsedOptions parse(const std::vector<std::string>& arguments) const;

  // Examples first, then options by topic; fits 80 columns.
  [[nodiscard]] std::string help(std::string_view program) const;

  [[nodiscard]] const std::vector<Option>& options() const { return options_; }

 private:
  HelpText text_;
  std::vector<Option> options_;
};

// The nearest of `names` within an edit distance of 2 (and less than half of the word); empty =
// none.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace kt::cli
