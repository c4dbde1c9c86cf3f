# shellcheck shell=bash
# Sourced: writes the cluster's certificates and configuration files below DIR. All that is JSON is YAML to Kubernetes.

certificates_create() {
  if [ ! -e "$DIR/pki/done" ]; then (certificates_make); fi
}

certificates_make() {
  mkdir -p "$DIR/pki"
  chmod 700 "$DIR/pki"
  cd "$DIR/pki" || return
  pki_ca "gostat-$CLUSTER-ca"
  local client=clientAuth server=serverAuth local_ip=IP:127.0.0.1
  pki_cert etcd /CN=etcd $server,$client $local_ip
  pki_cert etcd-client /CN=etcd-client $client
  pki_cert apiserver /CN=kube-apiserver $server "$(printf '%s,' DNS:kubernetes DNS:kubernetes.default \
    DNS:kubernetes.default.svc DNS:localhost $local_ip "IP:$SERVICE_IP")IP:$NODE_IP"
  pki_cert apiserver-kubelet /O=system:masters/CN=apiserver-kubelet $client
  pki_cert admin /O=system:masters/CN=admin $client
  pki_cert controller-manager /CN=system:kube-controller-manager $server,$client $local_ip
  pki_cert scheduler /CN=system:kube-scheduler $server,$client $local_ip
  pki_cert proxy /CN=system:kube-proxy $client
  pki_cert kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" $server,$client "DNS:$NODE_NAME,IP:$NODE_IP"
  # The key that signs the tokens of service accounts.
  pki_quiet openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out sa.key
  pki_quiet openssl pkey -in sa.key -pubout -out sa.pub
  touch "$DIR/pki/done"
}

# kubeconfig FILE USER_JSON
kubeconfig() {
  (umask 077 && cat >"$1") <<EOF
{"apiVersion": "v1", "kind": "Config", "current-context": "$CLUSTER",
 "clusters": [{"name": "$CLUSTER", "cluster": {"server": "$APISERVER", "certificate-authority": "$DIR/pki/ca.crt"}}],
 "users": [{"name": "user", "user": $2}],
 "contexts": [{"name": "$CLUSTER", "context": {"cluster": "$CLUSTER", "user": "user"}}]}
EOF
}

certificate_user() { echo "{\"client-certificate\": \"$DIR/pki/$1.crt\", \"client-key\": \"$DIR/pki/$1.key\"}"; }

# Once: kube-proxy ends when its file is written again.
config_create() {
  local u
  if [ -e "$DIR/conf/done" ]; then return; fi
  mkdir -p "$DIR/conf" "$DIR/log/pods" "$DIR/ctd/cni"
  kubeconfig "$ADMIN_KUBECONFIG" "$(certificate_user admin)"
  for u in controller-manager scheduler proxy kubelet; do
    kubeconfig "$DIR/conf/$u.kubeconfig" "$(certificate_user $u)"
  done
  config_apiserver
  config_containerd
  config_kubelet
  config_proxy
  touch "$DIR/conf/done"
}

config_apiserver() {
  # baseline for every namespace that has no label of its own.
  cat >"$DIR/conf/admission.yaml" <<EOF
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults: {enforce: baseline, enforce-version: latest, audit: baseline, audit-version: latest,
                 warn: baseline, warn-version: latest}
      exemptions: {namespaces: [kube-system]}
EOF
  # What tests ask of this log: who wrote what, and all that gostat's service account did, reads too.
  # Left out: what Kubernetes' own parts read, and the health checks.
  cat >"$DIR/conf/audit.yaml" <<EOF
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    userGroups: [system:serviceaccounts:kube-system, system:nodes]
    verbs: [get, list, watch]
  - level: None
    users: [system:apiserver, system:kube-controller-manager, system:kube-scheduler, system:kube-proxy]
    verbs: [get, list, watch]
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
  - level: Request # with the body: a scale is what gostat may change, the two statuses say how far it has come
    verbs: [update, patch]
    resources:
      - {group: apps, resources: ["*/scale"]}
      - {group: gostat.dev, resources: [gostatincidents/status, gostatpolicies/status]}
  - level: Metadata
EOF
}

config_containerd() {
  # ptp, not bridge: between two ports of one bridge a Service's answer would pass kube-proxy's rules by, unless
  # the host has br_netfilter loaded.
  cat >"$DIR/ctd/cni/10-pods.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "gostat-$CLUSTER", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$NODE_IP"}]],
   "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "$DIR/ctd/ipam"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOF
  # restrict_oom_score_adj: where root lacks CAP_SYS_RESOURCE every sandbox fails without it.
  cat >"$DIR/ctd/config.toml" <<EOF
version = 2
root = "$DIR/ctd/root"
state = "$DIR/ctd/state"
[grpc]
  address = "$CONTAINERD_SOCK"
[plugins."io.containerd.internal.v1.opt"]
  path = "$DIR/ctd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$(snapshotter)"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$DIR/ctd/cni"
EOF
}

# overlayfs, or plain copies where the state directory's file system cannot carry an overlay (it is one itself, or NFS).
snapshotter() {
  local t=$DIR/ctd/try
  mkdir -p "$t"/{lower,upper,work,merged}
  if in_cluster mount -t overlay -o "lowerdir=$t/lower,upperdir=$t/upper,workdir=$t/work" overlay "$t/merged" 2>/dev/null; then
    in_cluster umount "$t/merged"
    echo overlayfs
  else
    note "no overlay file system on $DIR: images are copied instead, which takes space and time"
    echo native
  fi
  rm -rf "$t"
}

# clusterDNS: there is none, and nobody listens there. So a name is refused at once, and no pod gets a warning event.
config_kubelet() {
  cat >"$DIR/conf/kubelet.yaml" <<EOF
{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
 "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": true}, "x509": {"clientCAFile": "$DIR/pki/ca.crt"}},
 "authorization": {"mode": "Webhook"}, "tlsCertFile": "$DIR/pki/kubelet.crt", "tlsPrivateKeyFile": "$DIR/pki/kubelet.key",
 "containerRuntimeEndpoint": "unix://$CONTAINERD_SOCK", "cgroupDriver": "cgroupfs", "cgroupRoot": "/$CGROUP",
 "podLogsDir": "$DIR/log/pods", "volumePluginDir": "$DIR/ctd/volume-plugins", "resolvConf": "", "clusterDNS": ["$NODE_IP"], "oomScoreAdj": 0,
 "failCgroupV1": false, "failSwapOn": false, "maxPods": 250, "serializeImagePulls": false,
 "imageGCHighThresholdPercent": 100,
 "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"}}
EOF
}

config_proxy() {
  cat >"$DIR/conf/proxy.yaml" <<EOF
{"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
 "clientConnection": {"kubeconfig": "$DIR/conf/proxy.kubeconfig"}, "mode": "nftables", "clusterCIDR": "$POD_CIDR",
 "hostnameOverride": "$NODE_NAME", "oomScoreAdj": 0, "conntrack": {"maxPerCore": 0, "min": 0}}
EOF
}
