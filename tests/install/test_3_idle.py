"""What a leader costs that has nothing to do but look: 10 policies, 100 pods, a sample of each every 5 s."""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

from release import NAMESPACE, Cpu
from world import until

POLICIES, PODS = 10, 10  # pods of each
NODE = "elsewhere"
NET = "10.245.0"
SECONDS = 60


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Pods:
    """Pods that a node which is not there is said to run: each has an address of its own, at which one healthy program
    answers. Nothing else of them is needed, and a hundred containers would leave the machine no time to measure."""

    def __init__(self, world, shop):
        self.world = world
        self.shop = shop
        workloads = pathlib.Path(os.environ["GOSTAT_E2E_DIR"]) / "bin"
        subprocess.run(["ip", "route", "add", "local", f"{NET}.0/24", "dev", "lo"], check=True)
        # 60 goroutines that wait for work, and as they are from its first second on: no rule fires.
        self._program = subprocess.Popen(
            [workloads / "lively"], env={"LIVELY": "warmup", "MAX": "60", "PERIOD": "1", "PORT": "6060"}, preexec_fn=die_with_parent,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        world.core.create_node({"metadata": {"name": NODE}, "spec": {"unschedulable": True}})
        elsewhere = {"template": {"spec": {"nodeName": NODE, "tolerations": [{"operator": "Exists"}]}}}
        for k in range(POLICIES):
            shop.deployment(f"idle-{k}", "lively", PODS, spec=elsewhere)
        shop.until(60, "all pods are there", lambda: len(self._all()) == POLICIES * PODS)
        for k, pod in enumerate(self._all()):
            self._run(pod.metadata.name, f"{NET}.{k + 1}")

    def _all(self):
        return self.world.core.list_namespaced_pod(self.shop.ns).items

    def _run(self, name, ip):
        started = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        container = {"name": "main", "ready": True, "restartCount": 0, "image": "none", "imageID": "none", "state": started}
        status = {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": "10.244.0.9",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container],
        }
        self.world.core.patch_namespaced_pod_status(name, self.shop.ns, {"status": status})

    def close(self):
        self._program.kill()
        self._program.wait()
        self.world.apps.delete_collection_namespaced_deployment(self.shop.ns)
        self.world.core.delete_collection_namespaced_pod(self.shop.ns, grace_period_seconds=0)
        self.world.core.delete_node(NODE)
        subprocess.run(["ip", "route", "del", "local", f"{NET}.0/24", "dev", "lo"], check=True)


def test_idle_leader(world, release, shop, report):
    s = shop("idle")
    pods = Pods(world, s)
    try:
        world.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/gostat")  # nothing of other tests is in it
        world.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/gostat", "--timeout=60s")
        for k in range(POLICIES):
            s.policy(f"idle-{k}", mode="Observe", interval=5, labels={"app": f"idle-{k}"}, spec={"snapshot": None})
        for k in range(POLICIES):
            s.wait_collecting(f"idle-{k}")
        until(60, "all pods are sampled", lambda: sampled(s) == POLICIES * PODS, s.show)
        time.sleep(20)  # the first profile of each pod is behind it
        leader = Cpu(release.pid(release.leader()))
        share = leader.share(SECONDS)
        anon, rss = leader.memory("RssAnon"), leader.memory("VmRSS")
        report(
            f"idle leader, {POLICIES} policies, {POLICIES * PODS} pods at 5 s, {SECONDS} s: {share * 100:.2f} % of a core, "
            f"RssAnon {anon / 1e6:.2f} MB, RSS {rss / 1e6:.1f} MB"
        )
        assert s.incidents() == []
        assert anon <= 6 * 1000 * 1000
        assert share <= 0.005
    finally:
        pods.close()


def sampled(s):
    return sum(s.get_policy(f"idle-{k}").get("status", {}).get("targets", {}).get("sampled", 0) for k in range(POLICIES))
