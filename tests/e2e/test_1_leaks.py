"""From the first leaked goroutine to the scale taken back; what must not be touched."""

import collections
import datetime
import hashlib
import subprocess
import time

import pytest
from shop import LEAVES
from world import GROUP

# interval; (windowSeconds, windows), None: the defaults; limit: seconds from the first leaked goroutine to the patched scale;
# grade: the last one, with its reasons
Kind = collections.namedtuple("Kind", "interval windows limit grade reasons")
NAMED = Kind(5, None, 60, "Proven", {"LeakProfile", "LeakProfileGrows"})  # by the runtime's leak profile
KINDS = {
    "channel": NAMED,
    "cancel": NAMED,
    # Reachable: it must rise through all windows.
    "lock": Kind(2, (5, 4), 60, "Probable", {"FloorRises", "SiteGrows", "IdsSurvive"}),
    # A connection each, which might be load: that must go on for 18 times the windows, here 72 s.
    "io": Kind(2, (2, 2), 120, "Probable", {"FloorRises", "SiteGrows", "CountsSurvive"}),
}
OWN = {  # what gostat may write where it must not act
    (GROUP, "gostatpolicies/status"),
    (GROUP, "gostatincidents"),
    (GROUP, "gostatincidents/status"),
    ("events.k8s.io", "events"),
}


def begin(stage, scenes, wanted):
    """One controller for all of them."""
    plays = {f"test_leak[{leak}]": (leak, lambda shop, leak=leak: play_leak(stage, shop, leak)) for leak in KINDS}
    plays["test_observe"] = ("observe", lambda shop: play_passive(shop, "Observe"))
    plays["test_dry_run"] = ("dryrun", lambda shop: play_passive(shop, "DryRun"))
    chosen = {test: (stage.shop(name), play) for test, (name, play) in plays.items() if test in wanted}
    others = []
    if "test_other_namespace" in wanted:
        others = [stage.shop("leaking"), stage.shop("beside"), stage.shop("secretless")]
    shops = [shop for shop, _ in chosen.values()] + others
    if not shops:
        return
    stage.controller("leaks", shops)
    for test, (shop, play) in chosen.items():
        scenes.begin(test, play, shop)
    if others:
        scenes.begin("test_other_namespace", play_other_namespace, *others)


@pytest.mark.parametrize("leak", KINDS)
def test_leak(leak, scenes):
    scenes.result(f"test_leak[{leak}]")


def play_leak(stage, shop, leak):
    kind = KINDS[leak]
    shop.leaking_shop(leak, interval=kind.interval, windows=kind.windows)
    since = shop.leak()
    shop.until(kind.limit + 30, "the scale is patched", lambda: stage.world.audit.scalings(shop.ns), every=0.5)
    seconds = stage.world.audit.scalings(shop.ns)[0][1] - since
    probable = timestamp(shop.incident()["status"]["localizationTime"]) - since
    i = shop.wait_grade(kind.grade, 30)
    stage.report(
        f"{leak}: from the first leaked goroutine {probable:.0f} s to Probable, {seconds:.1f} s to the patched scale"
        + (f", {time.time() - since:.0f} s to Proven" if kind.grade == "Proven" else "")
    )
    assert seconds <= kind.limit, shop.show()
    assert shop.replicas() == 3

    i = shop.wait_action("Succeeded", 20)
    status = i["status"]
    assert status["patterns"][0]["leafFunction"] == LEAVES[leak], shop.show()
    assert status["grade"] == kind.grade and status["phase"] == "Mitigating", shop.show()
    assert kind.reasons <= set(status["gradeReasons"]), shop.show()
    assert i["spec"]["workloadRef"]["name"] == "payments"
    assert {p["name"] for p in status["pods"]} <= {p.metadata.name for p in shop.pods()}
    check_evidence(stage.world, shop, leak)
    check_managed_fields(stage.world, shop)
    shop.assert_one_scale_out()

    shop.fix()
    i = shop.wait_undone()
    assert [a["outcome"] for a in i["status"]["actions"]] == ["Undone"], shop.show()
    assert [n for n, _ in stage.world.audit.scalings(shop.ns)] == [3, 2], shop.show()
    wanted = {"LeakFound", "Leak" + kind.grade, "ActionTaken", "LeakResolved"}
    shop.until(10, f"Events {wanted}", lambda: wanted <= set(shop.events(i)))
    assert shop.events(i).count("LeakFound") == 1, shop.events(i)
    stage.report(f"{leak}: {time.time() - since:.0f} s until it was resolved and taken back")


def timestamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_evidence(world, shop, leak):
    """Every piece is in the store, byte for byte, with its description, and go tool pprof reads it."""
    kinds = {"Goroutine": "-goroutine", "GoroutineLeak": "-goroutineleak"}
    if KINDS[leak].grade != "Proven":
        del kinds["GoroutineLeak"]

    def stored():
        """Of the two grades that it had; and a full dump, where one was taken on the way."""
        found = [e["kind"] for e in shop.incident()["status"].get("evidence", [])]
        return all(found.count(k) >= 2 for k in kinds) and set(found) <= {*kinds, "FullDump"}

    shop.until(20, f"evidence of {set(kinds)}, twice", stored)
    i = shop.incident()
    for e in i["status"]["evidence"]:
        body = world.s3.get_object(Bucket=world.bucket, Key=e["key"])["Body"].read()
        assert hashlib.sha256(body).hexdigest() == e["sha256"] and len(body) == e["bytes"]
        if e["kind"] == "FullDump":
            assert e["key"].endswith("-fulldump.txt") and LEAVES[leak].encode() in body, e
            continue
        metadata = world.s3.get_object(Bucket=world.bucket, Key=e["key"].removesuffix(".pb.gz") + ".json")
        assert e["sha256"].encode() in metadata["Body"].read()
        assert e["key"].startswith(f"e2e/{shop.ns}/payments/{i['metadata']['name']}/")
        assert e["key"].endswith(kinds[e["kind"]] + ".pb.gz")
        file = world.dir / f"{leak}{kinds[e['kind']]}.pb.gz"
        file.write_bytes(body)
        top = subprocess.run(
            ["go", "tool", "pprof", "-top", "-cum", file], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert LEAVES[leak] in top, top


def check_managed_fields(world, shop):
    fields = world.apps.read_namespaced_deployment("payments", shop.ns).metadata.managed_fields
    ours = [f for f in fields if f.manager == "gostat"]
    assert [f.subresource for f in ours] == ["scale"], fields
    assert ours[0].fields_v1 == {"f:spec": {"f:replicas": {}}}, ours


def test_observe(scenes):
    i = scenes.result("test_observe")
    assert i["status"].get("actions", []) == []


def test_dry_run(scenes):
    i = scenes.result("test_dry_run")
    actions = i["status"]["actions"]
    assert [(a["type"], a["dryRun"], a["from"], a["to"], a["outcome"]) for a in actions] == [
        ("ScaleOut", True, 2, 3, "Succeeded")
    ]


def others(shop):
    """Every object of the namespace but gostat's own and what the nodes and controllers keep writing."""
    w, ns = shop.world, shop.ns
    lists = {
        "pods": w.core.list_namespaced_pod(ns),
        "services": w.core.list_namespaced_service(ns),
        "secrets": w.core.list_namespaced_secret(ns),
        "configmaps": w.core.list_namespaced_config_map(ns),
        "serviceaccounts": w.core.list_namespaced_service_account(ns),
        "deployments": w.apps.list_namespaced_deployment(ns),
        "replicasets": w.apps.list_namespaced_replica_set(ns),
    }
    return {(k, o.metadata.name): (o.metadata.uid, o.metadata.resource_version) for k, v in lists.items() for o in v.items}


def play_passive(shop, mode):
    """A whole leak under Observe or DryRun, evidence included; the incident."""
    shop.leaking_shop(mode=mode)
    policy = shop.get_policy()["metadata"]
    before = others(shop)
    shop.leak()
    shop.wait_grade("Proven")
    shop.wait_evidence(4)
    if mode == "DryRun":
        shop.wait_action("Succeeded", 20)
    time.sleep(15)  # long enough for an action that should not be
    assert others(shop) == before, shop.show()
    after = shop.get_policy()["metadata"]
    assert (after["generation"], after.get("finalizers")) == (policy["generation"], policy.get("finalizers"))
    writes = [e for e in shop.world.audit.entries(shop.ns) if e.verb not in ("get", "list", "watch")]
    assert writes and {(e.group, e.resource) for e in writes} <= OWN, [e for e in writes if (e.group, e.resource) not in OWN]
    assert shop.replicas() == 2
    return shop.incident()


def test_other_namespace(scenes):
    scenes.result("test_other_namespace")


def play_other_namespace(leaking, beside, secretless):
    """The same names and labels in three namespaces; only the first one leaks, the third has no Secret of its own."""
    for s in (beside, secretless):
        s.deployment(replicas=1, LEAK="off")
    beside.secret()
    beside.policy()
    secretless.policy()
    leaking.leaking_shop()
    beside.wait_sampled()
    leaking.leak()
    leaking.wait_action("Succeeded")

    def counted():  # counts are written at most every 30 s
        status = beside.get_policy()["status"]
        return (status["targets"]["matched"], status["targets"]["sampled"], status["openIncidents"]) == (1, 1, 0)

    beside.until(40, "it counts its own pod only", counted)
    assert beside.incidents() == [] and beside.replicas() == 1

    status = secretless.get_policy()["status"]
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "SecretNotFound"), secretless.show()
    assert status["targets"]["sampled"] == 1, secretless.show()  # that goes on; only nothing would be acted on
    assert secretless.incidents() == []
    # It asked for the Secret of its own namespace, and for none elsewhere; and so do all policies.
    audit = leaking.world.audit
    for s in (leaking, beside, secretless):
        asked = {e.name for e in audit.entries(s.ns) if e.resource == "secrets"}
        assert asked == {"gostat-s3"}, asked
    assert not [e for e in audit.entries() if e.resource == "secrets" and e.verb != "get"]

    secretless.secret(usable=False)
    unlabelled = lambda: any(  # noqa: E731
        c["reason"] == "SecretNotUsable" and c["status"] == "False"
        for c in secretless.get_policy()["status"]["conditions"]
    )
    secretless.until(45, "the Secret without its label is refused", unlabelled)
