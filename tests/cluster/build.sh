# SPDX-License-Identifier: Apache-2.0
# What the cluster is made of, built once into the cache folder and keyed by what it is made from. Sourced by ./cluster.

kubernetes_version=v1.34.4

hash_of() { cat "$@" | sha256sum | cut -c 1-12; }

kubernetes_bin=$cache/kubernetes-$(hash_of "$here/k8s/go.sum")
coredns_bin=$cache/coredns-$(hash_of "$here/dns/go.sum")
images=$cache/images-$(hash_of "$here/build.sh" "$here/dns/go.sum" "$here/shop/main.go" "$here/config/pause.c")

# The debug symbols go, the version stays: without it the API server says v0.0.0 and kubectl's version checks misbehave.
version_flags() {
  local package=k8s.io/component-base/version minor=${kubernetes_version#v1.}
  printf -- '-s -w -X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s -X %s.gitTreeState=clean' \
    $package $kubernetes_version $package $package "${minor%%.*}" $package
}

# go_build FOLDER PROGRAM PACKAGE: a whole program or none, in a file of the name PROGRAM
go_build() {
  mkdir -p "$(dirname "$2")"
  cd "$here/$1"
  CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$(version_flags)" -o "$2.new" "$3"
  mv "$2.new" "$2"
}

# build_once WHAT PROGRAM FOLDER PACKAGE
build_once() { [ -x "$2" ] || step "build $1" go_build "$3" "$2" "$4"; }

build_programs() {
  local name
  [ -x "$kubernetes_bin/kubelet" ] || say "Kubernetes $kubernetes_version is built once, into $kubernetes_bin: about 5 minutes on 2 cores"
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet; do
    build_once $name "$kubernetes_bin/$name" k8s k8s.io/kubernetes/cmd/$name
  done
  build_once etcd "$kubernetes_bin/etcd" k8s go.etcd.io/etcd/server/v3
  build_once coredns "$coredns_bin/coredns" dns github.com/coredns/coredns
  kubectl_is_new_enough kubectl || build_once kubectl "$kubernetes_bin/kubectl" k8s k8s.io/kubernetes/cmd/kubectl
}

build_images() {
  image_once pause pause_root /pause
  image_once coredns coredns_root /coredns
  image_once shop shop_root /shop
  image_once tools tools_root /bin/sleep infinity
}

# image_once NAME ROOT ENTRYPOINT…: NAME.tar, a docker-archive of the folder that the function ROOT fills
image_once() {
  local name=$1 root=$2
  [ -f "$images/$name.tar" ] && return
  shift 2
  mkdir -p "$images"
  step "image kt.test/$name:1" make_image "$name" "$root" "$@"
}

make_image() {
  local name=$1 fill=$2 work
  shift 2
  work=$(mktemp -d)
  mkdir "$work/image"
  "$fill" "$work/layer.tar"
  pack_image "$work" "kt.test/$name:1" "$@"
  tar --create --file "$images/$name.tar.new" --directory "$work/image" .
  mv "$images/$name.tar.new" "$images/$name.tar"
  rm -rf "$work"
}

# pack_image WORK NAME ENTRYPOINT…: one layer, its config and manifest.json, in WORK/image
pack_image() {
  local work=$1 name=$2 layer config
  shift 2
  layer=$(sha256sum <"$work/layer.tar" | cut -d ' ' -f 1)
  mv "$work/layer.tar" "$work/image/$layer.tar"
  jq --null-input --arg layer "sha256:$layer" '{architecture: $arch, os: "linux", rootfs: {type: "layers", diff_ids: [$layer]},
    config: {Entrypoint: $ARGS.positional, Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}}' \
    --arg arch "$(dpkg --print-architecture)" --args "$@" >"$work/config"
  config=$(sha256sum <"$work/config" | cut -d ' ' -f 1)
  mv "$work/config" "$work/image/$config.json"
  jq --null-input --arg config "$config.json" --arg name "$name" --arg layer "$layer.tar" \
    '[{Config: $config, RepoTags: [$name], Layers: [$layer]}]' >"$work/image/manifest.json"
}

tar_root() { tar --create --file "$2" --owner=0 --group=0 --numeric-owner --directory "$1" .; }

pause_root() {
  local root
  root=$(mktemp -d)
  gcc -static -Os -o "$root/pause" "$here/config/pause.c"
  tar_root "$root" "$1"
  rm -rf "$root"
}

coredns_root() {
  local root
  root=$(mktemp -d)
  cp "$coredns_bin/coredns" "$root/"
  mkdir "$root/tmp"
  tar_root "$root" "$1"
  rm -rf "$root"
}

shop_root() {
  local root
  root=$(mktemp -d)
  go_build shop "$root/shop" .
  cp "$root/shop" "$images/shop" # runs outside the cluster too
  tar_root "$root" "$1"
  rm -rf "$root"
}

# A small Debian with what tests call in a pod
tools_root() {
  as_root mmdebstrap --variant=minbase --format=tar --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=curl,dnsutils,iproute2,iputils-ping,python3-minimal,socat,openssl,openssh-client \
    "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" "$1"
}
