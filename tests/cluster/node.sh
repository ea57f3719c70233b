# SPDX-License-Identifier: Apache-2.0
# The daemons. Each has a function start_NAME, so that a test can stop one and start it again. Sourced by ./cluster.

# spawn NAME CMD…: a daemon in our cgroup, its output in log/NAME, its process id in pid/NAME
spawn() {
  local name=$1
  shift
  (
    echo "$BASHPID" >"$(daemon_cgroup)/cgroup.procs"
    echo "$BASHPID" >"$run/pid/$name"
    exec setsid "$@" 9>&- </dev/null >>"$run/log/$name" 2>&1
  ) &
}

running() {
  local pid
  pid=$(cat "$run/pid/$1" 2>/dev/null) && grep -qx "$pid" "$(daemon_cgroup)/cgroup.procs"
}

stop_daemon() {
  running "$1" || return 0
  kill "$(cat "$run/pid/$1")"
  wait_until 10 not running "$1" || kill -9 "$(cat "$run/pid/$1")"
}

# on_node CMD…: in the node's network and mount namespace. The mounts of containerd, kubelet and pods are seen by nobody
# else, and the last process of the node takes them along.
on_node() { nsenter --net=/run/netns/kt-node --mount="/proc/$(cat "$run/pid/node")/ns/mnt" -- "$@"; }
spawn_on_node() {
  local name=$1
  shift
  spawn "$name" nsenter --net=/run/netns/kt-node --mount="/proc/$(cat "$run/pid/node")/ns/mnt" -- "$@"
}
spawn_on_laptop() {
  local name=$1
  shift
  spawn "$name" nsenter --net=/run/netns/kt-laptop -- "$@"
}

# Where containerd, kubelet and libcni write whatever one tells them: a tmpfs of the node's own on each
node_folders=(/var/log/pods /var/log/containers /var/lib/cni /var/lib/kubelet /run/containerd)

start_node() {
  local folder
  mkdir -p "$run/node"
  for folder in "${node_folders[@]}"; do
    [ -d "$folder" ] || { mkdir -p "$folder"; echo "$folder" >>"$run/made-folders"; }
  done
  spawn node unshare --mount --propagation slave bash -c '
    mount --make-rshared / && for folder; do mount -t tmpfs -o size=4g kt-cluster "$folder" || exit; done
    mount --bind '"$run"'/config/node-resolv.conf /etc/resolv.conf || exit
    touch '"$run"'/node-mounted; exec sleep infinity' bash "$run/node" "${node_folders[@]}"
  wait_until 5 test -e "$run/node-mounted"
}

start_etcd() {
  spawn_on_node etcd "$kubernetes_bin/etcd" --data-dir="$run/node/etcd" --unsafe-no-fsync --log-level=warn \
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380
}

start_apiserver() {
  spawn_on_node apiserver "$kubernetes_bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address=192.0.2.2 --service-cluster-ip-range=198.19.0.0/16,fd6b:19::/112 --allow-privileged=true \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --profiling=false \
    --kubelet-preferred-address-types=InternalIP --client-ca-file="$run/pki/ca.crt" --tls-cert-file="$run/pki/apiserver.crt" --tls-private-key-file="$run/pki/apiserver.key" \
    --cert-dir="$run/node" --kubelet-client-certificate="$run/pki/kubelet-client.crt" --kubelet-client-key="$run/pki/kubelet-client.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$run/pki/service-accounts.pub" \
    --service-account-signing-key-file="$run/pki/service-accounts.key"
}

start_controllers() {
  spawn_on_node controllers "$kubernetes_bin/kube-controller-manager" --kubeconfig="$run/kubeconfig/kube-controller-manager" \
    --leader-elect=false --use-service-account-credentials --root-ca-file="$run/pki/ca.crt" \
    --service-account-private-key-file="$run/pki/service-accounts.key" --cert-dir="$run/node" --cluster-name=kt \
    --allocate-node-cidrs --cluster-cidr=198.18.0.0/16,fd6b:18::/56 --service-cluster-ip-range=198.19.0.0/16,fd6b:19::/112 \
    --node-cidr-mask-size-ipv4=24 --node-cidr-mask-size-ipv6=64
}

start_scheduler() {
  spawn_on_node scheduler "$kubernetes_bin/kube-scheduler" --kubeconfig="$run/kubeconfig/kube-scheduler" --leader-elect=false --cert-dir="$run/node"
}

start_containerd() { spawn_on_node containerd containerd --config "$run/config/containerd.toml"; }

start_kubelet() {
  spawn_on_node kubelet "$kubernetes_bin/kubelet" --config="$run/config/kubelet.yaml" --kubeconfig="$run/kubeconfig/kubelet" \
    --hostname-override=kt-node --node-ip=192.0.2.2,2001:db8::2
}

start_proxy() { spawn_on_node proxy "$kubernetes_bin/kube-proxy" --config="$run/config/kube-proxy.yaml"; }

# The laptop's own resolver, and a web server in the world outside
start_laptop_dns() { spawn_on_laptop laptop-dns "$coredns_bin/coredns" -conf "$run/config/laptop.Corefile"; }
start_outside() { spawn_on_node outside env SERVICE=www LISTEN=203.0.113.10:80 ECHO=203.0.113.10:7 "$images/shop"; }

# The machine itself has no wire to the node (its own addresses may be the same): one loopback port leads to the API server
start_host_port() {
  spawn_on_node host-port-inner socat "UNIX-LISTEN:$run/api.sock,fork,unlink-early,mode=600" TCP:192.0.2.2:6443
  spawn host-port socat "TCP-LISTEN:$host_port,bind=127.0.0.1,fork,reuseaddr" "UNIX-CONNECT:$run/api.sock"
}

image_import() { on_node ctr --address "$run/containerd.sock" --namespace k8s.io images import "$1"; }
