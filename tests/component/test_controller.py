"""gostat controller, the real binary, against a real API server, a real S3 server and real Go programs.

controller_world.py says what it needs. One controller serves all scenarios, which run at the same time, each in a
namespace of its own: the whole takes as long as the longest of them. Each test waits for its scenario.
"""

import gzip
import os
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import bad_servers
from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import BUCKET, ROOT, S3, Controller, Parallel, Program, Workloads, check_evidence, condition, until


class Counting:
    """A pod that counts who asks it, and answers as a healthy one."""

    def __init__(self):
        def answer(connection):
            connection.recv(65536)
            body = b"# TYPE go_goroutines gauge\ngo_goroutines 7\n"
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        self._server = bad_servers.BadServer(answer)
        self.port = int(self._server.address.rsplit(":", 1)[1])

    @property
    def asked(self):
        return self._server.connections


class Heavy:
    """A pod that is a program with a heap profile of 12 MB. The first time it breaks off within its second part."""

    def __init__(self, program):
        self.heap = gzip.compress(os.urandom(12 << 20), compresslevel=1)
        self.asked = 0
        self._base = f"http://{program.ip}:{program.port}"
        self._server = bad_servers.BadServer(self._answer)
        self.port = int(self._server.address.rsplit(":", 1)[1])

    def _answer(self, connection):
        path = connection.recv(65536).decode().split(" ")[1]
        status, body = self._ask(path)
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        if "/heap" in path:
            self.asked += 1
            body = body[: 7 << 20] if self.asked == 1 else body
        connection.sendall(head.encode() + body)

    def _ask(self, path):
        if "/heap" in path:
            return 200, self.heap
        try:
            with urllib.request.urlopen(self._base + path, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, b""


def counting(space, app):
    server = Counting()
    space.pod(app, f"{app}-0", "127.0.0.1", server.port)
    return server


def secrets(space):
    """A Secret that does not do: condition Ready says why. Sampling goes on; what needs the Secret does not. Put in order, it
    is found out."""
    keys = space.s3.keys
    space.secret("ca", {"ca.crt": keys["ca.crt"]})
    space.secret("unlabelled", usable=False)
    space.secret("no-access", {"secretAccessKey": "x"})
    space.secret("no-secret", {"accessKeyId": "x"})
    space.secret("no-ca", {k: v for k, v in keys.items() if k != "ca.crt"})
    space.secret("good", keys)
    table = [  # policy, its Secret, the CA's, reason, in the message
        ("missing", "missing", "ca", "SecretNotFound", f"no Secret missing in namespace {space.name}"),
        ("unlabelled", "unlabelled", "ca", "SecretNotUsable", "kubectl label secret unlabelled gostat.dev/usable=true"),
        ("no-access", "no-access", "ca", "SecretIncomplete", "Secret no-access has no key accessKeyId"),
        ("no-secret", "no-secret", "ca", "SecretIncomplete", "Secret no-secret has no key secretAccessKey"),
        ("no-ca", "no-ca", "no-ca", "SecretIncomplete", "caSecretRef: Secret no-ca has no key ca.crt"),
        ("ca-missing", "no-ca", "gone", "SecretNotFound", "no Secret gone"),
    ]
    servers = {}
    for name, secret, ca, _, _ in table:
        servers[name] = counting(space, name)
        space.policy(name, secret=secret, ca=ca)
    servers["good"] = counting(space, "good")
    space.policy("good", secret="good")
    for name, _, _, reason, message in table:
        c = space.wait_condition(name, "Ready", "False", reason)
        assert message in c["message"], c
        assert keys["secretAccessKey"] not in str(space.get_policy(name))
    for name, server in servers.items():
        space.wait_condition(name, "Collecting", "True", "Sampling")
        assert server.asked
    path = f"/api/v1/namespaces/{space.name}/secrets"
    space.secret("missing")
    space.patch(f"{path}/unlabelled", {"metadata": {"labels": {"gostat.dev/usable": "true"}}})
    for name in ("missing", "unlabelled"):
        space.wait_condition(name, "Ready", "True", "Accepted", 35)
    space.patch(f"{path}/missing", {"metadata": {"labels": {"gostat.dev/usable": "no"}}})
    space.wait_condition("missing", "Ready", "False", "SecretNotUsable", 35)


def ports(space):
    """No selected pod has the named port: the condition says so, and the policy is corrected."""
    space.secret()
    server = counting(space, "shop")
    space.policy("shop", port="pprof")
    c = space.wait_condition("shop", "Ready", "False", "PortNotFound")
    assert "1 pods" in c["message"] and "named pprof" in c["message"]
    time.sleep(3)
    assert server.asked == 0
    endpoint = {"pprof": {"port": "http"}, "metrics": {"port": "http"}}
    space.patch(space.policy_path("shop"), {"spec": {"endpoint": endpoint}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 10)
    space.wait_condition("shop", "Ready", "True", "Accepted", 5)


def overlap(space):
    """The older policy wins, the younger says Overlap, and takes over once the older is gone."""
    space.secret()
    server = counting(space, "shop")
    space.policy("shop", name="z-older")
    time.sleep(1.2)  # creation times have whole seconds
    space.policy("shop", name="a-younger")
    c = space.wait_condition("a-younger", "Ready", "False", "Overlap")
    assert "z-older" in c["message"]
    space.wait_condition("z-older", "Collecting", "True", "Sampling")
    assert space.get_policy("a-younger")["status"]["targets"]["sampled"] == 0
    assert condition(space.get_policy("z-older"), "Ready")["status"] == "True"
    assert space.api.request("DELETE", space.policy_path("z-older"))[0] == 200
    space.wait_condition("a-younger", "Ready", "True", "Accepted", 10)
    space.wait_condition("a-younger", "Collecting", "True", "Sampling", 10)
    before = server.asked
    until("it is sampled", lambda: server.asked > before, 5)


def no_action_without_evidence(space):
    """S3 is down: no scale is patched. It comes back: the dump is stored, then one ScaleOut. What someone else made of
    the scale is not taken back."""
    s3 = S3(space.directory)
    s3.start()
    s3.stop()
    space.s3 = s3
    try:
        space.secret()
        owner = space.workload("shop", replicas=2)
        programs = [space.leaky("shop", owner, f"shop-{n}") for n in range(2)]
        space.policy("shop")
        space.wait_grade("shop", "Probable")
        c = space.wait_condition("shop", "Healing", "False", "EvidenceFailing", 40)
        assert "no action without evidence" in c["message"]
        i = space.wait_incident("shop", lambda i: condition(i, "EvidenceStored")["status"] == "False", "not stored")
        assert not i["status"].get("evidence") and not i["status"].get("actions")
        time.sleep(10)
        assert space.replicas("shop") == 2 and space.scalings("shop") == 0
        s3.start()
        space.wait_replicas("shop", 3, 60)
        i = space.wait_action("shop", "Succeeded")
        assert condition(i, "EvidenceStored")["status"] == "True"
        check_evidence(space, i)
        a = i["status"]["actions"][-1]
        assert (a["type"], a["from"], a["to"], a.get("dryRun", False)) == ("ScaleOut", 2, 3, False)
        assert "gostat.dev/undo" in space.get_policy("shop")["metadata"]["finalizers"]
        space.set_replicas("shop", 5)
        for p in programs:
            p.fix()
        space.wait_incident("shop", lambda i: i["status"]["phase"] == "Resolved", "Resolved", 100)
        i = space.wait_action("shop", "Succeeded", "NotUndone: someone else set the scale to 5", 20)
        until("the finalizer goes", lambda: not space.get_policy("shop")["metadata"].get("finalizers"), 20)
        assert space.replicas("shop") == 5 and space.scalings("shop") == 1
    finally:
        s3.stop()


def deleted_while_scaled_out(space):
    """A policy that is deleted takes back what it added, and is gone then; the incident stays."""
    space.secret()
    space.leaky("shop", space.workload("shop", replicas=2))
    space.policy("shop")
    space.wait_replicas("shop", 3)
    space.wait_action("shop", "Succeeded")
    history = space.get_policy("shop")["status"]["healing"]["workloads"]
    assert [h["addedReplicas"] for h in history] == [1] and not history[0].get("pending")
    assert space.api.request("DELETE", space.policy_path("shop"))[0] == 200
    space.wait_replicas("shop", 2, 20)
    until("the policy is gone", lambda: space.get_policy("shop") is None, 20)
    assert len(space.incidents("shop")) == 1 and space.scalings("shop") == 2
    space.wait_action("shop", "Undone", seconds=10)


def comes_back(space):
    """The leak is fixed, resolved and taken back. It comes back: the same incident, reopened. That is deleted by hand:
    made again."""
    space.secret()
    p = space.leaky("shop", space.workload("shop", "StatefulSet"))
    out = {"type": "ScaleOut", "scaleOut": {"maxReplicas": 5}}
    space.policy("shop", healing={"limits": {"cooldownSeconds": 1}, "actions": [out]})
    space.wait_replicas("shop", 2, kind="StatefulSet")
    first = space.wait_action("shop", "Succeeded")
    p.fix()
    space.wait_incident("shop", lambda i: i["status"]["phase"] == "Resolved", "Resolved", 100)
    space.wait_replicas("shop", 1, 20, kind="StatefulSet")
    until("the finalizer goes", lambda: not space.get_policy("shop")["metadata"].get("finalizers"), 20)
    space.wait_condition("shop", "Leaking", "False", "NoLeak", 5)
    p.post("/leak?on=true")
    again = space.wait_incident("shop", lambda i: i["status"]["occurrences"] == 2, "reopened", 60)
    assert again["metadata"]["uid"] == first["metadata"]["uid"] and again["status"]["phase"] != "Resolved"
    assert space.api.request("DELETE", f"{space.incidents_path}/{first['metadata']['name']}")[0] == 200
    anew = space.wait_incident("shop", lambda i: i["metadata"]["uid"] != first["metadata"]["uid"], "made again", 40)
    assert anew["metadata"]["name"] == first["metadata"]["name"] and anew["status"]["occurrences"] == 2
    space.wait_replicas("shop", 2, 30, kind="StatefulSet")


def refused(space):
    """What must not be scaled is not, and the incident says why."""
    space.secret()
    for app in ("hpa", "max", "observe", "dryrun"):
        space.leaky(app, space.workload(app, replicas=2))
    space.leaky("bare", name="bare")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hpa"}
    path = f"/apis/autoscaling/v2/namespaces/{space.name}/horizontalpodautoscalers"
    meta = {"name": "scaler", "labels": {"scaledobject.keda.sh/name": "scaler"}}
    space.post(path, {"metadata": meta, "spec": {"scaleTargetRef": target, "maxReplicas": 9}})
    for app, options in {
        "hpa": {},
        "max": {"max_replicas": 2},
        "bare": {},
        "observe": {"mode": "Observe"},
        "dryrun": {"mode": "DryRun"},
    }.items():
        space.policy(app, **options)
    i = space.wait_action("hpa", "Refused", "Autoscaler: KEDA owns HorizontalPodAutoscaler scaler")
    check_evidence(space, i)
    space.wait_action("max", "Refused", "MaxReplicas: 2 replicas")
    space.wait_action("bare", "Refused", "ActionNotPossible: ")
    i = space.wait_action("dryrun", "Succeeded")
    done = [a for a in i["status"]["actions"] if a["outcome"] != "Refused"]  # the store, or Workloads, may have been late
    assert [(a["from"], a["to"], a["dryRun"]) for a in done] == [(2, 3, True)]
    space.wait_grade("observe", "Probable")
    space.wait_condition("observe", "Healing", "False", "ModeObserve")
    space.wait_condition("hpa", "Healing", "False", "Autoscaler")
    time.sleep(10)
    assert not space.writes("deployments", "scale")
    assert not space.incidents("observe")[0]["status"].get("actions")
    for app in ("hpa", "max", "bare"):  # told once for each grade, whose evidence comes first, and not at each look
        actions = space.incidents(app)[0]["status"]["actions"]
        assert len([a for a in actions if not a["reason"].startswith("EvidenceMissing: ")]) <= 2, actions
    for app in ("hpa", "max", "bare", "observe", "dryrun"):
        assert not space.get_policy(app)["metadata"].get("finalizers")


def rests_while_not_ready(space):
    """A leak is known and its evidence stored, but the Secret does not do any more: sampled on, and not acted on."""
    space.secret()
    space.leaky("shop", space.workload("shop", replicas=2))
    space.policy("shop", max_replicas=2)
    space.wait_action("shop", "Refused", "MaxReplicas")
    space.wait_grade("shop", "Proven")
    space.wait_evidence("shop", 4)  # of both grades: nothing is left to be stored
    path = f"/api/v1/namespaces/{space.name}/secrets/s3"
    space.patch(path, {"metadata": {"labels": {"gostat.dev/usable": None}}})
    space.wait_condition("shop", "Ready", "False", "SecretNotUsable", 35)
    space.set_replicas("shop", 1)
    time.sleep(61)  # the refusal is looked at again within a minute
    c = space.wait_condition("shop", "Healing", "False", "Retrying", 10)
    assert "condition Ready" in c["message"]
    assert condition(space.get_policy("shop"), "Collecting")["status"] == "True"
    assert space.scalings("shop") == 0 and space.incidents()[0]["status"]["phase"] == "Open"


def grade_reasons(incident):
    """Without the rules, which raise suspicion only."""
    return {r for r in incident["status"]["gradeReasons"] if not r.endswith("Rule")}


def near_its_memory_limit(space):
    """A dump needs memory of its own: a pod that has little left is not asked for one, and the leak is graded all the
    same, a little later. The pod beside it, with the same leak and no limit, is asked for two."""
    space.secret()
    programs = {}
    for app, limit in (("near", "6Mi"), ("free", None)):
        programs[app] = space.leaky(app, space.workload(app), limit=limit, LEAK="lock")
        space.policy(app, mode="Observe", detection={"floor": {"windowSeconds": 2, "windows": 4}})
    near = space.wait_grade("near", "Probable")
    free = space.wait_grade("free", "Probable")
    assert grade_reasons(near) == {"FloorRises", "SiteGrows", "CountsSurvive"}
    assert grade_reasons(free) == {"FloorRises", "SiteGrows", "IdsSurvive"}
    dumps = 'workload_profile_requests_total{debug="2",profile="goroutine"}'
    assert (programs["near"].metric(dumps), programs["free"].metric(dumps)) == (0, 2)
    for i in (near, free):
        assert i["status"]["patterns"][0]["leafFunction"] == "main.(*ledger).post"


def evidence_of_both_kinds(space):
    """What the runtime's leak profile has graded is kept with that profile; go tool pprof reads it and the other one."""
    space.secret()
    space.leaky("shop", space.workload("shop"))
    space.policy("shop", mode="Observe")
    space.wait_grade("shop", "Proven")

    def both_twice(i):
        kinds = [e["kind"] for e in i["status"].get("evidence", [])]
        return kinds.count("Goroutine") == kinds.count("GoroutineLeak") == 2

    i = space.wait_incident("shop", both_twice, "both kinds, twice", 20)  # a full dump may come between
    check_evidence(space, i)
    assert grade_reasons(i) == {"SiteGrows", "LeakProfile", "LeakProfileGrows"}
    endings = {"Goroutine": "-goroutine.pb.gz", "GoroutineLeak": "-goroutineleak.pb.gz"}
    evidence = [e for e in i["status"]["evidence"] if e["kind"] != "FullDump"]
    space.directory.mkdir(parents=True)
    assert sorted(e["kind"] for e in evidence) == sorted(2 * list(endings))
    for e in evidence:
        assert e["key"].endswith(endings[e["kind"]]) and e["pod"] == "shop-0"
        file = space.directory / e["key"].replace("/", "-")
        file.write_bytes(space.s3.objects(space.name)[e["key"]])
        top = subprocess.run(["go", "tool", "pprof", "-top", "-cum", file], capture_output=True, text=True, check=True)
        assert "main.(*orders).publish" in top.stdout


def evidence_of_all_kinds(space):
    """Heap, trace and CPU are streamed from the pod into S3, and nothing is healed before the last of them is there."""
    space.secret()
    space.leaky("shop", space.workload("shop"))
    s3 = space.s3_spec()
    kinds = ["Goroutine", "Heap", "CPU", "Trace"]
    space.policy("shop", snapshot={"profiles": kinds, "cpuSeconds": 4, "traceSeconds": 1, "s3": s3})
    i = space.wait_incident("shop", lambda i: i["status"].get("actions"), "an action")
    evidence = {e["kind"]: e for e in i["status"]["evidence"]}
    assert set(kinds) <= set(evidence), "healed before the evidence was there"
    check_evidence(space, i)
    objects = space.s3.objects(space.name)
    space.directory.mkdir(parents=True)
    for kind in ("Heap", "CPU"):
        file = space.directory / kind
        file.write_bytes(objects[evidence[kind]["key"]])
        top = subprocess.run(["go", "tool", "pprof", "-top", file], capture_output=True, text=True, check=True)
        assert f"Type: {'inuse_space' if kind == 'Heap' else 'cpu'}" in top.stdout
    assert objects[evidence["Trace"]["key"]].startswith(b"go 1.")
    assert [evidence[k]["key"].rsplit("-", 1)[1] for k in kinds[1:]] == ["heap.pb.gz", "cpu.pb.gz", "trace.trace"]


def evidence_in_parts(space):
    """A heap profile that is too large for one request, from a pod that breaks off the first time: nothing is left of that
    upload, and what the second one stores is what the pod sent."""
    space.secret()
    program = Program("leaky", RATE="5")
    space.programs.append(program)
    pod = Heavy(program)
    space.pod("shop", "shop-0", "127.0.0.1", pod.port, space.workload("shop"))
    space.policy("shop", snapshot={"profiles": ["Goroutine", "Heap"], "s3": space.s3_spec()})
    i = space.wait_incident("shop", lambda i: i["status"].get("actions"), "an action")
    check_evidence(space, i)
    (heap,) = (e for e in i["status"]["evidence"] if e["kind"] == "Heap")
    objects = space.s3.objects(space.name)
    assert objects[heap["key"]] == pod.heap and pod.asked == 2
    assert [k for k in objects if k.endswith("-heap.pb.gz")] == [heap["key"]]
    uploads = space.s3.list_uploads(BUCKET, f"test/{space.name}/")
    assert not [u for u in uploads if u.tag.endswith("Upload")]


def bad_pods(space):
    """Pods that answer as they must not are counted, one that leaks beside them is found. A pod without /metrics is
    sampled from its profile, one on the host's network not at all."""
    space.secret()
    owner = space.workload("shop")
    for answer in bad_servers.ALL:
        server = bad_servers.BadServer(answer)
        name = f"shop-{answer.__name__.replace('_', '-')}"
        space.pod("shop", name, "127.0.0.1", int(server.address.rsplit(":", 1)[1]), owner)
    space.leaky("shop", owner, "shop-leaky")
    space.leaky("shop", owner, "shop-plain", "lively", NO_METRICS="1", LIVELY="pool", MAX="40")
    host = Counting()
    space.pod("shop", "shop-host", "127.0.0.1", host.port, owner, host_network=True)
    space.policy("shop", mode="Observe")
    i = space.wait_grade("shop", "Proven", 90)
    assert [p["name"] for p in i["status"]["pods"]] == ["shop-leaky"]
    assert i["status"]["patterns"][0]["leafFunction"] == "main.(*orders).publish"
    bad = len(bad_servers.ALL)
    wanted = {"matched": bad + 3, "sampled": 2, "unreachable": bad, "leaking": 1}
    until(
        lambda: f"{wanted}: {space.get_policy('shop')['status']}",
        lambda: space.get_policy("shop")["status"]["targets"] == wanted,
        40,
    )
    c = space.wait_condition("shop", "Collecting", "True", "PodsUnreachable", 5)
    assert f"{bad} of {bad + 2} pods" in c["message"]
    assert host.asked == 0


def only_host_network(space):
    space.secret()
    server = Counting()
    space.pod("shop", "shop-0", "127.0.0.1", server.port, host_network=True)
    space.policy("shop")
    space.wait_condition("shop", "Collecting", "False", "HostNetwork")
    assert server.asked == 0


def suspended(space):
    """While a policy is suspended its incidents are not judged: they stay, and go on afterwards."""
    space.secret()
    p = space.leaky("shop", space.workload("shop"))
    space.leaky("gone", space.workload("gone"))
    for app in ("shop", "gone"):
        space.policy(app, mode="Observe")
    first = space.wait_grade("shop", "Probable")
    space.wait_grade("gone", "Probable")
    for app in ("shop", "gone"):
        space.patch(space.policy_path(app), {"spec": {"suspend": True}})
        space.wait_condition(app, "Collecting", "False", "Suspended", 10)
    space.delete_pod("gone-0")
    time.sleep(34)  # longer than an incident takes to resolve
    assert [i["status"]["phase"] for i in space.incidents()] == ["Open", "Open"]
    for app in ("shop", "gone"):
        space.patch(space.policy_path(app), {"spec": {"suspend": False}})
    space.wait_incident("gone", lambda i: i["status"]["phase"] == "Resolved", "Resolved", 20)
    space.wait_condition("shop", "Collecting", "True", "Sampling", 10)
    time.sleep(3)
    still = space.incidents("shop")[0]["status"]
    assert still["phase"] == "Open" and [pod["name"] for pod in still["pods"]] == ["shop-0"]
    p.fix()
    last = space.wait_incident("shop", lambda i: i["status"]["phase"] == "Resolved", "Resolved", 70)
    assert last["metadata"]["uid"] == first["metadata"]["uid"] and last["status"]["occurrences"] == 1


def quiet(space):
    """Nothing changes: nothing is written. Only counts change: they are written each 30 s at most."""
    space.secret()
    space.leaky("calm", space.workload("calm"), LEAK="off")
    owner = space.workload("busy")
    server = Counting()
    space.pod("busy", "busy-0", "127.0.0.1", server.port, owner)
    for app in ("calm", "busy"):
        space.policy(app)
        space.wait_condition(app, "Collecting", "True", "Sampling")
    time.sleep(2)
    before = {app: len(space.writes("gostatpolicies", "status", app)) for app in ("calm", "busy")}
    since = time.monotonic()
    for n in range(1, 100):
        if time.monotonic() - since > 60:
            break
        space.pod("busy", f"busy-{n}", "127.0.0.1", server.port, owner)
        time.sleep(2)
    wrote = {app: len(space.writes("gostatpolicies", "status", app)) - before[app] for app in before}
    assert wrote["calm"] == 0 and 1 <= wrote["busy"] <= 3, wrote
    assert not space.incidents()
    assert not space.writes("events", verb="create")


def another_address(space):
    """A pod's address changes, and then the pod goes and comes back under its name: it is sampled where it is now."""
    space.secret()
    p = Program("leaky", LEAK="off")
    space.programs.append(p)
    space.pod("shop", "shop-0", "127.78.0.1", p.port, space.workload("shop", "StatefulSet"))
    space.policy("shop")
    c = space.wait_condition("shop", "Collecting", "False", "PodsUnreachable")
    assert "shop-0" in c["message"]
    path = f"/api/v1/namespaces/{space.name}/pods"
    space.patch(f"{path}/shop-0/status", {"status": {"podIP": p.ip, "podIPs": [{"ip": p.ip}]}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 10)
    space.delete_pod("shop-0")
    space.wait_condition("shop", "Collecting", "False", "NoPods", 10)
    space.pod("shop", "shop-0", p.ip, p.port)
    space.wait_condition("shop", "Collecting", "True", "Sampling", 10)


SCENARIOS = [
    secrets,
    ports,
    overlap,
    no_action_without_evidence,
    deleted_while_scaled_out,
    comes_back,
    refused,
    rests_while_not_ready,
    near_its_memory_limit,
    evidence_of_both_kinds,
    evidence_of_all_kinds,
    evidence_in_parts,
    bad_pods,
    only_host_network,
    suspended,
    quiet,
    another_address,
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as api:
        api.kubectl("apply", "-k", ROOT / "tests/rights")
        api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        with S3(tmp_path_factory.mktemp("s3")) as s3:
            controller = Controller(api, tmp_path_factory.mktemp("controller")).start()
            try:
                controller.wait_ready()
                with Workloads(api):
                    scenarios = Parallel(api, s3, SCENARIOS, tmp_path_factory.mktemp("scenarios"))
                    yield api, controller, scenarios
                    scenarios.wait_all()
            finally:
                controller.process.kill()
                controller.process.wait()


@pytest.mark.parametrize("scenario", [s.__name__ for s in SCENARIOS])
def test_scenario(world, scenario):
    _, controller, scenarios = world
    scenarios.result(scenario)
    assert controller.ready()


def test_metrics(world):
    """After everything above: leaking workloads are in it, and promtool finds no fault."""
    _, controller, scenarios = world
    scenarios.wait_all()
    status, text = controller.get(controller.metrics_address, "/metrics")
    assert status == 200
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert 'leaf="main.(*orders).publish"' in text and 'gostat_actions_total{result="acted"}' in text
    for name in ("goroutines", "goroutines_growth_ratio", "goroutines_blocked_seconds_total", "incidents", "actions_refused"):
        assert f"\ngostat_{name}{{namespace=" in text, name
    assert controller.get(controller.metrics_address, "/other")[0] == 404


def test_health(world):
    _, controller, _ = world
    for path, status in {"/healthz": 200, "/livez": 200, "/readyz": 200, "/other": 404}.items():
        assert controller.get(controller.health, path)[0] == status


def test_ends_in_order(world):
    """SIGTERM, last of all: exit code 0, the Lease given back, no leaked memory where the binary looks for it."""
    api, controller, _ = world
    before = time.monotonic()
    assert controller.end() == 0, controller.log[-3000:]
    assert time.monotonic() - before < 8
    assert "ERROR: LeakSanitizer" not in controller.log and "runtime error" not in controller.log
    _, lease = api.request("GET", "/apis/coordination.k8s.io/v1/namespaces/gostat-system/leases/gostat")
    assert not lease["spec"].get("holderIdentity")
