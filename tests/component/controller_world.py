"""What gostat controller is tested in: a real API server and S3 server, and pods that are processes on loopback.

GOSTAT_BIN_DIR: etcd, kube-apiserver, kubectl and versitygw. GOSTAT_BIN: the binary (build/dev/gostat). GOSTAT_WORKLOADS:
a directory with leaky and lively, as hack/workloads.sh makes it.

No controller-manager runs: a workload's scale is its spec.replicas, and its pods are those that a test adds. Workloads
counts them as if all that is wanted were there.
"""

import base64
import concurrent.futures
import hashlib
import itertools
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

from apiserver import _die_with_parent, free_port
from s3server import S3Server, bin_dir_from_env

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOSTAT = os.environ.get("GOSTAT_BIN") or str(ROOT / "build/dev/gostat")
WORKLOADS = pathlib.Path(os.environ.get("GOSTAT_WORKLOADS") or ROOT / "build/workloads")
API = "/apis/gostat.dev/v1alpha1/namespaces"
BUCKET = "evidence"
GRADES = ("Suspected", "Probable", "Proven")
KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets"}


def until(what, probe, seconds=60):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.3)


def condition(obj, kind):
    conditions = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {"status": "", "reason": "", "message": ""})


class S3(S3Server):
    """stop() and start() are the beginning and the end of an outage."""

    def __init__(self, directory):
        super().__init__(bin_dir_from_env(), directory)

    def start(self, timeout=30):
        super().start(timeout)
        if not (self.root / BUCKET).is_dir():
            self.create_bucket(BUCKET)

    @property
    def keys(self):
        return {"accessKeyId": self.access, "secretAccessKey": self.secret, "ca.crt": self.ca.read_text()}

    def objects(self, namespace):
        """{key: bytes} of one namespace's evidence."""
        base = self.root / BUCKET
        paths = [p for p in base.glob(f"test/{namespace}/**/*") if p.is_file()]
        return {str(p.relative_to(base)): p.read_bytes() for p in paths}


class Controller:
    """A running gostat controller with the rights of its ServiceAccount. Its log is in self.log."""

    def __init__(self, api, directory, *flags, private=("127.0.0.0/8",)):
        """private: where its S3 and its notifications may go, beside public addresses."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / "controller.log"
        self.token_file = self.directory / "token"
        self.api = api
        self.kubeconfig = api.service_account_kubeconfig("gostat-system", "gostat", self.token_file)
        self.flags = (*flags, *(x for cidr in private for x in ("--allow-private", cidr)))
        self.env = {}  # more of its environment
        self.process = None

    def start(self):
        self.health, self.metrics_address = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [GOSTAT, "controller", "--kubeconfig", self.kubeconfig, "--health-address", self.health]
                + ["--metrics-address", self.metrics_address, "-v", *self.flags],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1", **self.env},
                preexec_fn=_die_with_parent,
            )
        return self

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def get(self, address, path):
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the controller ended with {self.process.returncode}: {self.log[-3000:]}")
        return self.get(self.health, "/readyz")[0] == 200

    def wait_ready(self, seconds=40):
        until(lambda: self.log[-3000:], self.ready, seconds)
        return self

    def end(self, signo=signal.SIGTERM):
        self.process.send_signal(signo)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the controller did not end within 30 s: {self.log[-3000:]}") from None


class Program:
    """A leaky or lively on an address of its own."""

    _numbers = itertools.count(1)
    _lock = threading.Lock()

    def __init__(self, name, **env):
        path = WORKLOADS / name
        if not path.is_file():
            raise RuntimeError(f"GOSTAT_WORKLOADS: {path} does not exist; run hack/workloads.sh {WORKLOADS}")
        with Program._lock:
            n = next(Program._numbers)
        self.ip = f"127.77.{n // 250}.{n % 250 + 1}"
        self.process = subprocess.Popen(
            [path],
            env={"ADDR": f"{self.ip}:0", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_die_with_parent,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"{name}: {line}{self.process.stdout.read()}")
        self.port = int(line.strip().rsplit(":", 1)[1])

    def post(self, path):
        request = urllib.request.Request(f"http://{self.ip}:{self.port}{path}", method="POST")
        urllib.request.urlopen(request, timeout=5).read()

    def metric(self, name):
        """The value of one series of its /metrics; 0: there is none."""
        with urllib.request.urlopen(f"http://{self.ip}:{self.port}/metrics", timeout=5) as r:
            lines = r.read().decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0)

    def fix(self):
        self.post("/leak?on=false")
        self.post("/release")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Workloads:
    """Says of each Deployment and StatefulSet, all the time, that it has what its spec asks for."""

    def __init__(self, api):
        self._api = api
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.3):
            try:
                for plural in KINDS.values():
                    for w in self._api.request("GET", f"/apis/apps/v1/{plural}")[1].get("items", []):
                        self._count(plural, w)
            except (OSError, ValueError):  # the API server is away
                pass

    def _count(self, plural, w):
        meta, n = w["metadata"], w["spec"]["replicas"]
        status = {"observedGeneration": meta["generation"], "replicas": n, "updatedReplicas": n}
        status |= {"readyReplicas": n, "availableReplicas": n}
        if any(w["status"].get(k, 0) != v for k, v in status.items()):
            path = f"/apis/apps/v1/namespaces/{meta['namespace']}/{plural}/{meta['name']}/status"
            self._api.patch(path, {"status": status})


class Space:
    """A namespace of a test's own, and everything in it. close() ends its processes; its objects stay."""

    def __init__(self, api, s3, name, directory):
        self.api, self.s3, self.name, self.directory = api, s3, name, pathlib.Path(directory)
        self.programs = []
        self.post("/api/v1/namespaces", {"metadata": {"name": name}})

    def close(self):
        for program in self.programs:
            program.close()

    def _ask(self, method, path, body=None, **options):
        for _ in range(20):
            status, answer = self.api.request(method, path, body, **options)
            if status != 429:  # an API server that has just started says so for a while
                return status, answer
            time.sleep(0.5)
        raise AssertionError(answer)

    def post(self, path, body):
        status, answer = self._ask("POST", path, body)
        assert status == 201, answer
        return answer

    def patch(self, path, body):
        status, answer = self._ask("PATCH", path, body, content_type="application/merge-patch+json")
        assert status == 200, answer
        return answer

    def get(self, path):
        """None: there is no such object."""
        status, answer = self._ask("GET", path)
        assert status in (200, 404), answer
        return answer if status == 200 else None

    # What a team has

    def secret(self, name="s3", data=None, usable=True):
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in (data or self.s3.keys).items()}
        labels = {"gostat.dev/usable": "true"} if usable else {}
        path = f"/api/v1/namespaces/{self.name}/secrets"
        return self.post(path, {"metadata": {"name": name, "labels": labels}, "data": encoded})

    def workload(self, app, kind="Deployment", replicas=1):
        template = {
            "metadata": {"labels": {"app": app}},
            "spec": {"containers": [{"name": "main", "image": "main"}]},
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "template": template}
        if kind == "StatefulSet":
            spec["serviceName"] = app
        path = f"/apis/apps/v1/namespaces/{self.name}/"
        made = self.post(path + KINDS[kind], {"metadata": {"name": app}, "spec": spec})
        owner = {"apiVersion": "apps/v1", "kind": kind, "name": app, "uid": made["metadata"]["uid"], "controller": True}
        if kind == "StatefulSet":
            return owner
        meta = {"name": f"{app}-5d4f", "labels": {"app": app}, "ownerReferences": [owner]}
        rs = self.post(path + "replicasets", {"metadata": meta, "spec": {k: spec[k] for k in ("selector", "template")}})
        return {**owner, "kind": "ReplicaSet", "name": f"{app}-5d4f", "uid": rs["metadata"]["uid"]}

    def pod(self, app, name, ip, port, owner=None, host_network=False, limit=None):
        path = f"/api/v1/namespaces/{self.name}/pods"
        meta = {"name": name, "labels": {"app": app}, "ownerReferences": [owner] if owner else []}
        ports = [{"name": "http", "containerPort": port}]
        container = {"name": "main", "image": "main", "ports": ports}
        if limit:
            container["resources"] = {"limits": {"memory": limit}}
        spec = {"containers": [container], "hostNetwork": host_network}
        self.post(path, {"metadata": meta, "spec": spec})
        ready = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
        status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": ready}
        self.patch(f"{path}/{name}/status", {"status": status})

    def delete_pod(self, name):
        status, answer = self.api.request("DELETE", f"/api/v1/namespaces/{self.name}/pods/{name}?gracePeriodSeconds=0")
        assert status == 200, answer

    def leaky(self, app, owner=None, name=None, program="leaky", limit=None, **env):
        p = Program(program, **{"RATE": "5", **env})
        self.programs.append(p)
        self.pod(app, name or f"{app}-0", p.ip, p.port, owner, limit=limit)
        return p

    def s3_spec(self, s3=None, secret="s3", ca=None):
        return {
            "endpoint": (s3 or self.s3).endpoint,
            "bucket": BUCKET,
            "prefix": "test",
            "credentialsSecretRef": {"name": secret},
            "caSecretRef": {"name": ca or secret},
        }

    def policy(self, app, name=None, mode="Enforce", max_replicas=5, s3=None, secret="s3", ca=None, port="http", **spec):
        body = {
            "mode": mode,
            "selector": {"matchLabels": {"app": app}},
            "endpoint": {"pprof": {"port": port}, "metrics": {"port": port}},
            "sampling": {"intervalSeconds": 1, "timeoutSeconds": 1, "profileIntervalSeconds": 10},
            "snapshot": {"s3": self.s3_spec(s3, secret, ca)},
            "healing": {"actions": [{"type": "ScaleOut", "scaleOut": {"maxReplicas": max_replicas}}]},
            **spec,
        }
        kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy"}
        return self.post(f"{API}/{self.name}/gostatpolicies", {**kind, "metadata": {"name": name or app}, "spec": body})

    # What is there now

    def policy_path(self, name):
        return f"{API}/{self.name}/gostatpolicies/{name}"

    @property
    def incidents_path(self):
        return f"{API}/{self.name}/gostatincidents"

    def get_policy(self, name):
        return self.get(self.policy_path(name))

    def incidents(self, app=None):
        items = self.get(self.incidents_path)["items"]
        return [i for i in items if app in (None, i["spec"]["workloadRef"]["name"])]

    def replicas(self, app, kind="Deployment"):
        return self.get(f"/apis/apps/v1/namespaces/{self.name}/{KINDS[kind]}/{app}")["spec"]["replicas"]

    def set_replicas(self, app, n):
        self.patch(f"/apis/apps/v1/namespaces/{self.name}/deployments/{app}", {"spec": {"replicas": n}})

    # What becomes true

    def wait_condition(self, policy, kind, status, reason, seconds=30):
        def probe():
            c = condition(self.get_policy(policy), kind)
            return c if (c["status"], c["reason"]) == (status, reason) else None

        return until(lambda: f"{policy}: {kind}={status} {reason}: {self.get_policy(policy).get('status')}", probe, seconds)

    def wait_incident(self, app, wanted, what, seconds=60):
        """The only incident of this workload, once `wanted` is true of it."""

        def probe():
            found = self.incidents(app)
            assert len(found) <= 1, found
            return found[0] if found and found[0].get("status") and wanted(found[0]) else None

        return until(lambda: f"{what}: {self.incidents(app)} {self.get_policy(app)}", probe, seconds)

    def wait_grade(self, app, grade, seconds=60):
        """That grade, or a surer one."""
        enough = GRADES[GRADES.index(grade) :]
        return self.wait_incident(app, lambda i: i["status"].get("grade") in enough, grade, seconds)

    def wait_evidence(self, app, pieces, seconds=20):
        wanted = lambda i: len(i["status"].get("evidence", [])) >= pieces  # noqa: E731
        return self.wait_incident(app, wanted, f"{pieces} pieces of evidence", seconds)

    def wait_action(self, app, outcome, reason="", seconds=60):
        def wanted(i):
            last = (i["status"].get("actions") or [{}])[-1]
            return last.get("outcome") == outcome and last.get("reason", "").startswith(reason)

        return self.wait_incident(app, wanted, f"last action {outcome} {reason}", seconds)

    def wait_replicas(self, app, n, seconds=60, kind="Deployment"):
        until(
            lambda: f"{app}: {n} replicas, not {self.replicas(app, kind)}: {self.incidents(app)} {self.get_policy(app)}",
            lambda: self.replicas(app, kind) == n,
            seconds,
        )

    # What was written, from the audit log

    def writes(self, resource, sub=None, name=None, verb="patch", since=0):
        """The writes to one kind in this namespace that gostat made and the API server took."""
        return [
            e
            for e in self.api.audit()[since:]
            if e["verb"] == verb
            and e["objectRef"].get("namespace") == self.name
            and e["objectRef"]["resource"] == resource
            and e["objectRef"].get("subresource") == sub
            and name in (None, e["objectRef"].get("name"))
            and e["user"]["username"] == "system:serviceaccount:gostat-system:gostat"
            and e["responseStatus"]["code"] < 300
        ]

    def scalings(self, app, resource="deployments"):
        return len(self.writes(resource, "scale", app))


def check_evidence(space, incident):
    """Every piece of evidence that the incident names is in the store, byte for byte, with its description."""
    objects = space.s3.objects(space.name)
    evidence = incident["status"]["evidence"]
    assert evidence
    for e in evidence:
        data = objects[e["key"]]
        assert hashlib.sha256(data).hexdigest() == e["sha256"] and len(data) == e["bytes"]
        assert re.sub(r"\.(pb\.gz|trace|txt)$", ".json", e["key"]) in objects


class Parallel:
    """Runs all scenarios at once, each in a namespace of its own; result(name) is what the test of that name waits for."""

    def __init__(self, api, s3, scenarios, directory):
        self._pool = concurrent.futures.ThreadPoolExecutor(len(scenarios))
        self._futures = {}
        for f in scenarios:
            space = Space(api, s3, f.__name__.replace("_", "-"), directory / f.__name__)
            self._futures[f.__name__] = self._pool.submit(self._run, f, space)

    @staticmethod
    def _run(scenario, space):
        try:
            scenario(space)
        finally:
            space.close()

    def result(self, name):
        self._futures[name].result(300)

    def wait_all(self):
        concurrent.futures.wait(self._futures.values(), 300)
        self._pool.shutdown()
