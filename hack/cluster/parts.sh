# shellcheck shell=bash
# Sourced: starts each part, and knows whether it is healthy.

# In the order of their start.
# shellcheck disable=SC2034 # read by the files that source this one
PARTS=(etcd containerd apiserver controller-manager scheduler kubelet kube-proxy)

# part_start NAME COMMAND...: inside the cluster's namespaces.
part_start() {
  local name=$1
  shift
  proc_start "$name" nsenter --net="$NETNS" --mount="$MNTNS" -- "$@"
}

# part_healthy NAME: asks the part itself, over TLS where it speaks TLS.
part_healthy() {
  case $1 in
    etcd) health_get --cert "$DIR/pki/etcd-client.crt" --key "$DIR/pki/etcd-client.key" https://127.0.0.1:2379/health ;;
    containerd) ctr_cluster --timeout 5s --connect-timeout 1s version ;;
    apiserver) health_get --cert "$DIR/pki/admin.crt" --key "$DIR/pki/admin.key" "$APISERVER/readyz" ;;
    controller-manager) health_get https://127.0.0.1:10257/healthz ;;
    scheduler) health_get https://127.0.0.1:10259/healthz ;;
    kubelet) health_get http://127.0.0.1:10248/healthz ;;
    kube-proxy) health_get http://127.0.0.1:10256/livez ;;
  esac >/dev/null 2>&1
}

health_get() { in_netns curl -fsS --noproxy '*' -m 5 --cacert "$DIR/pki/ca.crt" "$@"; }

# part_up NAME: starts it unless it lives, and waits until it is healthy.
part_up() {
  if ! proc_pid "$1" >/dev/null; then "start_${1//-/_}"; fi
  proc_wait "$1" 120 part_healthy "$1"
}

start_etcd() {
  part_start etcd "$ETCD_BIN/server" --name "$CLUSTER" --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 \
    --listen-peer-urls https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380 \
    --initial-cluster "$CLUSTER=https://127.0.0.1:2380" \
    --cert-file "$DIR/pki/etcd.crt" --key-file "$DIR/pki/etcd.key" --client-cert-auth --trusted-ca-file "$DIR/pki/ca.crt" \
    --peer-cert-file "$DIR/pki/etcd.crt" --peer-key-file "$DIR/pki/etcd.key" --peer-client-cert-auth \
    --peer-trusted-ca-file "$DIR/pki/ca.crt"
}

start_containerd() {
  part_start containerd containerd --config "$DIR/ctd/config.toml" --log-level warn
}

# requestheader: no aggregated API server here, but the other parts complain without it every few seconds.
start_apiserver() {
  part_start apiserver "$KUBE_BIN/kube-apiserver" --secure-port=6443 --advertise-address="$NODE_IP" \
    --etcd-servers=https://127.0.0.1:2379 --etcd-cafile="$DIR/pki/ca.crt" \
    --etcd-certfile="$DIR/pki/etcd-client.crt" --etcd-keyfile="$DIR/pki/etcd-client.key" \
    --client-ca-file="$DIR/pki/ca.crt" --anonymous-auth=false --allow-privileged=true \
    --requestheader-client-ca-file="$DIR/pki/ca.crt" --requestheader-allowed-names=nobody \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --tls-cert-file="$DIR/pki/apiserver.crt" --tls-private-key-file="$DIR/pki/apiserver.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$DIR/pki/sa.pub" \
    --service-account-signing-key-file="$DIR/pki/sa.key" --service-cluster-ip-range="$SERVICE_CIDR" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction,PodSecurity \
    --admission-control-config-file="$DIR/conf/admission.yaml" \
    --audit-policy-file="$DIR/conf/audit.yaml" --audit-log-path="$AUDIT_LOG" --audit-log-maxsize=1024 \
    --kubelet-client-certificate="$DIR/pki/apiserver-kubelet.crt" --kubelet-client-key="$DIR/pki/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$DIR/pki/ca.crt" --kubelet-preferred-address-types=InternalIP
}

start_controller_manager() {
  local conf=$DIR/conf/controller-manager.kubeconfig
  part_start controller-manager "$KUBE_BIN/kube-controller-manager" --bind-address=127.0.0.1 --leader-elect=false \
    --kubeconfig="$conf" --authentication-kubeconfig="$conf" --authorization-kubeconfig="$conf" \
    --tls-cert-file="$DIR/pki/controller-manager.crt" --tls-private-key-file="$DIR/pki/controller-manager.key" \
    --root-ca-file="$DIR/pki/ca.crt" --service-account-private-key-file="$DIR/pki/sa.key" \
    --use-service-account-credentials --kube-api-qps=200 --kube-api-burst=400 \
    --flex-volume-plugin-dir="$DIR/ctd/volume-plugins"
}

start_scheduler() {
  local conf=$DIR/conf/scheduler.kubeconfig
  part_start scheduler "$KUBE_BIN/kube-scheduler" --bind-address=127.0.0.1 --leader-elect=false \
    --kubeconfig="$conf" --authentication-kubeconfig="$conf" --authorization-kubeconfig="$conf" \
    --tls-cert-file="$DIR/pki/scheduler.crt" --tls-private-key-file="$DIR/pki/scheduler.key"
}

start_kubelet() {
  part_start kubelet "$KUBE_BIN/kubelet" --config="$DIR/conf/kubelet.yaml" --kubeconfig="$DIR/conf/kubelet.kubeconfig" \
    --root-dir="$KUBELET_ROOT" --hostname-override="$NODE_NAME" --node-ip="$NODE_IP"
}

start_kube_proxy() {
  part_start kube-proxy "$KUBE_BIN/kube-proxy" --config="$DIR/conf/proxy.yaml"
}
