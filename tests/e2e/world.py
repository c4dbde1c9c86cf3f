"""What run.sh has started: the cluster, its audit log, the S3 server. Thread-safe but for what a class says otherwise."""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import boto3
import botocore.config
import kubernetes

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER = "system:serviceaccount:gostat-system:gostat"
GROUP, VERSION = "gostat.dev", "v1alpha1"
FINALIZER = "gostat.dev/undo"


def until(seconds, what, probe, show=lambda: "", every=0.25):
    """The first true value of probe(), or an AssertionError that says what was waited for and what is there instead.

    An API server that is away counts as not yet.
    """
    end = time.monotonic() + seconds
    error = ""
    while True:
        try:
            value = probe()
            if value:
                return value
            error = ""
        except kubernetes.client.ApiException as e:
            error = f"{e.status} {e.reason}"
        except (OSError, kubernetes.client.rest.urllib3.exceptions.HTTPError) as e:
            error = repr(e)
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}; last error: {error or 'none'}\n{show()}")
        time.sleep(every)


class World:
    def __init__(self):
        self.dir = pathlib.Path(os.environ["GOSTAT_E2E_DIR"])
        self.binary = self.dir / "gostat"
        self.kubeconfig = self.dir / "gostat.kubeconfig"
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(os.environ["KUBECONFIG"], client_configuration=configuration)
        configuration.connection_pool_maxsize = 64
        configuration.retries = False
        self.api = kubernetes.client.ApiClient(configuration)
        self.core = kubernetes.client.CoreV1Api(self.api)
        self.apps = kubernetes.client.AppsV1Api(self.api)
        self.hpa = kubernetes.client.AutoscalingV2Api(self.api)
        self.leases = kubernetes.client.CoordinationV1Api(self.api)
        self.custom = kubernetes.client.CustomObjectsApi(self.api)
        self.outages = []  # (begin, end), until the API server has its rules again
        self.refusals = set()  # the reasons that were seen
        self.audit = Audit(os.environ["GOSTAT_AUDIT_LOG"])
        self.bucket = os.environ["S3_BUCKET"]
        self.s3_files = pathlib.Path(os.environ["S3_ROOT"]) / self.bucket
        self.s3 = boto3.client(
            "s3",
            endpoint_url=os.environ["S3_ENDPOINT"],
            region_name=os.environ["S3_REGION"],
            aws_access_key_id=os.environ["S3_ACCESS_KEY"],
            aws_secret_access_key=os.environ["S3_SECRET_KEY"],
            verify=os.environ["S3_CA"],
            config=botocore.config.Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def script(self, *command):
        """A command of hack/cluster/cluster.sh."""
        done = subprocess.run(
            [ROOT / "hack/cluster/cluster.sh", *command], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"cluster.sh {' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def kubectl(self, *args):
        return self.script("kubectl", *args)

    def verify(self, log):
        """An audit log is whole, whichever controllers wrote it; what gostat says of it."""
        command = [self.binary, "audit", "verify", log]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip().splitlines()[-1]


class Entry:
    """One finished request of the audit log."""

    def __init__(self, raw):
        ref = raw.get("objectRef", {})
        self.user = raw["user"]["username"]
        self.verb = raw["verb"]
        self.group = ref.get("apiGroup", "")
        self.resource = ref.get("resource", "") + ("/" + ref["subresource"] if ref.get("subresource") else "")
        self.namespace = ref.get("namespace", "")
        self.name = ref.get("name", "")
        self.code = raw.get("responseStatus", {}).get("code", 0)
        # Refused by RBAC: a namespace that is about to go answers 403 too.
        self.forbidden = raw.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
        self.body = raw.get("requestObject")
        self.uri = raw["requestURI"]
        self.begin = datetime.datetime.fromisoformat(raw["requestReceivedTimestamp"].replace("Z", "+00:00")).timestamp()
        self.end = datetime.datetime.fromisoformat(raw["stageTimestamp"].replace("Z", "+00:00")).timestamp()

    def status(self):
        """What the request wrote of a status; one that was answered before it was read has no body."""
        return (self.body or {}).get("status") or {}

    def pending(self):
        """The action that a written status of a policy has as pending, or nothing."""
        workloads = (self.status().get("healing") or {}).get("workloads") or []
        return next((w["pending"] for w in workloads if w.get("pending")), {})

    def __repr__(self):
        return f"{self.verb} {self.resource} {self.namespace}/{self.name} -> {self.code}"


class Audit:
    """The API server's audit log. A line is in it before its answer is sent."""

    def __init__(self, path):
        self.path = path
        self.start = os.path.getsize(path)
        self._listeners = []
        self._lock = threading.Lock()
        self._thread = None

    def entries(self, namespace=None, user=USER):
        """What the user did since the tests began, finished requests only."""
        found = []
        with open(self.path, "rb") as f:
            f.seek(self.start)
            for line in f:
                if line.endswith(b"\n") and user.encode() in line and (not namespace or namespace.encode() in line):
                    e = _entry(line)
                    if e and e.user == user and (not namespace or e.namespace == namespace):
                        found.append(e)
        return found

    def effects(self, namespace, user=USER):
        """What gostat has done to workloads and pods of this namespace, oldest first: (verb, resource, name)."""
        return [
            (e.verb, e.resource, e.name)
            for e in self.entries(namespace, user)
            if e.group in ("", "apps", "autoscaling", "policy")
            and e.verb in ("patch", "create", "update", "delete")
            and 200 <= e.code < 300
        ]

    def scalings(self, namespace):
        """Every replica count that gostat has set in this namespace, oldest first, with its time."""
        return [
            (e.body["spec"]["replicas"], e.end)
            for e in self.entries(namespace)
            if e.resource.endswith("/scale") and e.verb == "patch" and e.code == 200
        ]

    def listen(self, namespace, callback):
        """callback(entry) for each of gostat's requests in this namespace as it ends, at once, on the tailing thread."""
        with self._lock:
            self._listeners.append((namespace.encode(), callback))
            if not self._thread:
                self._thread = threading.Thread(target=self._tail, daemon=True)
                self._thread.start()

    def _tail(self):
        # Ahead of all else on a busy machine: a callback may have to stop a process before it does its next step.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
        sys.setswitchinterval(0.0005)
        rest = b""
        with open(self.path, "rb", buffering=0) as f:
            f.seek(0, os.SEEK_END)
            while True:
                chunk = f.read(1 << 20)
                if not chunk:
                    time.sleep(0.001)
                    continue
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._dispatch(line)

    def _dispatch(self, line):
        if USER.encode() not in line:
            return
        for namespace, callback in list(self._listeners):
            if namespace in line:
                e = _entry(line)
                if e and e.user == USER and e.namespace == namespace.decode():
                    callback(e)


def _entry(line):
    raw = json.loads(line)
    return Entry(raw) if raw["stage"] == "ResponseComplete" else None
