# SPDX-License-Identifier: Apache-2.0
# Runs tests/cluster/*_test side by side, each in a Kubernetes namespace of its own. Sourced by ./dev.

test_limit=300 # seconds for one file
side_by_side=3 # they wait more than they compute
passed=0 failed=0

# run_cluster_tests [NAME…]: files of tests/cluster, by name or part of it; those named *_alone_test run after the others
run_cluster_tests() {
  local files logs=$top/build/cluster-tests
  rm -rf "$logs"
  mkdir -p "$logs"
  KT_IMAGE=$(image_name)
  export KT_IMAGE logs test_limit
  [ "$EUID" = 0 ] || export as_root="sudo --preserve-env=HOME,XDG_CACHE_HOME,PATH,KT_IMAGE"
  mapfile -t files < <(select_tests "$@")
  ((${#files[@]})) || die "no test in tests/cluster matches '$*'"
  printf '%s\n' "${files[@]}" | grep -v '_alone_test$' | xargs -d '\n' -r -P $side_by_side -n 1 bash -c "$run_one" bash || :
  printf '%s\n' "${files[@]}" | grep '_alone_test$' | xargs -d '\n' -r -n 1 bash -c "$run_one" bash || :
  count_results
}

select_tests() {
  local file name
  for file in "$here"/*_test; do
    [ $# != 0 ] || printf '%s\n' "$file"
    for name; do [[ ${file##*/} != *"$name"* ]] || printf '%s\n' "$file"; done
  done | sort -u | once_more
}

# Those about CMD and names also run with the least that a connect can have: one SSH link, over a port-forward
once_more() {
  local file
  while read -r file; do
    printf '%s\n' "$file"
    case $file in */connect_command_test | */connect_names_test) printf '%s --carrier=port-forward --links=0\n' "$file" ;; esac
  done
}

# timeout puts the test into a process group of its own, which Ctrl-C does not reach: it is passed on, and the test cleans up.
# The log is shown whole where the test failed, and its last line where it passed
run_one='
read -r file flags <<<"$1"
name=${file##*/}${flags:+ $flags} log="$logs/${file##*/}$flags.log" start=$SECONDS
${as_root:-} env KT_CONNECT_FLAGS="$flags" timeout --kill-after=20 "$test_limit" "$file" >"$log" 2>&1 </dev/null & test=$!
trap "kill $test; wait $test; exit 130" INT TERM
status=0
wait $test || status=$?
echo $status >"$logs/$name.status"
case $status in
  0) printf "✓ %s (%d s): %s\n" "$name" $((SECONDS - start)) "$(tail -n 1 "$log")" ;;
  *) printf "✗ %s (%d s, exit code %d)\n%s\n" "$name" $((SECONDS - start)) $status "$(sed "s/^/    /" "$log")" ;;
esac'

count_results() {
  local file
  for file in "$top"/build/cluster-tests/*.status; do
    if [ "$(cat "$file")" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
}
