"""A real etcd and kube-apiserver on loopback, for component tests.

There is no scheduler and no kubelet, and no controller-manager unless a test starts one: pods are what a test writes, a
namespace is not emptied when it is deleted, and no garbage is collected. Python's standard library and the openssl program are all that it needs.

    with ApiServer(bin_dir, tmp_dir) as api:
        api.kubectl("apply", "-k", "crds")
        status, pods = api.request("GET", "/api/v1/namespaces/default/pods")

One thread may use an ApiServer at a time.
"""

import base64
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

USER_TOKEN = "token-of-the-user"  # authenticates as "user", who may do nothing until a test binds a role
ISSUER = "https://kubernetes.default.svc"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]},
        {"level": "None"},
    ],
}


def bin_dir_from_env():
    """The directory of etcd, kube-apiserver and kubectl, from GOSTAT_BIN_DIR."""
    path = pathlib.Path(os.environ.get("GOSTAT_BIN_DIR", ""))
    missing = [name for name in ("etcd", "kube-apiserver", "kubectl") if not (path / name).is_file()]
    if not os.environ.get("GOSTAT_BIN_DIR") or missing:
        raise RuntimeError(
            f"GOSTAT_BIN_DIR={os.environ.get('GOSTAT_BIN_DIR', '')!r} must be a directory with etcd, kube-apiserver"
            f" and kubectl; missing: {missing}"
        )
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _die_with_parent():
    # Else a killed test run would leave its servers behind. PR_SET_PDEATHSIG = 1.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class ApiServer:
    """Owns its processes and everything in tmp_dir. Credentials and ports last from the constructor on."""

    def __init__(self, bin_dir, tmp_dir):
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tmp_dir).resolve()
        for name in ("pki", "kubeconfig", "log"):
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        self.port, self.etcd_port, self.peer_port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca = self.dir / "pki/ca.crt"
        self.audit_log = self.dir / "log/audit.log"
        self._processes = {}
        self._make_certificates()
        (self.dir / "pki/tokens.csv").write_text(f"{USER_TOKEN},user,user\n")
        (self.dir / "audit.json").write_text(json.dumps(AUDIT_POLICY))
        self.admin_kubeconfig = self._kubeconfig(
            "admin",
            {
                "client-certificate": str(self.dir / "pki/admin.crt"),
                "client-key": str(self.dir / "pki/admin.key"),
            },
        )
        self.user_kubeconfig = self._kubeconfig("user", {"token": USER_TOKEN})
        self._tls = ssl.create_default_context(cafile=self.ca)
        self._tls_admin = ssl.create_default_context(cafile=self.ca)
        self._tls_admin.load_cert_chain(self.dir / "pki/admin.crt", self.dir / "pki/admin.key")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir / "etcd", ignore_errors=True)  # 64 MB and more, which pytest would keep

    # Processes

    def start(self):
        """Starts etcd, where it does not run yet, and the API server; returns when it is ready."""
        if "etcd" not in self._processes:
            client = f"http://127.0.0.1:{self.etcd_port}"
            peer = f"http://127.0.0.1:{self.peer_port}"
            self._spawn(
                "etcd",
                [
                    "--name=default",
                    f"--data-dir={self.dir}/etcd",
                    "--unsafe-no-fsync",
                    f"--listen-client-urls={client}",
                ]
                + [f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"]
                + [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"],
            )
        self.start_apiserver()

    def start_apiserver(self, timeout=90):
        """Starts the API server on the port that it had before."""
        pki = self.dir / "pki"
        self._spawn(
            "kube-apiserver",
            [
                f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--secure-port={self.port}",
                "--endpoint-reconciler-type=none",
                f"--client-ca-file={self.ca}",
                f"--tls-cert-file={pki}/apiserver.crt",
                f"--tls-private-key-file={pki}/apiserver.key",
                f"--service-account-key-file={pki}/sa.pub",
                f"--service-account-signing-key-file={pki}/sa.key",
                f"--service-account-issuer={ISSUER}",
                f"--token-auth-file={pki}/tokens.csv",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16",
                # Nobody makes the default service account that it wants in each pod.
                "--disable-admission-plugins=ServiceAccount",
                f"--audit-policy-file={self.dir}/audit.json",
                f"--audit-log-path={self.audit_log}",
            ],
        )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.log(name)[-2000:]}")
            try:
                if self.request("GET", "/readyz", raw=True)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError(
            f"the API server was not ready in {timeout} s:\n{self.log('kube-apiserver')[-2000:]}"
        )

    def stop_apiserver(self, kill=False):
        """Stops the API server only; what it has stored stays."""
        self._end("kube-apiserver", kill)

    def restart(self, down_seconds=0.0):
        """Stops the API server, waits, and starts it again with the same address, data and credentials."""
        self.stop_apiserver()
        time.sleep(down_seconds)
        self.start_apiserver()

    def start_controllers(self, *names):
        """Starts a controller-manager with these controllers only ("deployment-controller" …)."""
        self._spawn(
            "kube-controller-manager",
            [
                f"--kubeconfig={self.admin_kubeconfig}",
                f"--controllers={','.join(names)}",
                "--leader-elect=false",
                f"--secure-port={free_port()}",
                f"--cert-dir={self.dir}/pki/controllers",
                "--authentication-skip-lookup",
                "--horizontal-pod-autoscaler-sync-period=1s",
            ],
        )

    def stop(self):
        self._end("kube-controller-manager", kill=True)
        self._end("kube-apiserver", kill=True)
        self._end("etcd", kill=True)

    def log(self, name):
        """What etcd or kube-apiserver wrote so far."""
        return (self.dir / f"log/{name}.log").read_text(errors="replace")

    def _spawn(self, name, args):
        with open(self.dir / f"log/{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                [self.bin / name, *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.dir,
                start_new_session=True,  # a Ctrl-C at the tests is the tests' to handle
                preexec_fn=_die_with_parent,
            )

    def _end(self, name, kill):
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()  # open watches hold up its graceful end
            process.wait()

    # Requests

    def kubectl(self, *args, stdin=None, check=True, kubeconfig=None):
        """Runs kubectl, as admin unless a kubeconfig is given; returns the CompletedProcess, its output as text."""
        done = subprocess.run(
            [self.bin / "kubectl", "--kubeconfig", kubeconfig or self.admin_kubeconfig]
            + ["--cache-dir", self.dir / "kubectl-cache", *args],
            input=stdin,
            capture_output=True,
            text=True,
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"kubectl {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()}"
            )
        return done

    def request(self, method, path, body=None, token=None, content_type="application/json", raw=False):
        """One request, as admin or with a bearer token: (HTTP status, decoded JSON, or the text if raw)."""
        headers = {"Accept": "*/*" if raw else "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(
                request, context=self._tls if token else self._tls_admin, timeout=30
            ) as r:
                status, text = r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                status, text = e.code, e.read().decode()
        return status, text if raw else json.loads(text)

    def patch(self, path, body, token=None):
        """A JSON merge patch."""
        return self.request("PATCH", path, body, token, content_type="application/merge-patch+json")

    def audit(self):
        """Every write, and every access to a Secret, so far: the audit events (metadata only), oldest first."""
        return [json.loads(line) for line in self.audit_log.read_text().splitlines()]

    # Credentials

    def service_account_token(self, namespace, name, seconds=3600):
        """A token by TokenRequest; makes namespace and service account where they do not exist. At least 600 s."""
        for path, kind, at in (
            ("/api/v1/namespaces", "Namespace", {"name": namespace}),
            (f"/api/v1/namespaces/{namespace}/serviceaccounts", "ServiceAccount", {"name": name}),
        ):
            status, answer = self.request("POST", path, {"apiVersion": "v1", "kind": kind, "metadata": at})
            if status not in (201, 409):
                raise RuntimeError(f"{kind} {at['name']}: {answer.get('message')}")
        status, answer = self.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds},
            },
        )
        if status != 201:
            raise RuntimeError(f"TokenRequest for {namespace}/{name}: {answer.get('message')}")
        return answer["status"]["token"]

    def service_account_kubeconfig(self, namespace, name, token_file=None, inline_ca=False):
        """A kubeconfig for the service account, its token inside or, if token_file is given, written to that file.

        inline_ca puts the CA into the file in base64 instead of naming its path.
        """
        token = self.service_account_token(namespace, name)
        user = {"token": token}
        if token_file:
            pathlib.Path(token_file).write_text(token)
            user = {"tokenFile": str(token_file)}
        return self._kubeconfig(f"{namespace}.{name}", user, inline_ca)

    def _kubeconfig(self, name, user, inline_ca=False):
        ca = {"certificate-authority": str(self.ca)}
        if inline_ca:
            ca = {"certificate-authority-data": base64.b64encode(self.ca.read_bytes()).decode()}
        path = self.dir / f"kubeconfig/{name}.kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": {"server": self.url, **ca}}],
                    "users": [{"name": name, "user": user}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
                }
            )
        )
        path.chmod(0o600)
        return path

    def _make_certificates(self):
        def openssl(*args):
            done = subprocess.run(["openssl", *args], cwd=self.dir / "pki", capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr.strip()}")

        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl(
            *[
                "req",
                "-x509",
                *new_key,
                "-keyout",
                "ca.key",
                "-out",
                "ca.crt",
                "-days",
                "30",
                "-subj",
                "/CN=test-ca",
            ],
            *[
                "-addext",
                "basicConstraints=critical,CA:true",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ],
        )
        openssl("genrsa", "-out", "sa.key", "2048")
        openssl("rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")
        for name, subject, extension in (
            (
                "apiserver",
                "/CN=kube-apiserver",
                "subjectAltName=DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1",
            ),
            ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth"),
        ):
            (self.dir / f"pki/{name}.ext").write_text(extension)
            openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
            openssl(
                *[
                    "x509",
                    "-req",
                    "-in",
                    f"{name}.csr",
                    "-CA",
                    "ca.crt",
                    "-CAkey",
                    "ca.key",
                    "-CAcreateserial",
                ],
                *["-out", f"{name}.crt", "-days", "30", "-extfile", f"{name}.ext"],
            )
