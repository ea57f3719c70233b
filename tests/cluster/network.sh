# SPDX-License-Identifier: Apache-2.0
# Two network namespaces and one wire between them, and the cgroup by which everything of ours is found again. Sourced by ./cluster.
#
#   kt-laptop  192.0.2.1 ── veth ── 192.0.2.2  kt-node ── bridge kt-pods ── pods 198.18.0.0/16
#              2001:db8::1          2001:db8::2                                  fd6b:18::/56
#
# The laptop has no route to pods or services. 203.0.113.0/24 plays the world outside: it lives behind the node, and the
# laptop's own resolver on 192.0.2.1 knows its names.

make_network() {
  mkdir -p /run/netns
  make_namespace kt-node
  make_namespace kt-laptop
  ip link add kt-wire netns kt-laptop type veth peer name kt-wire netns kt-node
  ip -n kt-laptop address add 192.0.2.1/24 dev kt-wire
  ip -n kt-laptop address add 2001:db8::1/64 dev kt-wire nodad
  ip -n kt-laptop link set kt-wire up
  ip -n kt-laptop route add 203.0.113.0/24 via 192.0.2.2
  ip -n kt-node address add 192.0.2.2/24 dev kt-wire
  ip -n kt-node address add 2001:db8::2/64 dev kt-wire nodad
  ip -n kt-node address add 203.0.113.10/32 dev lo
  ip -n kt-node link set kt-wire up
  nsenter --net=/run/netns/kt-node sysctl --quiet --write net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
    net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
}

# Not `ip netns add`: it mounts /run/netns on itself and leaves that behind
make_namespace() {
  touch "/run/netns/$1"
  unshare --net="/run/netns/$1" true
  ip -n "$1" link set lo up
}

delete_network() {
  local name
  for name in kt-node kt-laptop; do
    [ -e "/run/netns/$name" ] || continue
    while umount "/run/netns/$name" 2>/dev/null; do :; done
    rm -f "/run/netns/$name"
  done
  rmdir /run/netns 2>/dev/null || : # others may have theirs there
}

# The folder of our cgroup in each hierarchy: one on cgroup v2, one per controller on v1 and hybrid hosts
cgroup_roots() { awk '$3 ~ /^cgroup2?$/ {print $2 "/kt-cluster"}' /proc/mounts; }

# Where the daemons are; pods are beside it, in a cgroup that kubelet makes
daemon_cgroup() {
  if [ -d /sys/fs/cgroup/pids ]; then printf '/sys/fs/cgroup/pids/kt-cluster/daemons\n'; else printf '/sys/fs/cgroup/kt-cluster/daemons\n'; fi
}

make_cgroups() {
  local root
  while read -r root; do
    mkdir -p "$root"
    if [ "$root" = /sys/fs/cgroup/kt-cluster ]; then delegate_controllers /sys/fs/cgroup "$root"; fi
    if [ "$(basename "$(dirname "$root")")" = cpuset ]; then inherit_cpuset "$root"; fi
  done < <(cgroup_roots)
  mkdir -p "$(daemon_cgroup)"
}

# cgroup v2 shows a child only the controllers that its parents hand down
delegate_controllers() {
  local folder
  for folder; do echo "+cpu +cpuset +memory +pids" >"$folder/cgroup.subtree_control"; done
}

# cgroup v1 gives a new cpuset no processor and no memory
inherit_cpuset() {
  cat "$(dirname "$1")/cpuset.cpus" >"$1/cpuset.cpus"
  cat "$(dirname "$1")/cpuset.mems" >"$1/cpuset.mems"
}

cluster_processes() {
  local root
  while read -r root; do
    [ ! -d "$root" ] || find "$root" -name cgroup.procs -exec cat {} +
  done < <(cgroup_roots) 2>/dev/null | sort -un
}

no_process_left() { [ -z "$(cluster_processes)" ]; }

# Ends every process of ours, whoever started it: by cgroup, since pid files of a dead cluster may name somebody else's process
# by now. At once, since no daemon has anything to save.
end_processes() { wait_until 10 kill_processes || die "cannot end the cluster's processes: $(cluster_processes | tr '\n' ' ')"; }

kill_processes() {
  cluster_processes | xargs --no-run-if-empty kill -s KILL 2>/dev/null || :
  no_process_left
}

delete_cgroups() {
  local root
  while read -r root; do
    [ ! -d "$root" ] || wait_until 5 remove_cgroup "$root" || die "cannot remove the cgroup '$root'"
  done < <(cgroup_roots)
}

remove_cgroup() { find "$1" -depth -type d -exec rmdir {} + && [ ! -d "$1" ]; }
