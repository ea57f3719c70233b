// SPDX-License-Identifier: Apache-2.0
// What a shell offers when TAB is pressed, out of the same table as parser and help. The protocol
// is that of kubectl for plugins: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
// (a program kubectl_complete-<plugin>; a candidate a line, then ":" and a number). Pure.
#pragma once

#include "cli/option_table.h"

#include <string>
#include <string_view>
#include <vector>

namespace kt::cli {

// Cobra's ShellCompDirective, added up.
enum CompletionDirective : unsigned { files_too = 0, no_space = 2, no_files = 4 };

struct Completion {
  std::vector<std::string> candidates;  // "word" or "word\tdescription"
  unsigned directive = no_files;
  std::string values_of;  // a flag whose values are the caller's to find, e.g. "namespace"
};

// `words` are those typed after the plugin's name; the last one is under the cursor, perhaps empty.
// `verbs` are candidates for the first one.
[[nodiscard]] Completion complete(const OptionTable& table, const std::vector<std::string>& verbs,
                                  const std::vector<std::string>& words);

// Candidates that begin with `prefix` and the directive, as kubectl wants them.
[[nodiscard]] std::string render(const Completion& completion, std::string_view prefix);

}  // namespace kt::cli
