# SPDX-License-Identifier: Apache-2.0
# Words on the terminal for ./dev and tests/cluster/cluster. Sourced; needs `set -eu`.

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$1" >&2; [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2; exit 1; }

# run CMD…: prints the command as one could type it, then runs it
run() { printf '$ %s\n' "$(shell_words "$@")"; "$@"; }

shell_words() {
  local word words=()
  for word in "$@"; do
    if [[ $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]]; then words+=("$word"); else words+=("'${word//\'/\'\\\'\'}'"); fi
  done
  printf '%s' "${words[*]}"
}

as_root() { if [ "$EUID" = 0 ]; then "$@"; else sudo --preserve-env=HOME,XDG_CACHE_HOME,PATH,TERM "$@"; fi; }

# seconds since START (as EPOCHREALTIME gives it), with one decimal
seconds_since() { local now=${EPOCHREALTIME/[.,]/} start=${1/[.,]/}; printf '%d.%d' $(((now - start) / 1000000)) $(((now - start) / 100000 % 10)); }

# step WHAT CMD…: one line that moves while CMD runs, its time at the end, and its output only when it failed.
# CMD runs in a subshell with `set -e`; never call step where a condition would switch that off.
step() {
  local what=$1 start=$EPOCHREALTIME output ticker status
  shift
  output=$(mktemp)
  tick "$what" "$start" & ticker=$!
  set +e; (set -e; "$@") >"$output" 2>&1; status=$?; set -e
  kill "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null || :
  [ ! -t 1 ] || printf '\r\033[K'
  if [ $status = 0 ]; then
    printf '✓ %s (%s s)\n' "$what" "$(seconds_since "$start")"
    rm -f "$output"
  else
    printf '✗ %s (%s s, exit code %d)\n' "$what" "$(seconds_since "$start")" $status
    tail -n "${STEP_TAIL:-60}" "$output" | sed 's/^/    /'
    rm -f "$output"
    exit $status
  fi
}

# The line that moves: each second on a terminal, each minute in a log. Ends with the script it belongs to.
tick() {
  local waited=0
  while kill -0 $$ 2>/dev/null; do
    if [ -t 1 ]; then printf '\r  %s … %d s ' "$1" $waited
    elif ((waited % 60 == 59)); then printf '  %s … %s s\n' "$1" "$(seconds_since "$2")"; fi
    sleep 1
    waited=$((waited + 1))
  done
}

not() { ! "$@"; }

# wait_until SECONDS CMD…: tries CMD until it succeeds; 1 when the time is over
wait_until() {
  local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
    sleep 0.1
  done
}
