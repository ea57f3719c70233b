# SPDX-License-Identifier: Apache-2.0
# What the tests of kubectl kt-exchange share; sourced behind lib.sh. A test has local ports of its own ($p and the nine behind it,
# since the laptop's are shared with other tests) and one connect, on which its exchanges stand.
p=$((10000 + $$ % 2000 * 10))

# workload KIND NAME [CHANGE]: its JSON, of the shop's image, which dies at once on SIGTERM. CHANGE is a jq filter
workload() {
  jq --null-input --arg kind "$1" --arg name "$2" '{apiVersion: "apps/v1", kind: $kind, metadata: {name: $name}, spec: {
    replicas: 1, selector: {matchLabels: {app: $name}}, template: {metadata: {labels: {app: $name}}, spec: {
      automountServiceAccountToken: false, terminationGracePeriodSeconds: 1,
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: "RuntimeDefault"}},
      containers: [{name: "server", image: "kt.test/shop:1", imagePullPolicy: "IfNotPresent", env: [{name: "SERVICE", value: $name}],
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: ["ALL"]}},
        ports: [{name: "http", containerPort: 8080}],
        readinessProbe: {httpGet: {path: "/", port: 8080}, periodSeconds: 1},
        resources: {requests: {cpu: "10m", memory: "16Mi"}}}]}}}}' | jq "${3:-.}"
}
# service NAME APP [CHANGE]
service() {
  jq --null-input --arg name "$1" --arg app "$2" '{apiVersion: "v1", kind: "Service", metadata: {name: $name},
    spec: {selector: {app: $app}, ports: [{name: "http", port: 80, targetPort: "http"}]}}' | jq "${3:-.}"
}
# owner_applies: JSON objects from stdin, as their owner does it
owner_applies() { k apply --server-side --field-manager=owner --filename -; }
# make NAME [CHANGE]: a Deployment and its Service
make() { { workload Deployment "$1" "${2:-.}"; service "$1" "$1"; } | owner_applies >/dev/null; }
available() { k wait "$1" --for=jsonpath='{.status.readyReplicas}'="${2:-1}" --timeout=30s; }
address_of() { k get service "$1" --output 'jsonpath={.spec.clusterIP}'; }

# A pod that calls: what runs in its network comes from inside the cluster
start_caller() {
  run_pod caller sleep infinity
  caller_network=$(container_network "$(k get pod caller --output 'jsonpath={.status.containerStatuses[0].containerID}')")
}
in_cluster() { nsenter --net="$caller_network" "$@"; }
# request SERVICE[:PORT] [SECONDS]: from inside the cluster
request() {
  local service=${1%%:*} port=80
  [ "$service" = "$1" ] || port=${1##*:}
  in_cluster curl -sS --max-time "${2:-5}" "http://$(address_of "$service"):$port/"
}
answered_by() { output_has "^$1: " request "$2" "${3:-5}"; } # WORD SERVICE [SECONDS]

# start_answers PORT WORD: a local program that says WORD; answers_pid is its process
start_answers() {
  "$cluster" laptop -u admin python3 "$(copied local_answers)" "$1" "$2" >/dev/null 2>&1 </dev/null 9>&- &
  answers_pid=$!
  wait_until 10 listens "$1"
}
listens() { nsenter --net=/run/netns/kt-laptop ss -Hltn "sport = :$1" | grep -q .; }
# copied FILE: of this folder, where the laptop's user may read it
copied() { [ -e "$runtime/$1" ] || install -m 755 "$here/$1" "$runtime/"; printf '%s' "$runtime/$1"; }

# The connect below all of them
start_base() {
  start_connect "$scratch/connect" admin "$@" -- sleep infinity
  base_pid=$connect_pid
  wait_until 30 grep -q '^connected: ' "$scratch/connect"
}

# exchange ARG…: in the foreground; start_exchange NAME ARG…: in the background, said in $scratch/NAME.out and .err. exchange_pid is
# the process itself, and a signal 2 reaches it, although shells start what is in the background without
exchange() { as_user admin kubectl-kt_exchange "$@" --namespace "$namespace"; }
start_exchange() {
  local name=$1
  shift
  env --default-signal=INT "$cluster" laptop -u "${exchange_user:-admin}" env XDG_RUNTIME_DIR="$runtime" \
    kubectl-kt_exchange --namespace "$namespace" "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null 9>&- &
  exchange_pid=$!
}
says() { grep -q -- "$2" "$scratch/$1.out" "$scratch/$1.err"; } # NAME PATTERN
exchanged() { grep -qE '^[a-z]+\.apps/[a-z0-9-]+ exchanged$' "$scratch/$1.out"; }
restored() { grep -qE '^[a-z]+\.apps/[a-z0-9-]+ restored$' "$scratch/$1.out"; }
heard() { cat "$scratch/$1.out" "$scratch/$1.err"; }
# is_exchanged SECONDS NAME: or what it has said instead
is_exchanged() { wait_until "$1" exchanged_or_over "$2"; exchanged "$2" || { heard "$2"; return 1; }; }
exchanged_or_over() { exchanged "$1" || grep -q '^error: ' "$scratch/$1.err"; }
# its_end PID NAME: it ends, within 90 s; exit_code is its own
its_end() {
  exit_code=0
  timeout 90 tail --pid="$1" --sleep-interval=0.1 --follow /dev/null || { say "it still runs"; heard "$2"; return 1; }
  wait "$1" || exit_code=$?
}
ended_with() { its_end "$2" "$3" && { [ $exit_code = "$1" ] || { say "exit code $exit_code instead of $1"; heard "$3"; return 1; }; }; } # CODE PID NAME
# ends_with CODE PID NAME: Ctrl-C is its end
ends_with() { kill -INT "$2"; ended_with "$@"; }

replicas_of() { k get "$1" --output 'jsonpath={.spec.replicas}'; }
replicas_are() { [ "$(replicas_of "$1")" = "$2" ] || { say "replicas of $1: $(replicas_of "$1")"; return 1; }; }

# Every object that an exchange could touch, but for what Kubernetes itself counts up. The connect's own are not of interest
objects() { # FILTER
  k get deployments,statefulsets,replicasets,daemonsets,services,leases,configmaps,secrets,serviceaccounts,roles,rolebindings,endpointslices,poddisruptionbudgets \
    --output json --show-managed-fields | jq --sort-keys "$1"' .items[] | select(.metadata.name | startswith("kt-connect-") | not)'
}
same_objects() {
  objects 'del(.items[] | (.metadata.resourceVersion, .metadata.generation, .metadata.managedFields, .status)) |
    (.items[] | select(.kind == "EndpointSlice")) |= (del(.metadata.annotations, .endpoints)) |'
}
pods_of_ours() { k get pods --selector kubectl-kt/session --output name; }
# as_before FILE: what same_objects has written there
as_before() { diff "$scratch/$1" <(same_objects) && [ -z "$(pods_of_ours)" ] || { pods_of_ours; return 1; }; }
soon_as_before() { wait_until "$1" as_before "$2" || as_before "$2"; } # SECONDS FILE
# To the last version: nothing was written at all
versions() { objects '(.items[] | select(.kind == "EndpointSlice")) |= del(.endpoints) |'; }
untouched() { diff "$scratch/$1" <(versions); } # FILE of versions
