"""A Helm release of charts/gostat on the real cluster, its pods, and who of them leads."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import yaml
from shop import merged
from world import ROOT, until

NAMESPACE = "gostat-system"
CHART = ROOT / "charts/gostat"
# The test cluster's own network is private, and the kubelet has no registry to pull from.
VALUES = {"image": {"pullPolicy": "Never"}, "destinations": {"private": ["10.244.0.0/16"]}}


class Release:
    """Named as its image and its namespace are in the README. tail() is what a Shop shows when something fails."""

    def __init__(self, world, name="gostat"):
        self.world = world
        self.name = name

    # Helm

    def helm(self, *args, check=True):
        done = subprocess.run(
            [os.environ["GOSTAT_HELM"], "--namespace", NAMESPACE, *map(str, args)],
            capture_output=True, text=True, timeout=420, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"helm {args}: {done.stdout}{done.stderr}\n{self.tail()}"
        return done

    def uninstall(self):
        """Its rights go while its pods still end, and ask for the Lease."""
        began = time.time()
        self.helm("uninstall", self.name, "--wait", "--timeout", "300s")
        self.world.outages.append((began, time.time() + 5))

    def put(self, verb, chart=CHART, values=None, args=()):
        """install or upgrade, and wait until all pods are Ready."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            yaml.safe_dump(merged(VALUES, values or {}), f)
            f.flush()
            return self.helm(verb, self.name, chart, "-f", f.name, "--wait", "--timeout", "180s", *args).stdout

    # What runs

    def pods(self):
        """Those that run and are not about to go."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/name=gostat"
        found = self.world.core.list_namespaced_pod(NAMESPACE, label_selector=selector).items
        return [p for p in found if p.status.phase == "Running" and not p.metadata.deletion_timestamp]

    def holder(self):
        """The Lease's holder, "" for none: a pod's name, "_", and what makes it unique."""
        return self.world.leases.read_namespaced_lease(self.name, NAMESPACE).spec.holder_identity or ""

    def leader(self):
        """The pod that leads, once one does."""

        def leads():
            name = self.holder().rpartition("_")[0]
            return next((p for p in self.pods() if p.metadata.name == name), None)

        return until(60, "a pod leads", leads, self.tail)

    def pid(self, pod):
        """The controller's process, on this machine: the one of the pod's cgroups that is called so."""
        uid = pod.metadata.uid
        for p in pathlib.Path("/proc").iterdir():
            try:
                if p.name.isdigit() and (p / "comm").read_text().strip() == "gostat":
                    groups = (p / "cgroup").read_text()
                    if uid in groups or uid.replace("-", "_") in groups:
                        return int(p.name)
            except OSError:  # it has just ended
                continue
        raise AssertionError(f"no process of pod {pod.metadata.name}\n{self.tail()}")

    def kill(self, pod):
        os.kill(self.pid(pod), signal.SIGKILL)

    def kill_next(self, pod, pid):
        """The process after that one, if it is there by now."""
        try:
            found = self.pid(pod)
        except AssertionError:
            return False
        if found != pid:
            os.kill(found, signal.SIGKILL)
        return found != pid

    def tail(self, lines=25):
        """The last lines of each pod's log, of its container before too."""
        parts = []
        for p in self.world.core.list_namespaced_pod(NAMESPACE).items:
            for previous in (False, True):
                try:
                    log = self.world.core.read_namespaced_pod_log(
                        p.metadata.name, NAMESPACE, tail_lines=lines, previous=previous
                    )
                except Exception:  # pylint: disable=broad-except
                    continue
                parts.append(f"--- {p.metadata.name}{' before' if previous else ''}:\n{log}")
        return "\n".join(parts)

    # What it leaves

    def leftovers(self):
        """Every object of the cluster that carries the release's label: kind/namespace/name."""
        kinds = self.world.kubectl("api-resources", "--verbs=list", "-o", "name").split()
        kinds = [k for k in kinds if not k.startswith("events")]
        raw = self.world.kubectl(
            "get", ",".join(kinds), "-A", "-l", f"app.kubernetes.io/instance={self.name}", "-o", "json", "--ignore-not-found"
        )  # fmt: skip
        items = json.loads(raw)["items"] if raw.strip() else []
        return sorted(f"{o['kind']}/{o['metadata'].get('namespace', '')}/{o['metadata']['name']}" for o in items)


class Cpu:
    """The processor time and memory of one process."""

    TICKS = os.sysconf("SC_CLK_TCK")

    def __init__(self, pid):
        self.pid = pid

    def seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / self.TICKS

    def share(self, seconds):
        """Of one core, over the next seconds."""
        began, used = time.monotonic(), self.seconds()
        time.sleep(seconds)
        return (self.seconds() - used) / (time.monotonic() - began)

    def memory(self, field):
        """RssAnon, VmRSS: bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(field + ":"))
