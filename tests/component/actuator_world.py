"""Workloads that live, without a node: a real API server with the real controllers, and what stands in for scheduler and
kubelet: it binds each pod, makes it Running and Ready, and lets go of it when it is to go."""

import json
import os
import pathlib
import subprocess
import threading
import time

from apiserver import ApiServer, bin_dir_from_env

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = os.environ.get("GOSTAT_ACT_DRIVER") or str(ROOT / "build/dev/act_driver")
CONTROLLERS = ("deployment", "replicaset", "statefulset", "daemonset", "disruption", "horizontal-pod-autoscaler")
COST = "controller.kubernetes.io/pod-deletion-cost"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "ReplicaSet": "replicasets"}
HOLD = "test/hold"  # label of pods that never get Ready
NODE = "n1"


def until(what, probe, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.1)


class World:
    def __init__(self, directory):
        self.api = ApiServer(bin_dir_from_env(), directory)
        self._stop = threading.Event()
        self._kubelet = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.api.__enter__()
        self.api.kubectl("apply", "-k", ROOT / "tests/rights")
        self.api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        self.api.start_controllers(*(f"{name}-controller" for name in CONTROLLERS))
        self.post("/api/v1/nodes", {"metadata": {"name": NODE}})
        self.patch(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})  # "not ready", which a node has that is new
        self.kubeconfig = self.api.service_account_kubeconfig("gostat-system", "gostat")
        self._kubelet.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._kubelet.join()
        self.api.__exit__()

    def post(self, path, body):
        status, answer = self.api.request("POST", path, body)
        assert status == 201, answer
        return answer

    def patch(self, path, body):
        status, answer = self.api.patch(path, body)
        assert status == 200, answer
        return answer

    def get(self, path):
        status, answer = self.api.request("GET", path)
        assert status in (200, 404), answer
        return answer if status == 200 else None

    # Scheduler and kubelet

    def _run(self):
        while not self._stop.wait(0.1):
            for pod in self.get("/api/v1/pods")["items"]:
                self._tend(pod)

    def _tend(self, pod):
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if "deletionTimestamp" in meta:
            self.api.request("DELETE", path + "?gracePeriodSeconds=0")
        elif "nodeName" not in pod["spec"]:
            target = {"target": {"kind": "Node", "name": NODE}, "metadata": {"name": meta["name"]}}
            self.api.request("POST", path + "/binding", target)
        elif pod["status"]["phase"] != "Running" and HOLD not in meta.get("labels", {}):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            ready = [{"type": t, "status": "True", "lastTransitionTime": now} for t in ("Ready", "ContainersReady")]
            self.api.patch(path + "/status", {"status": {"phase": "Running", "conditions": ready}})


class Shop:
    """A namespace with one policy, and workloads named web."""

    def __init__(self, world, name):
        self.world, self.api, self.ns = world, world.api, name
        world.post("/api/v1/namespaces", {"metadata": {"name": name}})
        body = {
            "mode": "Enforce",
            "selector": {"matchLabels": {"app": "web"}},
            "endpoint": {"pprof": {"port": 6060}},
            "snapshot": {"s3": {"endpoint": "http://127.0.0.1:1", "bucket": "evidence", "credentialsSecretRef": {"name": "s3"}}},
        }
        kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy"}
        self.policy_path = f"/apis/gostat.dev/v1alpha1/namespaces/{name}/gostatpolicies/web"
        world.post(self.policy_path.rpartition("/")[0], {**kind, "metadata": {"name": "web"}, "spec": body})

    def path(self, plural="deployments", name="web", group="apps/v1"):
        return f"/apis/{group}/namespaces/{self.ns}/{plural}" + (f"/{name}" if name else "")

    def pods_path(self, name=""):
        return f"/api/v1/namespaces/{self.ns}/pods" + (f"/{name}" if name else "")

    def workload(self, kind="Deployment", replicas=3, labels=None, owner=None):
        template = {
            "metadata": {"labels": {"app": "web", **(labels or {})}},
            "spec": {"containers": [{"name": "main", "image": "main"}]},
        }
        spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
        if kind != "DaemonSet":
            spec["replicas"] = replicas
        if kind == "StatefulSet":
            spec |= {"serviceName": "web", "podManagementPolicy": "Parallel"}
        meta = {"name": "web", "ownerReferences": [owner] if owner else []}
        made = self.world.post(self.path(PLURALS[kind], ""), {"metadata": meta, "spec": spec})
        self.ref = {"api_version": "apps/v1", "kind": kind, "name": "web", "uid": made["metadata"]["uid"]}
        return made

    def running(self, replicas=3, **more):
        """A Deployment, all of whose pods are Ready; the pods."""
        self.workload(replicas=replicas, **more)
        return self.ready(replicas)

    def pods(self):
        items = self.world.get(self.pods_path() + "?labelSelector=app%3Dweb")["items"]
        return [p for p in items if "deletionTimestamp" not in p["metadata"]]

    def ready(self, n):
        def probe():
            pods = self.pods()
            done = self.world.get(self.path(PLURALS[self.ref["kind"]]))["status"]
            counted = done.get("availableReplicas", done.get("numberAvailable", 0))
            return pods if len(pods) == n == counted and all(p["status"]["phase"] == "Running" for p in pods) else None

        return until(lambda: f"{n} pods Ready: {self.pods()}", probe)

    def uids(self):
        return {p["metadata"]["uid"] for p in self.pods()}

    def marks(self):
        return [p["metadata"]["name"] for p in self.pods() if COST in p["metadata"].get("annotations", {})]

    def replicas(self):
        return self.world.get(self.path())["spec"]["replicas"]

    def scale(self, n):
        self.world.patch(self.path() + "/scale", {"spec": {"replicas": n}})

    def autoscaler(self, minimum, maximum, **meta):
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        spec = {"scaleTargetRef": target, "minReplicas": minimum, "maxReplicas": maximum}
        body = {"metadata": {"name": "scaler", **meta}, "spec": spec}
        self.world.post(self.path("horizontalpodautoscalers", "", "autoscaling/v2"), body)

    def minimum(self):
        return self.world.get(self.path("horizontalpodautoscalers", "scaler", "autoscaling/v2"))["spec"]["minReplicas"]

    def budget(self, max_unavailable):
        spec = {"maxUnavailable": max_unavailable, "selector": {"matchLabels": {"app": "web"}}}
        self.world.post(self.path("poddisruptionbudgets", "", "policy/v1"), {"metadata": {"name": "budget"}, "spec": spec})

    def policy(self):
        return self.world.get(self.policy_path)

    def history(self):
        workloads = (self.policy().get("status") or {}).get("healing", {}).get("workloads", [])
        assert len(workloads) <= 1, workloads
        return workloads[0] if workloads else {}

    # The driver

    def start(self, verb, **options):
        args = [DRIVER, verb, "--kubeconfig", str(self.world.kubeconfig), "--namespace", self.ns, "--policy", "web"]
        for key, value in {**getattr(self, "ref", {}), **options}.items():
            args += ["--" + key.replace("_", "-"), str(value)]
        return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process, seconds=60):
        """(exit code, lines)."""
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"did not end within {seconds} s:\n{out}\n{err}") from None
        assert process.returncode in (0, 137), f"{process.returncode}\n{out}\n{err}"
        return process.returncode, [json.loads(line) for line in out.splitlines()]

    def run(self, verb, **options):
        return self.finish(self.start(verb, **options))

    def facts(self, **ref):
        return self.run("facts", **ref)[1][-1]

    def victims(self, pods):
        return ",".join(f"{p['metadata']['name']}={p['metadata']['uid']}" for p in pods)
