"""What hack/soak.sh runs, after it has built everything into --dir and started S3 (S3_* in the environment)."""

import argparse
import base64
import contextlib
import ctypes
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/component"))
from apiserver import ApiServer, free_port  # noqa: E402

PORT = 6060
PODS = 4  # of each workload
WORKLOADS = {  # name: the program behind each of its pods
    "orders": ("leaky", {"LEAK": "channel"}),
    "ledger": ("leaky", {"LEAK": "lock"}),
    "session": ("leaky", {"LEAK": "cancel"}),
    "fixed": ("leaky", {"LEAK": "off"}),
    "catalog": ("lively", {"LIVELY": "burst", "MAX": "100"}),
}
LEAKING = ("orders", "ledger", "session")
LEAK_SECONDS, CALM_SECONDS = 45, 45  # long enough for an incident to open, and to resolve
OPERATIONS_A_SECOND = 1.5
SETTLE_SECONDS = 150
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: \w*Sanitizer")
TICKS = os.sysconf("SC_CLK_TCK")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(args, log, **env):
    with open(log, "ab") as out:
        return subprocess.Popen(
            args,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **env},
            preexec_fn=die_with_parent,
        )


class Processes:
    """The plain processes that stand for pods; both namespaces show the same ones."""

    def __init__(self, directory):
        self.net = 16 + os.getpid() % 200  # two soaks beside each other take other addresses
        self.all = []
        self.leaking = {}
        for w, (program, env) in enumerate(WORKLOADS.values()):
            for n in range(PODS):
                address = f"{self.ip(w, n)}:{PORT}"
                log = directory / f"workload-{w}-{n}.log"
                self.all.append(start([directory / "workloads" / program], log, ADDR=address, RATE="5", **env))
        time.sleep(1)
        for process in self.all:
            if process.poll() is not None:
                raise RuntimeError(f"a workload ended with {process.returncode}, see {directory}/workload-*.log")

    def ip(self, workload, n):
        return f"127.{self.net}.{workload}.{n + 1}"

    def set_leaks(self, seconds):
        """Lets each leaking workload leak for a while, and let go of all that it left behind, one after the other."""
        for w, name in enumerate(WORKLOADS):
            if name not in LEAKING:
                continue
            phase = (seconds + LEAKING.index(name) * 30) % (LEAK_SECONDS + CALM_SECONDS)
            on = phase < LEAK_SECONDS
            if self.leaking.get(name) == on:
                continue
            self.leaking[name] = on
            self.switch(w, on)

    def switch(self, workload, on):
        for n in range(PODS):
            for path in ["/leak?on=true"] if on else ["/leak?on=false", "/release"]:
                url = f"http://{self.ip(workload, n)}:{PORT}{path}"
                urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).read()

    def stop_leaks(self):
        for w, name in enumerate(WORKLOADS):
            if name in LEAKING:
                self.switch(w, False)

    def end(self):
        for process in self.all:
            process.kill()
            process.wait()


class Namespace:
    """The objects of one namespace: what Kubernetes' own controllers and the kubelet would write, written here."""

    def __init__(self, api, processes, name, seed):
        self.api, self.processes, self.name = api, processes, name
        self.random = random.Random(seed)
        self.uids = {}
        self.pods = {}  # (workload, n): the name of the Pod
        self.done = dict.fromkeys(("pod", "deployment", "policy", "edit"), 0)
        self.core = f"/api/v1/namespaces/{name}"
        self.apps = f"/apis/apps/v1/namespaces/{name}"
        self.policies = f"/apis/gostat.dev/v1alpha1/namespaces/{name}/gostatpolicies"
        self.want("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        keys = {"accessKeyId": os.environ["S3_ACCESS_KEY"], "secretAccessKey": os.environ["S3_SECRET_KEY"]}
        keys["ca.crt"] = pathlib.Path(os.environ["S3_CA"]).read_text()
        data = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
        labels = {"gostat.dev/usable": "true"}
        self.want("POST", f"{self.core}/secrets", {"metadata": {"name": "s3", "labels": labels}, "data": data})
        for workload in WORKLOADS:
            self.make_deployment(workload)
            for n in range(PODS):
                self.make_pod(workload, n)
            self.make_policy(workload)

    def want(self, method, path, body=None, ok=(200, 201, 202)):
        status, answer = self.api.request(method, path, body)
        if status not in ok:
            raise RuntimeError(f"{method} {path}: {status} {answer.get('message')}")
        return answer

    def make_deployment(self, workload):
        labels = {"app": workload}
        container = {"name": "main", "image": "none", "ports": [{"name": "http", "containerPort": PORT}]}
        spec = {
            "replicas": PODS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        made = self.want("POST", f"{self.apps}/deployments", {"metadata": {"name": workload}, "spec": spec})
        owner = self.owner("Deployment", workload, made["metadata"]["uid"])
        meta = {"name": f"{workload}-1", "labels": labels, "ownerReferences": owner}
        made = self.want("POST", f"{self.apps}/replicasets", {"metadata": meta, "spec": spec})
        self.uids[workload] = made["metadata"]["uid"]

    @staticmethod
    def owner(kind, name, uid):
        return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}]

    def make_pod(self, workload, n):
        name = f"{workload}-1-{n}-{self.random.randrange(16**5):05x}"
        owner = self.owner("ReplicaSet", f"{workload}-1", self.uids[workload])
        ports = [{"name": "http", "containerPort": PORT}]
        self.want(
            "POST",
            f"{self.core}/pods",
            {
                "metadata": {"name": name, "labels": {"app": workload}, "ownerReferences": owner},
                "spec": {"containers": [{"name": "main", "image": "none", "ports": ports}]},
            },
        )
        ip = self.processes.ip(list(WORKLOADS).index(workload), n)
        ready = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": ready}
        code, answer = self.api.patch(f"{self.core}/pods/{name}/status", {"status": status})
        if code != 200:
            raise RuntimeError(f"status of pod {name}: {code} {answer.get('message')}")
        self.pods[workload, n] = name

    def delete_pod(self, workload, n):
        self.want("DELETE", f"{self.core}/pods/{self.pods.pop((workload, n))}?gracePeriodSeconds=0")

    def make_policy(self, workload):
        secret = {"name": "s3"}
        s3 = {"endpoint": os.environ["S3_ENDPOINT"], "bucket": os.environ["S3_BUCKET"], "prefix": self.name}
        spec = {
            "mode": "Enforce",
            "selector": {"matchLabels": {"app": workload}},
            "endpoint": {"pprof": {"port": "http"}, "metrics": {"port": "http"}},
            "sampling": {"intervalSeconds": 2, "timeoutSeconds": 2, "profileIntervalSeconds": 20},
            "detection": {"floor": {"windowSeconds": 4, "windows": 2}},  # pods live a quarter of a minute
            "snapshot": {"s3": {**s3, "credentialsSecretRef": secret, "caSecretRef": secret}},
            "healing": {
                "actions": [{"type": "ScaleOut", "scaleOut": {"step": 1, "maxReplicas": 8}}],
                "limits": {"cooldownSeconds": 10},
            },
        }
        kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy"}
        # 409: the one before is not gone yet, since it has something to undo.
        self.want("POST", self.policies, {**kind, "metadata": {"name": workload}, "spec": spec}, ok=(201, 409))

    def operate(self):
        """One thing that users and Kubernetes do."""
        kind = self.random.choices(("pod", "edit", "policy", "deployment"), (88, 8, 2, 2))[0]
        workload = self.random.choice(list(WORKLOADS))
        if kind == "pod":
            n = self.random.randrange(PODS)
            self.delete_pod(workload, n)
            self.make_pod(workload, n)
        elif kind == "edit":
            mode = self.random.choice(("Observe", "DryRun", "Enforce", "Enforce", "Enforce"))
            suspend = self.random.random() < 0.1
            self.api.patch(f"{self.policies}/{workload}", {"spec": {"mode": mode, "suspend": suspend}})
        elif kind == "policy":
            self.api.request("DELETE", f"{self.policies}/{workload}")
            self.make_policy(workload)
        else:
            self.want("DELETE", f"{self.apps}/deployments/{workload}")
            self.want("DELETE", f"{self.apps}/replicasets/{workload}-1")
            self.make_deployment(workload)
            for n in range(PODS):
                self.delete_pod(workload, n)
                self.make_pod(workload, n)
        self.done[kind] += 1

    def make_missing_policies(self):
        for workload in WORKLOADS:
            if self.api.request("GET", f"{self.policies}/{workload}")[0] == 404:
                self.make_policy(workload)

    def let_act(self):
        self.make_missing_policies()
        for workload in WORKLOADS:
            self.api.patch(f"{self.policies}/{workload}", {"spec": {"mode": "Enforce", "suspend": False}})

    def not_taken_back(self):
        """What still shows an action, though nothing leaks any more."""
        found = []
        for workload in WORKLOADS:
            replicas = self.want("GET", f"{self.apps}/deployments/{workload}")["spec"]["replicas"]
            if replicas != PODS:
                found.append(f"{self.name}: {workload} still has {replicas} replicas, not {PODS}")
            policy = self.api.request("GET", f"{self.policies}/{workload}")[1]
            if policy.get("metadata", {}).get("finalizers"):
                found.append(f"{self.name}: policy {workload} still has a finalizer")
        return found


class Controller:
    def __init__(self, directory, build, namespace, kubeconfig):
        self.log = directory / f"controller-{build}.log"
        self.metrics_port = free_port()
        self.process = start(
            [directory / f"gostat-{build}", "controller", "--kubeconfig", kubeconfig, "--namespace", namespace]
            + ["--lease-name", namespace, "--metrics-address", f"127.0.0.1:{self.metrics_port}"]
            + ["--health-address", f"127.0.0.1:{free_port()}", "--incident-retention", "1m"]
            + ["--allow-private", "127.0.0.0/8"],  # where its S3 is
            self.log,
            ASAN_OPTIONS="detect_leaks=1",
            UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
        )

    def check_alive(self):
        if self.process.poll() is not None:
            text = self.log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"a controller ended with {self.process.returncode}:\n{text}")

    def memory(self):
        """RssAnon and RSS in KiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return [int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M)[1]) for key in ("RssAnon", "VmRSS")]

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as r:
            lines = r.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] != "#"}

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


OPENED = "gostat_incidents_opened_total"
ACTED = 'gostat_actions_total{result="acted"}'
FACTS = {  # what must have happened, or the soak has shown nothing
    OPENED: "incidents opened",
    "gostat_incidents_resolved_total": "incidents resolved",
    ACTED: "actions",
    'gostat_evidence_total{result="stored"}': "snapshots stored",
}


HEADER = ("second", "RssAnon KiB", "RSS KiB", "CPU s", "incidents", "open", "actions", "operations")


def soak(seconds, controllers, namespaces, processes):
    """Drives everything; returns [(second, RssAnon, RSS, CPU seconds)] of the release build, one for each 10 s."""
    began, samples, operations = time.monotonic(), [], 0
    release = controllers["release"]
    print("  ".join(HEADER))
    while True:
        now = time.monotonic() - began
        if now >= len(samples) * 10 + 10:
            for controller in controllers.values():
                controller.check_alive()
            samples.append((round(now), *release.memory(), round(release.cpu(), 2)))
            m = release.metrics()
            numbers = [f"{m.get(name, 0):.0f}" for name in (OPENED, "gostat_incidents_open", ACTED)]
            row = (*samples[-1], *numbers, operations)
            print("  ".join(str(value).rjust(len(head)) for value, head in zip(row, HEADER)), flush=True)
            for namespace in namespaces:
                namespace.make_missing_policies()
        if now >= seconds and len(samples) * 10 >= seconds:
            return samples
        processes.set_leaks(now)
        if operations < now * OPERATIONS_A_SECOND:
            operations += 1
            for namespace in namespaces:
                namespace.operate()
        else:
            time.sleep(0.02)


def settle(controllers, namespaces, processes):
    """Ends every leak, and lets every policy act: what is then still open, or not taken back, was forgotten."""
    processes.stop_leaks()
    for namespace in namespaces:
        namespace.let_act()
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        failures = [
            f"{build}: {count:.0f} incidents still open {SETTLE_SECONDS} s after the last leak"
            for build, controller in controllers.items()
            if (count := controller.metrics()["gostat_incidents_open"])
        ]
        for namespace in namespaces:
            namespace.make_missing_policies()
            failures += namespace.not_taken_back()
        if not failures or time.monotonic() > end:
            return failures
        time.sleep(1)


def judge(samples, minutes, controllers):
    failures = []
    numbers = {build: controller.metrics() for build, controller in controllers.items()}
    for build, controller in controllers.items():
        counts = {text: numbers[build].get(name, 0) for name, text in FACTS.items()}
        print(f"{build}: " + ", ".join(f"{value:.0f} {text}" for text, value in counts.items()))
        failures += [f"{build}: no {text} in all that time" for text, value in counts.items() if value == 0]
        code = controller.end()
        if code != 0:
            failures.append(f"{build}: exit {code} at SIGTERM, not 0")
        report = SANITIZER.search(controller.log.read_text(errors="replace"))
        if report:
            failures.append(f"{build}: {report[0]}; see {controller.log}")
        print(f"{build}: exit {code} at SIGTERM, {'a sanitizer report' if report else 'no sanitizer report'}")
    at = {minute: samples[minute * 6 - 1] for minute in range(1, minutes + 1)}
    print("RssAnon KiB at the end of each minute: " + ", ".join(str(sample[1]) for sample in at.values()))
    growth = 100 * (at[minutes][1] - at[2][1]) / at[2][1]
    print(f"minute 2: {at[2][1]} KiB, minute {minutes}: {at[minutes][1]} KiB: {growth:+.1f} %, limit +5 %")
    print(f"RSS {at[minutes][2]} KiB, {at[minutes][3]:.1f} CPU seconds in {minutes} minutes")
    if growth > 5:
        failures.append(f"RssAnon grew by {growth:.1f} %")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, required=True)
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        processes = Processes(args.dir)
        stack.callback(processes.end)
        api = stack.enter_context(ApiServer(args.dir / "programs", args.dir / "apiserver"))
        api.kubectl("apply", "-k", ROOT / "tests/rights")
        api.kubectl("wait", "--for=condition=Established", "crd", "--all")
        kubeconfig = api.service_account_kubeconfig("gostat-system", "gostat")
        names = {"release": "soak-release", "asan": "soak-asan"}
        namespaces = [Namespace(api, processes, name, seed) for seed, name in enumerate(names.values())]
        controllers = {}
        for build, name in names.items():
            controllers[build] = Controller(args.dir, build, name, kubeconfig)
            stack.callback(controllers[build].process.kill)
        samples = soak(args.minutes * 60, controllers, namespaces, processes)
        for namespace in namespaces:
            print(f"{namespace.name}: " + ", ".join(f"{n} {kind}" for kind, n in namespace.done.items()))
        failures = settle(controllers, namespaces, processes)
        failures += judge(samples, args.minutes, controllers)
    for failure in failures:
        print(f"FAILED: {failure}")
    if not failures:
        print("the soak passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
