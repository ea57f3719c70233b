# SPDX-License-Identifier: Apache-2.0
# A mutating webhook for the pods of a test's own namespace: a stand-in for the injectors of Istio and Linkerd, which the test
# cluster does not have. Sourced behind lib.sh. It does to each new pod what `inject` has said last:
#
#   inject '[{"op": …}, …]'    a JSON patch
#   inject '"words"'           the pod is refused with these words
#   inject '[]'                nothing, as at the start
injector='import base64, http.server, json, ssl, sys
class Injector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[2]) as file: wanted = json.load(file)
        answer = {"uid": review["request"]["uid"], "allowed": isinstance(wanted, list)}
        if answer["allowed"]: answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(wanted).encode()).decode()}
        else: answer["status"] = {"message": wanted}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        print("reviewed", flush=True)
    def log_message(self, *ignored): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Injector)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()'

inject() {
  printf '%s\n' "$1" | jq . >"$scratch/wanted.new"
  mv "$scratch/wanted.new" "$scratch/wanted"
}

# In the node's network, where the API server is; gone with the test, its registration too
start_injector() {
  inject '[]'
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=injector -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$scratch/injector-key" -out "$scratch/injector-certificate" 2>/dev/null
  cat "$scratch/injector-key" "$scratch/injector-certificate" >"$scratch/injector-pem"
  nsenter --net=/run/netns/kt-node python3 -c "$injector" "$scratch/injector-pem" "$scratch/wanted" >"$scratch/injector" 2>&1 </dev/null 9>&- &
  wait_until 5 grep -q . "$scratch/injector"
  at_end+=("kubectl_admin delete mutatingwebhookconfiguration $namespace --ignore-not-found")
  kubectl_admin create --filename - >/dev/null <<END
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "$namespace"}, "webhooks": [{
  "name": "injector.kt.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 5, "failurePolicy": "Fail",
  "clientConfig": {"url": "https://127.0.0.1:$(head -n 1 "$scratch/injector")/", "caBundle": "$(base64 -w 0 "$scratch/injector-certificate")"},
  "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
  "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "$namespace"}}}]}
END
  wait_until 10 injector_asked
}
# The API server learns of it by a watch
injector_asked() { k run probe --image none --dry-run=server || :; grep -q reviewed "$scratch/injector"; }

# A container that nobody ends, as a patch: argument is its place among the containers, - for the last
sidecar() {
  printf '[{"op": "add", "path": "/spec/containers/%s", "value": {"name": "mesh-proxy", "image": "kt.test/tools:1", "imagePullPolicy": "IfNotPresent",
    "command": ["sleep", "infinity"], "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}}]' "$1"
}
