# SPDX-License-Identifier: Apache-2.0
# What a test on the real cluster needs. A test is a script tests/cluster/NAME_test that sources this file; it runs as root,
# beside others, and gets for its own: the Kubernetes namespace $namespace (enforces Pod Security `restricted`), the runtime
# folder $runtime of the laptop's user, the folder $scratch. All three go away with it.
#
#   check "what holds" CMD…           counts, goes on; shows CMD's output where it failed
#   check_fails "what holds" CMD…     the same for a CMD that must not succeed
#   as_user alice CMD…                on the laptop, as kt-dev with that user's kubeconfig
#   k ARG…                            kubectl as admin, in $namespace
#   grant alice VERB[,…] RESOURCE[,…]    a Role in $namespace, bound to that user; ungrant alice takes all back
#   may alice VERB RESOURCE           whether that user may, in $namespace
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../dev.d/progress.sh"
cluster=$here/cluster
run=/run/kubectl-kt-cluster
test_name=$(basename "$0" | tr '_' '-')
namespace=kt-${test_name%-test}-$$
passed=0 failed=0
at_end=() # commands for what is outside $namespace, $runtime and $scratch
[ "$EUID" = 0 ] || die "tests on the cluster run as root" "sudo $0"
[ -e $run/ready ] || die "the cluster does not run" "./dev cluster up"
scratch=$(mktemp -d)
runtime=/run/user/$(id -u kt-dev)/$namespace
install -d -m 700 -o kt-dev -g kt-dev "$runtime"

cleanup() {
  local status=$?
  trap - EXIT
  local undo
  end_children
  for undo in "${at_end[@]}"; do eval "$undo" >/dev/null 2>&1 || say "warning: failed at the end: $undo"; done
  kubectl_admin delete namespace "$namespace" --ignore-not-found --wait=false >/dev/null 2>&1 || say "warning: namespace '$namespace' is left"
  rm -rf "$scratch" "$runtime"
  [ $status = 0 ] || { failed=$((failed + 1)); say "FAIL  the test ended early, with exit code $status"; }
  [ $failed = 0 ] || status=1
  say "$passed passed, $failed failed"
  exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

end_children() {
  local children
  children=$(jobs -p)
  [ -z "$children" ] || { kill $children; kill -CONT $children; } 2>/dev/null || :
}

PATH=$("$cluster" kubectl-folder):$PATH
kubectl_admin() { nsenter --net=/run/netns/kt-laptop kubectl --kubeconfig $run/kubeconfig/admin "$@"; }
k() { kubectl_admin --namespace "$namespace" "$@"; }

as_user() {
  local user=$1
  shift
  "$cluster" laptop -u "$user" env XDG_RUNTIME_DIR="$runtime" "$@"
}

# A line for each check; the output of one that failed is shown, so run it with little noise
check() {
  local what=$1 status=0
  shift
  "$@" >"$scratch/output" 2>&1 || status=$?
  record "$what" $status "$(shell_words "$@")"
}

check_fails() {
  local what=$1 status=1
  shift
  ! "$@" >"$scratch/output" 2>&1 || { status=0; record "$what" 1 "$(shell_words "$@")"; return; }
  record "$what" 0 ""
}

record() {
  if [ "$2" = 0 ]; then
    passed=$((passed + 1))
    say "ok    $1"
    return
  fi
  failed=$((failed + 1))
  say "FAIL  $1 (exit code $2): $3"
  tail -n 30 "$scratch/output" | sed 's/^/      /'
}

# output_has PATTERN CMD…: CMD succeeds and prints what the extended regular expression matches
output_has() {
  local pattern=$1 output
  shift
  output=$("$@" 2>&1) || { printf '%s\n' "$output"; return 1; }
  grep -qE -- "$pattern" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}

# error_has PATTERN CMD…: CMD fails and says so in these words
error_has() {
  local pattern=$1 output
  shift
  if output=$("$@" 2>&1); then printf 'succeeded: %s\n' "$output"; return 1; fi
  grep -qE -- "$pattern" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}

# exit_code_is CODE CMD…
exit_code_is() {
  local want=$1 code=0
  shift
  "$@" || code=$?
  [ $code = "$want" ] || { say "exit code $code instead of $want"; return 1; }
}

grant() {
  local name
  name=grant-$1-$RANDOM$RANDOM
  k create role "$name" --verb="$2" --resource="$3" >/dev/null
  k create rolebinding "$name" --role="$name" --user="$1" >/dev/null
  k label rolebinding "$name" "grant=$1" >/dev/null
  wait_until 5 may "$1" "${2%%,*}" "${3%%,*}" # the API server learns it by a watch
}

# may USER VERB RESOURCE[/SUBRESOURCE]
may() {
  local subresource=${3#*/}
  [ "$subresource" != "$3" ] || subresource=
  k auth can-i "$2" "${3%%/*}" --subresource="$subresource" --as "$1" --as-group devs --as-group system:authenticated
}

# The API server learns it by a watch, so check what follows with wait_until
ungrant() { k delete rolebinding --selector "grant=$1" >/dev/null; }

# run_pod NAME CMD…: a pod of the tools image that passes `restricted`, ready when this returns
run_pod() {
  local name=$1
  shift
  k run "$name" --image=kt.test/tools:1 --image-pull-policy=IfNotPresent --restart=Never --command \
    --overrides='{"spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
      "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}}}' \
    --override-type=strategic --dry-run=client --output=json -- "$@" |
    jq '.spec.containers[].securityContext = {allowPrivilegeEscalation: false, capabilities: {drop: ["ALL"]}}' | k apply --filename - >/dev/null
  k wait pod "$name" --for=condition=Ready --timeout=60s >/dev/null
}

# api_relay USER: a way to the API server that a test can cut, on a loopback address of its own. Sets relay_kubeconfig and
# relay_pid; `kill "$relay_pid"` cuts new connections and living ones, `start_relay` mends it.
api_relay() {
  relay_address=127.$((RANDOM % 200 + 10)).$(($$ / 250 % 250)).$(($$ % 250 + 1))
  relay_kubeconfig=$runtime/relay-$1
  jq --arg server "https://$relay_address:6443" '.clusters[].cluster |= . + {server: $server, "tls-server-name": "localhost"}' \
    "$run/kubeconfig/$1" >"$relay_kubeconfig"
  chown kt-dev "$relay_kubeconfig"
  start_relay
}

start_relay() {
  nsenter --net=/run/netns/kt-laptop setsid bash -c 'trap "kill 0" EXIT; socat TCP-LISTEN:6443,bind="$1",fork,reuseaddr TCP:192.0.2.2:6443 & wait' \
    bash "$relay_address" >/dev/null 2>&1 &
  relay_pid=$!
  wait_until 5 nsenter --net=/run/netns/kt-laptop socat -u OPEN:/dev/null "TCP:$relay_address:6443"
}

kubectl_admin create --filename - >/dev/null <<END
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "$namespace", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
END

# What connect needs in $namespace but the way to the pod: get pods/proxy or create pods/portforward
grant_connect() {
  grant "$1" create,get,list,watch,patch,delete jobs.batch
  grant "$1" get,list,watch pods
  grant "$1" create secrets
}

# Flags for every connect of a test, as ./dev test runs some files once more with: a list of words
read -ra connect_flags <<<"${KT_CONNECT_FLAGS-}"

# connect [FLAG…] -- CMD…: the main job as admin in $namespace
connect() { as_user admin kubectl kt-connect --namespace "$namespace" "${connect_flags[@]}" "$@"; }
# what our shadows have left in $namespace, one name a line
shadow_objects() { k get jobs,pods,secrets --selector app.kubernetes.io/managed-by=kubectl-kt --output name; }
no_shadow_left() { [ -z "$(shadow_objects)" ]; }

# start_connect OUTPUT USER [FLAG…] -- CMD…: in the background; connect_pid is the process that was started, no shell around it,
# and shadow_label is on its Job and pod
start_connect() {
  local output=$1 user=$2
  shift 2
  shadow_label=kt-test/connect=$RANDOM$RANDOM
  "$cluster" laptop -u "$user" env XDG_RUNTIME_DIR="$runtime" \
    kubectl kt-connect --namespace "$namespace" --labels $shadow_label "$@" >"$output" 2>&1 </dev/null &
  connect_pid=$!
}

# start_shell [FLAG…]: a connect whose CMD is a shell that does what we ask, until `exec 9>&-`. What it prints is in out, what the
# connect says in said, both in $scratch
start_shell() {
  shadow_label=kt-test/connect=$RANDOM$RANDOM
  [ -p "$scratch/asks" ] || mkfifo "$scratch/asks"
  "$cluster" laptop -u admin env XDG_RUNTIME_DIR="$runtime" kubectl kt-connect --namespace "$namespace" --labels $shadow_label "$@" -- bash \
    <"$scratch/asks" >"$scratch/out" 2>"$scratch/said" &
  connect_pid=$!
  exec 9>"$scratch/asks"
  ask 'echo here'
  wait_until 20 grep -q here "$scratch/out"
}
ask() { printf '%s\n' "$1" >&9; }

# processes_of RUNTIME: those whose XDG_RUNTIME_DIR it is, what CMD started included
processes_of() { grep -lzxF "XDG_RUNTIME_DIR=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3; }
no_process_of() { [ -z "$(processes_of "$1")" ] || { ps -o pid,ppid,args $(processes_of "$1"); return 1; }; }

milliseconds() { printf '%d' $((${EPOCHREALTIME/[.,]/} / 1000)); }

# Of a connect: the process that holds its tunnel, the one that keeps CMD, CMD, and the kubectl children
holder_of() { pgrep -P "$1" -f ' hold$'; }
keeper_of() { pgrep -P "$1" -f -- ' -- '; }
command_of() { pgrep -P "$(keeper_of "$1")"; }
kubectls_of() { pgrep -P "$(holder_of "$1")" -x kubectl; }
# kill -9 of a connect and its holder at once; neither can look after the other
kill_all_of() {
  local holder
  holder=$(holder_of "$1")
  kill -STOP "$1" "$holder"
  { kill -9 "$1" "$holder"; wait "$1"; } 2>/dev/null || :
}

shadow_pod() { k get pods --selector $shadow_label --output "jsonpath={.items[0]$1}"; }
job_is_there() { [ -n "$(k get jobs --selector $shadow_label --output name)" ]; }
shadow_is() { [ "$(shadow_pod .status.phase)" = "$1" ]; }

# Job, pod and Secret: it runs once a node fits, whatever becomes of who has made it
shadow_is_made() { shadow_is Pending && k get secret "$(shadow_pod '.metadata.labels.job-name')"; }

# hold_connect OUTPUT USER [FLAG…] -- CMD…: start_connect, but it stands still before its first packet to the shadow pod, which
# runs when this returns: go_on lets it go on. No node fits the pod before connect has been stopped.
hold_connect() {
  local output=$1 user=$2
  shift 2
  start_connect "$output" "$user" --node-selector "kt-test/$namespace=here" "$@"
  wait_until 15 shadow_is_made
  kill -STOP "$(holder_of "$connect_pid")"
  kubectl_admin label node kt-node "kt-test/$namespace=here" >/dev/null
  wait_until 30 shadow_is Running
  kubectl_admin label node kt-node "kt-test/$namespace-" >/dev/null
}

go_on() { kill -CONT "$(holder_of "$connect_pid")"; }

# container_network CONTAINER_ID: of a pod's status; its network namespace as a path for nsenter(1)
container_network() {
  local process
  process=$("$cluster" node ctr --address $run/containerd.sock --namespace k8s.io tasks ls | awk -v id="${1##*/}" '$1 == id {print $2}')
  printf '/proc/%s/ns/net' "$process"
}
shadow_network() { container_network "$(shadow_pod .status.containerStatuses[0].containerID)"; }
in_shadow() { nsenter --net="$(shadow_network)" "$@"; }

# drop_in_shadow [MATCH…]: the shadow pod no longer sees what comes to its door, or only what nft's MATCH says
drop_in_shadow() {
  in_shadow nft -f - <<<"table inet test { chain door { type filter hook input priority 0; $* tcp dport 7070 counter drop; }; }"
}
mend_shadow() { in_shadow nft delete table inet test; }
