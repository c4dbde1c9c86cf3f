"""gostat undo: what a controller that leads has changed is taken back, by nobody else, and only once. controller_world.py says
what it needs. The tests go on from each other, in their order: one world, in which more and more is undone."""

import datetime
import os
import subprocess
import time

import pytest

from apiserver import ApiServer, _die_with_parent
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import BUCKET, GOSTAT, ROOT, S3, Controller, Space, Workloads, condition, until

LEASE = "/apis/coordination.k8s.io/v1/namespaces/gostat-system/leases/gostat"
LEASE_SECONDS = 6
LEADS = ["--lease-duration", f"{LEASE_SECONDS}s", "--renew-deadline", "5s", "--retry-period", "1s"]
STORE = ["--allow-private", "127.0.0.1/32", "--cluster-name", "c", "--s3-prefix", "{cluster}/{namespace}"]
DENIED = "apis/admissionregistration.k8s.io/v1"


class Undo:
    """A run of gostat undo, with the controller's rights."""

    def __init__(self, controller, *flags, timeout=60):
        self.log_path = controller.directory / f"undo-{time.monotonic_ns()}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [GOSTAT, "undo", "--kubeconfig", controller.kubeconfig, "--lease-duration", f"{LEASE_SECONDS}s"]
                + ["--timeout", f"{timeout}s", *flags],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=1:exitcode=99"},
                preexec_fn=_die_with_parent,
            )

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait(self, seconds=90):
        return self.process.wait(seconds)


class World:
    def __init__(self, api, controller, spaces):
        self.api, self.controller, self.spaces = api, controller, spaces
        self.shop, self.scaled, self.stuck = spaces

    def lease(self):
        return self.api.request("GET", LEASE)[1]["spec"]

    def lead(self):
        """The controller is started, and leads."""
        self.controller.start()
        until("it leads", lambda: 'master_status{name="gostat"} 1' in self.metrics(), 30)
        self.controller.wait_ready()

    def metrics(self):
        return self.controller.get(self.controller.metrics_address, "/metrics")[1]

    def minimum(self):
        path = f"/apis/autoscaling/v2/namespaces/{self.scaled.name}/horizontalpodautoscalers/shop"
        return self.api.request("GET", path)[1]["spec"]["minReplicas"]

    def deny_scaling(self, deny=True):
        """Nobody may scale in the namespace "stuck" (any more)."""
        name = {"metadata": {"name": "stuck"}}
        if not deny:
            for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
                assert self.api.request("DELETE", f"/{DENIED}/{kind}/stuck")[0] == 200
            until("it is allowed", lambda: self.may_scale() == 200)
            return
        rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments/scale"]}
        space = {"matchLabels": {"kubernetes.io/metadata.name": "stuck"}}
        spec = {"matchConstraints": {"resourceRules": [rule], "namespaceSelector": space}}
        spec["validations"] = [{"expression": "false", "message": "nobody scales here"}]
        assert self.api.request("POST", f"/{DENIED}/validatingadmissionpolicies", {**name, "spec": spec})[0] == 201
        binding = {**name, "spec": {"policyName": "stuck", "validationActions": ["Deny"]}}
        assert self.api.request("POST", f"/{DENIED}/validatingadmissionpolicybindings", binding)[0] == 201
        until("it is denied", lambda: self.may_scale() == 422)

    def may_scale(self):
        path = "/apis/apps/v1/namespaces/stuck/deployments/shop/scale?dryRun=All"
        n = self.stuck.replicas("shop")
        status, answer = self.api.patch(path, {"spec": {"replicas": n + 1}})
        assert status in (200, 422), answer
        return status


def autoscaler(space):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 6}
    path = f"/apis/autoscaling/v2/namespaces/{space.name}/horizontalpodautoscalers"
    space.post(path, {"metadata": {"name": "shop"}, "spec": spec})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A controller that has scaled out a Deployment, and another by its autoscaler, and a third that is to be stuck."""
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as api:
        api.kubectl("apply", "-k", ROOT / "tests/rights")
        api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        with S3(tmp_path_factory.mktemp("s3")) as s3, Workloads(api):
            controller = Controller(api, tmp_path_factory.mktemp("controller"), *LEADS)
            spaces = [Space(api, s3, name, tmp_path_factory.mktemp(name)) for name in ("shop", "scaled", "stuck")]
            w = World(api, controller, spaces)
            try:
                for space in spaces:
                    space.secret()
                    space.leaky("shop", space.workload("shop", replicas=2))
                autoscaler(w.scaled)
                for space in spaces:
                    space.policy("shop", healing={"limits": {"cooldownSeconds": 3600}, "actions": [
                        {"type": "ScaleOut", "scaleOut": {"maxReplicas": 5}}]})
                w.lead()
                for space in spaces:
                    space.wait_action("shop", "Succeeded", seconds=90)
                yield w
            finally:
                for space in spaces:
                    space.close()
                controller.process.kill()
                controller.process.wait()


def at(text):
    return datetime.datetime.fromisoformat(text.rstrip("Z")).timestamp()


def test_what_can_be_undone_is_and_the_rest_is_named(world):
    """The leader has to go, and nothing is done before it must have noticed. What cannot be patched is named at the end."""
    assert [s.replicas("shop") for s in (world.shop, world.stuck)] == [3, 3] and world.minimum() == 3
    world.deny_scaling()
    before = {s.name: s.get_policy("shop") for s in world.spaces}
    since = len(world.api.audit())
    undo = Undo(world.controller, *STORE, timeout=25)
    assert undo.wait() == 1, undo.log
    assert world.controller.process.wait(1) == 1 and "lost the lease" in world.controller.log

    assert world.shop.replicas("shop") == 2 and world.stuck.replicas("shop") == 3 and world.minimum() == 2
    left = [line for line in undo.log.splitlines() if "left" in line]
    assert len(left) == 1 and "stuck/shop" in left[0] and "Deployment shop" in left[0] and "denied request" in left[0]
    assert "not undone within --timeout" in undo.log.splitlines()[-1]
    for space in (world.shop, world.scaled):
        policy = space.get_policy("shop")
        assert not policy["metadata"].get("finalizers")
        assert policy["spec"] == before[space.name]["spec"]
        for kind in ("Ready", "Collecting", "Leaking"):
            assert condition(policy, kind) == condition(before[space.name], kind)
        assert condition(policy, "Healing")["status"] == "False"
        (incident,) = space.incidents("shop")
        assert incident["status"]["phase"] != "Resolved"
        assert [a["outcome"] for a in incident["status"]["actions"] if a["type"] == "ScaleOut"] == ["Undone"]
    assert "gostat.dev/undo" in world.stuck.get_policy("shop")["metadata"]["finalizers"]
    assert not world.lease().get("holderIdentity")  # controllers go on where something is left
    assert list((world.shop.s3.root / BUCKET).glob("c/shop/test/shop/audit/shop/*.jsonl"))

    undone = world.shop.writes("deployments", "scale", since=since)
    assert len(undone) == 1 and len(world.scaled.writes("horizontalpodautoscalers", since=since)) == 1
    taken = next(line for line in undo.log.splitlines() if "identity=" in line and "gostat-undo_" in line)
    assert at(undone[0]["requestReceivedTimestamp"]) - at(taken.split()[0]) >= LEASE_SECONDS - 0.1


def test_killed_in_the_middle(world):
    """As soon as the scale is back, whether that is written down or not: the next run ends it, and scales no second time."""
    world.lead()
    world.deny_scaling(False)
    since = len(world.api.audit())
    undo = Undo(world.controller)
    until(lambda: undo.log, lambda: world.stuck.replicas("shop") == 2 or undo.process.poll() is not None, 60)
    undo.process.kill()
    undo.process.wait()
    assert world.lease()["holderIdentity"].startswith("gostat-undo")
    again = Undo(world.controller)
    assert again.wait() == 0, again.log
    assert world.stuck.replicas("shop") == 2 and not world.stuck.get_policy("shop")["metadata"].get("finalizers")
    assert len(world.stuck.writes("deployments", "scale", since=since)) == 1
    world.stuck.wait_action("shop", "Undone", seconds=1)
    assert world.controller.process.wait(10) == 1


def test_the_lease_stays(world):
    """So that no controller begins anew before it is removed; without its spec, as --help says, the Lease is free again."""
    assert (world.lease()["holderIdentity"], world.lease()["leaseDurationSeconds"]) == ("gostat-undo", 600)
    world.controller.start().wait_ready()
    time.sleep(LEASE_SECONDS + 2)
    assert 'master_status{name="gostat"} 0' in world.metrics() and world.controller.process.poll() is None
    assert world.api.patch(LEASE, {"spec": None})[0] == 200
    until("it leads", lambda: 'master_status{name="gostat"} 1' in world.metrics(), 15)


def test_nothing_to_undo(world):
    """Beside a leader, which might begin something: it has to go all the same. Where nobody leads: at once."""
    before = {s: s.scalings("shop") for s in world.spaces}
    began = time.monotonic()
    undo = Undo(world.controller)
    assert undo.wait() == 0, undo.log
    assert time.monotonic() - began >= LEASE_SECONDS
    assert world.controller.process.wait(1) == 1
    began = time.monotonic()
    undo = Undo(world.controller)
    assert undo.wait() == 0, undo.log
    assert time.monotonic() - began < LEASE_SECONDS - 1
    assert world.lease()["holderIdentity"] == "gostat-undo"
    assert not any(s.scalings("shop") - n for s, n in before.items())
    assert "ERROR: LeakSanitizer" not in undo.log and "runtime error" not in undo.log


def test_asked_to_stop(world):
    """SIGTERM before it is through: 1, and the Lease is given back."""
    assert world.api.request("DELETE", LEASE)[0] == 200
    world.lead()
    undo = Undo(world.controller)
    until(lambda: undo.log, lambda: world.lease()["holderIdentity"].startswith("gostat-undo_"), 10)
    undo.process.terminate()
    assert undo.wait(10) == 1, undo.log
    assert not world.lease().get("holderIdentity")


def test_policy_that_is_being_deleted(world):
    """The lines of its audit log have no status to wait in: they are in S3 when undo ends."""
    world.lead()
    late = Space(world.api, world.shop.s3, "late", world.shop.directory)
    try:
        late.secret()
        late.leaky("shop", late.workload("shop", replicas=2))
        late.policy("shop")
        late.wait_action("shop", "Succeeded", seconds=90)
        world.controller.process.kill()
        world.controller.process.wait()
        assert world.api.request("DELETE", late.policy_path("shop"))[0] == 200
        late.s3.pause()
        undo = Undo(world.controller, *STORE)
        until(lambda: undo.log, lambda: late.get_policy("shop") is None, 30)
        time.sleep(3)
        assert undo.process.poll() is None, undo.log
        late.s3.go_on()
        assert undo.wait() == 0, undo.log
        assert late.replicas("shop") == 2
        stored = sorted((late.s3.root / BUCKET).glob("c/late/test/late/audit/shop/*.jsonl"))
        assert '"decision":"Undo"' in stored[-1].read_text().splitlines()[-1]
    finally:
        late.close()


USAGE = [
    (["--timeout", "0s"], "--timeout: must be 1 s..3600 s"),
    (["--leader-elect=false"], "leader-elect"),
    (["--metrics-address", ""], "metrics-address"),
    (["shop"], "unexpected argument shop"),
]


@pytest.mark.parametrize("args, message", USAGE, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_usage_errors(args, message):
    done = subprocess.run([GOSTAT, "undo", *args], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "") and message in done.stderr and len(done.stderr.splitlines()) == 1


def test_help():
    done = subprocess.run([GOSTAT, "undo", "--help"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("--timeout", "--lease-duration", "gostat-undo", "kubectl patch lease"):
        assert word in done.stdout
    assert "--allow-webhook" not in done.stdout
