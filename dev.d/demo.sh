# SPDX-License-Identifier: Apache-2.0
# The verb demo of ./dev, which sources this file.

verb_demo() {
  case ${1:-} in
    --current-context) demo_here ;;
    '') demo_on_laptop ;;
    *) die "unknown argument '$1'" "./dev demo [--current-context]" ;;
  esac
}

# Cluster, laptop and an ordinary user: all on this machine
demo_on_laptop() {
  install_packages "${build_packages[@]}" "${image_packages[@]}" "${cluster_packages[@]}"
  verb_image
  "$cluster" up
  step "load the image" "$cluster" load build/release/kt-shadow.tar
  KT_IMAGE=$(image_name)
  export KT_IMAGE
  say ""
  say "On the laptop, as the ordinary user kt-dev, who is alice in the cluster and may use the namespace shop:"
  show id
  show kubectl get pods,services
  show curl --silent --show-error --max-time 3 http://cart.shop/ || say "(as it should be: the laptop knows nothing of the cluster)"
  show kubectl kt-connect -- curl --silent --show-error http://cart.shop/
  show kubectl kt-connect -- sh -c 'getent hosts catalog && curl -sS http://catalog/ && curl -sS http://orders-0.orders:8080/'
  show kubectl get pods
  say ""
  say 'Go on:    eval "$(./dev env)"    then    kubectl -n shop kt-connect -- bash'
  say "Stop it:  ./dev cluster down"
}

show() {
  printf '\n$ %s\n' "$(shell_words "$@")"
  "$cluster" laptop -u alice "$@"
}

demo_here() {
  verb_image
  KT_IMAGE=${KT_IMAGE:-$(image_name)}
  export KT_IMAGE PATH=$top/build/release/bin:$PATH
  say "The cluster of the current context must have the image '$KT_IMAGE': load build/release/kt-shadow.tar" \
    "(kind load image-archive, minikube image load, ctr images import), or push it and set KT_IMAGE."
  run kubectl config current-context
  run kubectl kt-connect -- curl --silent --show-error --insecure https://kubernetes.default/version
}
