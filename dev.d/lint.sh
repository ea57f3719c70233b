# SPDX-License-Identifier: Apache-2.0
# The verbs lint, fmt and size of ./dev, which sources this file.

# Off: a script that is sourced sees its caller's variables and `set -e`, which shellcheck does not; words are split on purpose
shellcheck_options="--shell=bash --severity=warning --exclude=SC1090,SC2034,SC2046,SC2154,SC2164"

cpp_files() { find shared plugins image tests -name '*.cpp' -o -name '*.h' | sort; }
# What bash runs, and what it sources
shell_files() {
  local files
  files=$(git ls-files --cached --others --exclude-standard)
  { grep '\.sh$' <<<"$files"; xargs grep -lE '^#!.*bash' <<<"$files"; } | sort -u
}

# What differs from the last commit; on a clean tree, what the last commit changed
changed_files() {
  local changed
  changed=$(git diff --name-only --diff-filter=d HEAD 2>/dev/null; git ls-files --others --exclude-standard)
  [ -n "$changed" ] || changed=$(git diff --name-only --diff-filter=d HEAD~1 HEAD 2>/dev/null || git ls-files)
  printf '%s\n' "$changed"
}

verb_lint() {
  local extent=${1:-changed} files
  export STEP_TAIL=1000 # every finding
  install_packages "${build_packages[@]}" "${lint_packages[@]}"
  step "layers and third-party headers" python3 tests/lint/includes
  step "clang-format" bash -c 'xargs clang-format-16 --dry-run --Werror' <<<"$(cpp_files)"
  step "shellcheck" bash -c "xargs shellcheck $shellcheck_options" <<<"$(shell_files)"
  case $extent in
    --quick) return ;;
    --all) files=$(cpp_files | grep '\.cpp$') ;;
    *) files=$(changed_files | grep -E '^(shared|plugins|image|tests)/.*\.cpp$' || :) ;;
  esac
  [ -n "$files" ] || { say "no C++ file changed: nothing for clang-tidy"; return; }
  build_preset dev all # clang-tidy reads its precompiled headers
  step "clang-tidy on $(wc -l <<<"$files") files" bash -c 'xargs -P 2 -n 1 clang-tidy-16 -p build/dev --quiet' <<<"$files"
}

verb_fmt() {
  install_packages clang-format-16
  cpp_files | run xargs clang-format-16 -i
}

verb_size() { run python3 tests/lint/size; }
