# SPDX-License-Identifier: Apache-2.0
# Keys, certificates and kubeconfigs, made anew at each start. Sourced by ./cluster.

make_pki() {
  mkdir -p "$run/pki" "$run/kubeconfig" "$run/host"
  chmod 700 "$run/pki"
  cd "$run/pki"
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key
  openssl req -x509 -new -key ca.key -subj /CN=kt-cluster -days 30 -out ca.crt
  openssl genrsa -out service-accounts.key 2048
  openssl rsa -in service-accounts.key -pubout -out service-accounts.pub
  make_certificate apiserver /CN=kube-apiserver \
    subjectAltName=IP:192.0.2.2,IP:198.19.0.1,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  make_certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  make_kubeconfig kubelet /O=system:nodes/CN=system:node:kt-node
  make_kubeconfig kube-controller-manager /CN=system:kube-controller-manager
  make_kubeconfig kube-scheduler /CN=system:kube-scheduler
  make_kubeconfig kube-proxy /CN=system:kube-proxy
  add_user admin system:masters
  add_user alice devs
  add_user bob devs
}

# make_certificate NAME SUBJECT [EXTENSION]: NAME.key and NAME.crt, signed by our CA, good for both ends of TLS
make_certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA ca.crt -CAkey ca.key -days 30 -set_serial "0x$(openssl rand -hex 8)" -out "$1.crt" \
      -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:-}")
}

make_kubeconfig() {
  make_certificate "$1" "$2"
  write_kubeconfig "$1" https://192.0.2.2:6443 "$run/kubeconfig/$1" "${3:-default}"
  chmod 600 "$run/kubeconfig/$1"
}

# add_user NAME GROUP: kubeconfig/NAME for the laptop, host/NAME for the machine itself, whose way to the API server is a loopback port
add_user() {
  local namespace=default
  [ "$2" != devs ] || namespace=shop # where connect-role.yaml gives them rights
  cd "$run/pki"
  make_kubeconfig "$1" "/O=$2/CN=$1" $namespace
  write_kubeconfig "$1" "https://127.0.0.1:$host_port" "$run/host/$1" $namespace
  chown "$account:${SUDO_GID:-0}" "$run/kubeconfig/$1" "$run/host/$1"
  chmod 640 "$run/kubeconfig/$1" "$run/host/$1"
}

# write_kubeconfig USER SERVER FILE NAMESPACE
write_kubeconfig() {
  jq --null-input --arg namespace "$4" --arg user "$1" --arg server "$2" --arg ca "$(base64 -w 0 ca.crt)" \
    --arg crt "$(base64 -w 0 "$1.crt")" --arg key "$(base64 -w 0 "$1.key")" '{
      apiVersion: "v1", kind: "Config", "current-context": "kt",
      clusters: [{name: "kt", cluster: {server: $server, "certificate-authority-data": $ca}}],
      users: [{name: $user, user: {"client-certificate-data": $crt, "client-key-data": $key}}],
      contexts: [{name: "kt", context: {cluster: "kt", user: $user, namespace: $namespace}}]}' >"$3"
}
