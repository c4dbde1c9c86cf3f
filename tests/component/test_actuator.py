"""operator/'s actuator against a real API server and the real workload controllers, with the rights of manifests/, through
act_driver.

GOSTAT_BIN_DIR: also kube-controller-manager. GOSTAT_ACT_DRIVER: the driver (build/dev/act_driver).
"""

import re
import time

import pytest

from actuator_world import COST, HOLD, PLURALS, RESTARTED, Shop, World, until


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("world")) as w:
        yield w


@pytest.fixture
def shop(world, request):
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:60].strip("-")
    return Shop(world, name)


def writes(lines):
    """What the API server took, but for the policy's record."""
    return [
        (x["verb"], x["resource"])
        for x in lines
        if "verb" in x and x["code"] < 300 and not x["resource"].startswith("gostatpolicies")
    ]


def last(lines):
    return [x for x in lines if "outcome" in x][-1]


# ---- facts ----


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"])
def test_facts(shop, kind):
    n = 1 if kind == "DaemonSet" else 3
    shop.workload(kind, n)
    names = sorted(p["metadata"]["name"] for p in shop.ready(n))
    facts = shop.facts()
    assert [p["name"] for p in facts["pods"]] == names
    for p in facts["pods"]:
        assert p["assigned"] and p["running"] and p["ready"] and p["since"] and not p["terminating"] and "cost" not in p
        assert (p["revision"] != "") == (kind != "ReplicaSet")
    del facts["pods"]
    assert facts == {
        "gone": False,
        "scalable": kind != "DaemonSet",
        "canReplace": kind == "Deployment",
        "canRestart": kind != "ReplicaSet",
        "replicas": n,
        "available": n,
        "paused": False,
        "rolling": False,
        "replicaSets": 1 if kind == "Deployment" else 0,
        "autoscaler": "",
        "keda": False,
        "min": 0,
        "max": 0,
        "restartedAt": "",
    }


def test_facts_of_others_pods(shop):
    """A pod that its selector finds and another controls is not the workload's, nor is one by itself."""
    shop.running(2)
    pod = {"metadata": {"name": "alone", "labels": {"app": "web", "pod-template-hash": "x"}}}
    pod["spec"] = {"containers": [{"name": "main", "image": "main"}]}
    shop.world.post(shop.pods_path(), pod)
    assert len(shop.facts()["pods"]) == 2


def test_facts_gone(shop):
    shop.running(1)
    assert shop.facts(uid="another")["gone"]
    assert shop.facts(name="nobody")["gone"]


def test_facts_of_a_rollout(shop):
    shop.running(2)
    shop.world.patch(shop.path(), {"spec": {"paused": True}})
    facts = shop.facts()
    assert facts["paused"] and not facts["rolling"]
    template = {"metadata": {"labels": {HOLD: "x"}, "annotations": {RESTARTED: "2026-01-01T00:00:00Z"}}}
    shop.world.patch(shop.path(), {"spec": {"paused": False, "template": template}})
    until("two ReplicaSets", lambda: shop.facts()["replicaSets"] == 2)
    facts = shop.facts()
    assert facts["rolling"] and facts["restartedAt"] == "2026-01-01T00:00:00Z"
    assert {p["ready"] for p in facts["pods"]} == {True, False}


def test_facts_of_an_autoscaler(shop):
    shop.running(2)
    shop.autoscaler(1, 5)
    facts = shop.facts()
    assert (facts["autoscaler"], facts["min"], facts["max"], facts["keda"]) == ("scaler", 1, 5, False)
    path = shop.path("horizontalpodautoscalers", "scaler", "autoscaling/v2")
    shop.world.patch(path, {"metadata": {"labels": {"scaledobject.keda.sh/name": "so"}}})
    assert shop.facts()["keda"]


# ---- owners ----

GROUP = "test.gostat.dev"


@pytest.fixture(scope="module")
def farm_kind(world):
    """A kind with a scale subresource that owns Deployments, and one without."""

    def definition(kind, **version):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        names = {"kind": kind, "plural": kind.lower() + "s", "singular": kind.lower(), "listKind": kind + "List"}
        served = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{names['plural']}.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [served]},
        }

    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    world.post(path, definition("Farm", subresources={"scale": scale}))
    world.post(path, definition("Field"))
    world.api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")


def grant(world):
    """What the chart grants with rbac.scaleGroups, here of these kinds only."""
    rules = [{"apiGroups": [GROUP], "resources": ["farms", "farms/scale", "fields"], "verbs": ["get", "patch"]}]
    path = "/apis/rbac.authorization.k8s.io/v1/"
    world.api.request("POST", path + "clusterroles", {"metadata": {"name": "farmer"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "gostat", "namespace": "gostat-system"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "farmer"}
    binding = {"metadata": {"name": "farmer"}, "roleRef": role, "subjects": [subject]}
    world.api.request("POST", path + "clusterrolebindings", binding)


def farm(shop, kind="Farm"):
    plural = kind.lower() + "s"
    spec = {"spec": {"replicas": 2}, "status": {"replicas": 2, "selector": "app=web"}}
    body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "big"}, **spec}
    made = shop.world.post(f"/apis/{GROUP}/v1/namespaces/{shop.ns}/{plural}", body)
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "name": "big", "uid": made["metadata"]["uid"], "controller": True}


def test_owners(shop, farm_kind):
    """Up to the topmost that can be scaled and may be read."""
    owner = farm(shop)
    names = [p["metadata"]["name"] for p in shop.running(2, owner=owner)]
    assert shop.run("owners")[1] == [dict.fromkeys(names, "Deployment/web")]  # without rights for the group
    grant(shop.world)
    until("the farm", lambda: shop.run("owners")[1] == [dict.fromkeys(names, "Farm/big")])
    facts = shop.facts(api_version=f"{GROUP}/v1", kind="Farm", name="big", uid=owner["uid"])
    assert (facts["scalable"], facts["canReplace"], facts["canRestart"]) == (True, False, False)
    assert (facts["replicas"], facts["available"], len(facts["pods"])) == (2, 2, 2)


def test_owners_without_scale(shop, farm_kind):
    """A kind without a scale does not stand for what it owns; of a pod that is controlled by it alone it does, and nothing
    can be done to that."""
    grant(shop.world)
    owner = farm(shop, "Field")
    names = [p["metadata"]["name"] for p in shop.running(1, owner=owner)]
    spec = {"containers": [{"name": "main", "image": "main"}]}
    lonely = {"metadata": {"name": "lonely", "labels": {"app": "x"}, "ownerReferences": [owner]}, "spec": spec}
    shop.world.post(shop.pods_path(), lonely)
    shop.world.post(shop.pods_path(), {"metadata": {"name": "alone", "labels": {"app": "x"}}, "spec": spec})
    unknown = {**owner, "apiVersion": "no.such/v1"}
    shop.world.post(shop.pods_path(), {"metadata": {"name": "odd", "ownerReferences": [unknown]}, "spec": spec})
    expected = {**dict.fromkeys(names, "Deployment/web"), "lonely": "Field/big", "alone": "Pod/alone", "odd": "Field/big"}
    assert shop.run("owners")[1] == [expected]
    facts = shop.facts(api_version=f"{GROUP}/v1", kind="Field", name="big", uid=owner["uid"])
    assert not (facts["scalable"] or facts["canReplace"] or facts["canRestart"] or facts["gone"])
    assert (facts["replicas"], facts["pods"]) == (2, [])


SCALE_GET, SCALE_PATCH = 1 << 0, 1 << 1  # enum gs_right of core/heal.h


def farmer(world, resources, verbs):
    """The rights of grant(), but these only."""
    rules = [{"apiGroups": [GROUP], "resources": ["farms"], "verbs": ["get"]}]
    rules += [{"apiGroups": [GROUP], "resources": resources, "verbs": verbs}]
    world.patch("/apis/rbac.authorization.k8s.io/v1/clusterroles/farmer", {"rules": rules})


def test_rights_of_other_groups(shop, farm_kind):
    """A scale that may not be read is no fault of the facts: it is known which right is missing."""
    grant(shop.world)
    rules = shop.world.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/farmer")["rules"]
    ref = {k: v for k, v in farm(shop).items() if k != "controller"}
    ref["api_version"] = ref.pop("apiVersion")
    for resources, verbs, lacks in (
        (["farms/scale"], ["watch"], SCALE_GET | SCALE_PATCH),
        (["farms/scale"], ["patch"], SCALE_GET),
        (["farms/scale"], ["get"], SCALE_PATCH),
        (["farms/scale"], ["get", "patch"], 0),
    ):
        farmer(shop.world, resources, verbs)
        until(f"{verbs}: lacks {lacks}", lambda: shop.facts(type="ScaleOut", **ref).get("lacks") == lacks)  # noqa: B023
        assert shop.facts(type="ScaleOut", **ref)["scalable"]
    shop.world.patch("/apis/rbac.authorization.k8s.io/v1/clusterroles/farmer", {"rules": rules})


# ---- actions ----


def test_scale_out_and_back(shop):
    shop.running(2)
    lines = shop.run("act", type="ScaleOut", **{"from": 2}, to=3)[1]
    assert last(lines) == {"outcome": "Succeeded", "reason": ""} and writes(lines) == [("PATCH", "deployments/scale")]
    assert shop.replicas() == 3
    h = shop.history()
    assert (h["addedReplicas"], h["scaledTo"], len(h["actionTimes"])) == (1, 3, 1) and "pending" not in h
    assert "gostat.dev/undo" in shop.policy()["metadata"]["finalizers"]
    lines = shop.run("undo")[1]
    assert last(lines) == {"outcome": "Undone", "reason": ""} and writes(lines) == [("PATCH", "deployments/scale")]
    assert shop.replicas() == 2 and shop.history()["addedReplicas"] == 0


def test_someone_else_sets_the_same(shop):
    """Between the plan and its first write: the number is theirs, and nothing of ours is in effect."""
    shop.running(3)
    lines = shop.run("act", type="ScaleOut", **{"from": 2}, to=3)[1]
    assert last(lines)["outcome"] == "Failed" and last(lines)["reason"].startswith("ScaleChanged: "), lines
    assert writes(lines) == [] and shop.replicas() == 3
    assert "pending" not in shop.history() and shop.history()["addedReplicas"] == 0


def test_undo_leaves_what_others_set(shop):
    shop.running(2)
    shop.run("act", type="ScaleOut", **{"from": 2}, to=3)
    shop.scale(5)
    lines = shop.run("undo")[1]
    assert last(lines)["reason"].startswith("NotUndone: someone else set the scale to 5")
    assert writes(lines) == [] and shop.replicas() == 5


def test_scale_out_with_an_autoscaler(shop):
    shop.running(2)
    shop.autoscaler(1, 5)
    lines = shop.run("act", type="ScaleOut", **{"from": 1}, to=3, autoscaler="scaler")[1]
    assert last(lines)["outcome"] == "Succeeded" and writes(lines) == [("PATCH", "horizontalpodautoscalers")]
    assert shop.minimum() == 3
    until("the autoscaler scales", lambda: shop.replicas() == 3)
    lines = shop.run("undo")[1]
    assert last(lines)["outcome"] == "Undone" and shop.minimum() == 1


def replace(shop, pods, **more):
    n = len(shop.pods())
    return {"type": "Replace", "from": n, "to": n + len(pods), "victims": shop.victims(pods), **more}


def test_replace(shop):
    """The victim goes and no other, marks and finalizer's reason are gone."""
    before = shop.running(4)
    victim = before[2]
    lines = shop.run("act", **replace(shop, [victim]))[1]
    assert last(lines) == {"outcome": "Succeeded", "reason": ""}
    assert writes(lines) == [("PATCH", "deployments/scale"), ("PATCH", "pods"), ("PATCH", "deployments/scale")]
    after = {p["metadata"]["uid"] for p in shop.ready(4)}
    assert {p["metadata"]["uid"] for p in before} - after == {victim["metadata"]["uid"]}
    assert shop.marks() == [] and "pending" not in shop.history()


def test_replace_two_with_marks_of_their_own(shop):
    before = shop.running(3)
    keep, *victims = before
    for p, cost in ((keep, "-5"), (victims[0], "77")):
        annotations = {"metadata": {"annotations": {COST: cost}}}
        shop.world.patch(shop.pods_path(p["metadata"]["name"]), annotations)
    lines = shop.run("act", **replace(shop, victims))[1]
    assert last(lines)["outcome"] == "Succeeded"
    gone = {p["metadata"]["uid"] for p in before} - {p["metadata"]["uid"] for p in shop.ready(3)}
    assert gone == {p["metadata"]["uid"] for p in victims}
    assert shop.marks() == [keep["metadata"]["name"]]


WRITES_OF_REPLACE = 9  # finalizer, intent, scale, Marking, mark, Removing, scale, Restoring, outcome


@pytest.mark.parametrize("after", range(1, WRITES_OF_REPLACE + 1))
def test_replace_killed(shop, after):
    """As by kill -9 behind each write; the next controller goes on with what it finds."""
    before = shop.running(2)
    options = replace(shop, before[:1])
    code, lines = shop.run("act", **options, die_after=after)
    assert code == 137 or after > len([x for x in lines if "verb" in x]), lines
    done = list(writes(lines))
    if "pending" in shop.history() or after < WRITES_OF_REPLACE:
        lines = shop.run("act", **options)[1]
        assert last(lines)["outcome"] == "Succeeded", lines
        done += writes(lines)
    assert done == [("PATCH", "deployments/scale"), ("PATCH", "pods"), ("PATCH", "deployments/scale")]
    gone = {p["metadata"]["uid"] for p in before} - {p["metadata"]["uid"] for p in shop.ready(2)}
    assert gone == {before[0]["metadata"]["uid"]}
    assert shop.marks() == [] and "pending" not in shop.history()


def test_replace_and_someone_else_scales(shop):
    """Theirs stands; nobody goes."""
    before = shop.running(2)
    process = shop.start("act", **replace(shop, before[:1]), ready_seconds=20)
    until("the surge", lambda: shop.replicas() == 3)
    shop.scale(6)
    lines = shop.finish(process)[1]
    assert last(lines)["outcome"] == "Failed" and last(lines)["reason"].startswith("ScaleChanged: "), lines
    assert writes(lines) == [("PATCH", "deployments/scale")]
    assert shop.replicas() == 6 and shop.marks() == [] and {p["metadata"]["uid"] for p in before} <= shop.uids()


def test_replace_with_an_autoscaler(shop):
    before = shop.running(2)
    shop.autoscaler(1, 5)
    until("the autoscaler is in force", lambda: shop.facts()["autoscaler"])
    options = replace(shop, before[:1]) | {"autoscaler": "scaler", "from": 1, "to": 3}
    lines = shop.run("act", **options)[1]
    assert last(lines)["outcome"] == "Succeeded", lines
    assert writes(lines) == [
        ("PATCH", "horizontalpodautoscalers"),
        ("POST", "pods/eviction"),
        ("PATCH", "horizontalpodautoscalers"),
    ]
    assert shop.minimum() == 1 and before[0]["metadata"]["uid"] not in shop.uids()


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_evict(shop, kind):
    n = 1 if kind == "DaemonSet" else 2
    shop.workload(kind, n)
    before = shop.ready(n)
    lines = shop.run("act", type="Evict", victims=shop.victims(before[:1]))[1]
    assert last(lines)["outcome"] == "Succeeded" and writes(lines) == [("POST", "pods/eviction")]
    assert before[0]["metadata"]["uid"] not in shop.uids()


def test_evict_waits_for_a_budget(shop):
    before = shop.running(2)
    shop.budget(0)
    until("the budget is in force", lambda: "disruptionsAllowed" in shop.world.get(budget_of(shop)).get("status", {}))
    process = shop.start("act", type="Evict", victims=shop.victims(before[:1]))
    time.sleep(3)
    assert {p["metadata"]["uid"] for p in before} == shop.uids()
    shop.world.patch(budget_of(shop), {"spec": {"maxUnavailable": 1}})
    lines = shop.finish(process)[1]
    assert last(lines)["outcome"] == "Succeeded" and writes(lines) == [("POST", "pods/eviction")]
    assert any("PodDisruptionBudget" in x.get("reason", "") for x in lines)
    assert not any(x["verb"] == "DELETE" for x in lines if "verb" in x)
    assert before[0]["metadata"]["uid"] not in shop.uids()


def budget_of(shop):
    return shop.path("poddisruptionbudgets", "budget", "policy/v1")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_restart(shop, kind):
    shop.workload(kind, 2)
    before = {p["metadata"]["uid"] for p in shop.ready(1 if kind == "DaemonSet" else 2)}
    lines = shop.run("act", type="Restart")[1]
    assert last(lines)["outcome"] == "Succeeded" and writes(lines) == [("PATCH", PLURALS[kind])]
    annotations = shop.world.get(shop.path(PLURALS[kind]))["spec"]["template"]["metadata"]["annotations"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", annotations[RESTARTED])
    until("all are new", lambda: not before & shop.uids())


def test_not_begun_where_the_policy_says_no(shop):
    """Suspended meanwhile: refused, and nothing is written, not even the finalizer."""
    shop.running(2)
    shop.world.patch(shop.policy_path, {"spec": {"suspend": True}})
    lines = shop.run("act", type="ScaleOut", **{"from": 2}, to=3)[1]
    assert last(lines)["outcome"] == "Refused" and last(lines)["reason"].startswith("PolicyChanged: ")
    assert not [x for x in lines if "verb" in x]
    assert not shop.policy()["metadata"].get("finalizers") and shop.history() == {}


def test_not_begun_without_its_line(shop):
    """The status takes 16 lines of the audit log at once: an intent whose line is not among them is not written."""
    shop.running(2)
    lines = shop.run("act", type="ScaleOut", **{"from": 2}, to=3, waiting=17)[1]
    assert last(lines)["outcome"] == "Refused", lines
    assert last(lines)["reason"] == "the audit log is behind: 17 lines wait"
    assert writes(lines) == [] and shop.history() == {} and "auditSequence" not in shop.policy().get("status", {})
    lines = shop.run("act", type="ScaleOut", **{"from": 2}, to=3, waiting=16)[1]
    assert writes(lines) == [("PATCH", "deployments/scale")]
    assert shop.policy()["status"]["auditSequence"] == 16 and shop.replicas() == 3


def test_aborted_where_the_policy_changes_its_mind(shop):
    """Killed behind the surge, then suspended: the next controller puts the scale back."""
    before = shop.running(2)
    options = replace(shop, before[:1])
    shop.run("act", **options, die_after=3)
    assert shop.replicas() == 3
    shop.world.patch(shop.policy_path, {"spec": {"suspend": True}})
    lines = shop.run("act", **options)[1]
    assert last(lines)["outcome"] == "Failed" and last(lines)["reason"].startswith("PolicyChanged: "), lines
    assert shop.replicas() == 2 and shop.marks() == [] and "pending" not in shop.history()


def test_refused_by_the_api_server(shop):
    """What is refused for good before anything was done is the outcome."""
    shop.running(2)
    shop.autoscaler(1, 5)
    lines = shop.run("act", type="ScaleOut", **{"from": 1}, to=9, autoscaler="scaler")[1]
    assert last(lines)["outcome"] == "Failed" and "maxReplicas" in last(lines)["reason"], lines
    assert shop.minimum() == 1 and "pending" not in shop.history()
