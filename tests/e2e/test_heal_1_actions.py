"""Each action on a real workload: what it does, what it leaves, and what it never does."""

import contextlib
import json
import re
import threading
import time

import kubernetes
from scenes import Plays
from shop import COST, NEVER

PLAYS = Plays()
play = PLAYS.play
REPLACE = {"type": "Replace", "replace": {"maxPods": 1, "readySeconds": 2}}
EVICT = {"type": "Evict", "evict": {"maxPods": 1}}
RESTART = {"type": "Restart"}


def scale_out(hold=30, longest=7200, step=1, most=5):
    return {
        "type": "ScaleOut",
        "scaleOut": {"step": step, "maxReplicas": most, "holdSeconds": hold, "maxHoldSeconds": longest},
    }


def healing(*actions, **more):
    """spec of a policy with these actions; limits that do not get in the way unless given."""
    return {"healing": {"actions": list(actions), "limits": {"cooldownSeconds": 5, "minAvailablePercent": 0}} | more}


def begin(stage, scenes, wanted):
    log = stage.world.dir / "heal-actions.audit"
    PLAYS.begin(stage, scenes, wanted, "heal-actions", flags=("--audit-log", str(log)))


class Availability:
    """The fewest pods that were available at once, by every event of the API server."""

    def __init__(self, shop, name="payments"):
        self.fewest = None
        self._pods = {}
        self._watch = kubernetes.watch.Watch()
        listed = shop.world.core.list_namespaced_pod(shop.ns, label_selector=f"app={name}")
        for p in listed.items:
            self._see("ADDED", p)
        since = listed.metadata.resource_version
        self._thread = threading.Thread(target=self._follow, args=(shop, name, since), daemon=True)
        self._thread.start()

    def _see(self, kind, pod):
        ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])
        self._pods[pod.metadata.name] = kind != "DELETED" and ready and not pod.metadata.deletion_timestamp

    def _follow(self, shop, name, since):
        self.fewest = sum(self._pods.values())
        stream = self._watch.stream(
            shop.world.core.list_namespaced_pod,
            shop.ns,
            label_selector=f"app={name}",
            resource_version=since,
            timeout_seconds=300,
        )
        with contextlib.suppress(kubernetes.client.rest.urllib3.exceptions.HTTPError):  # stopped
            for event in stream:
                self._see(event["type"], event["object"])
                self.fewest = min(self.fewest, sum(self._pods.values()))

    def stop(self):
        self._watch.stop()


def marks(shop):
    return [p.metadata.name for p in shop.pods() if COST in (p.metadata.annotations or {})]


def names(pods):
    return {p.metadata.name for p in pods}


def uids(pods):
    return {p.metadata.uid for p in pods}


@play
def replace_one_of_four(shop):
    """The leaking pod goes and no other, nobody is missed meanwhile, and no mark stays."""
    shop.leaking_shop(replicas=4, spec=healing(REPLACE))
    before = shop.pods()
    victim = before[1]
    watched = Availability(shop)
    shop.leak([victim])
    i = shop.wait_action("Succeeded", 120)
    (action,) = [a for a in i["status"]["actions"] if a["outcome"] == "Succeeded"]
    assert (action["type"], action["from"], action["to"]) == ("Replace", 4, 5), shop.show()
    assert action["pods"] == [victim.metadata.name], shop.show()
    shop.until(30, "four pods that run", lambda: shop.ready(4))
    after = shop.pods()
    assert uids(before) - uids(after) == {victim.metadata.uid}, shop.show()
    assert len(after) == 4 and not marks(shop), shop.show()
    assert shop.replicas() == 4
    watched.stop()
    assert watched.fewest == 4, f"only {watched.fewest} were available\n{shop.show()}"
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [5, 4], shop.show()
    shop.wait_let_go()
    shop.until(90, "the incident is resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")


@play
def replace_with_autoscaler(shop):
    """An HPA owns the scale: its minimum is raised, the pod evicted, the minimum put back."""
    shop.autoscaler(minimum=2, maximum=6)
    shop.leaking_shop(replicas=3, spec=healing(REPLACE))
    before = shop.pods()
    shop.leak(before[:1])
    shop.wait_action("Succeeded", 120)
    assert before[0].metadata.uid not in uids(shop.pods()), shop.show()
    assert shop.autoscaler_minimum() == 2, shop.show()
    assert shop.world.audit.scalings(shop.ns) == [], shop.show()
    effects = [(verb, what) for verb, what, _ in shop.world.audit.effects(shop.ns)]
    assert effects.count(("create", "pods/eviction")) == 1, effects
    assert effects.count(("patch", "horizontalpodautoscalers")) == 2, effects
    shop.wait_let_go()


@play
def replace_after_foreign_scale(shop):
    """Someone sets the scale in the middle: theirs stands, nothing is removed, no mark stays."""
    slow = {"type": "Replace", "replace": {"maxPods": 1, "readySeconds": 20}}
    shop.leaking_shop(replicas=3, spec=healing(slow))
    before = shop.pods()
    shop.leak(before[:1])
    shop.until(90, "the surge", lambda: shop.replicas() == 4)
    shop.scale(6)
    i = shop.wait_action("Failed", 90)
    assert any(a["reason"].startswith("ScaleChanged: ") for a in i["status"]["actions"]), shop.show()
    assert shop.replicas() == 6 and not marks(shop), shop.show()
    assert uids(before) <= uids(shop.pods()), shop.show()
    shop.wait_let_go()


@play
def evict_stateful(shop):
    """The leaking pod of a StatefulSet is evicted, and no other."""
    shop.leaking_shop(replicas=2, kind="StatefulSet", spec=healing(EVICT))
    before = shop.pods()
    shop.leak(before[:1])
    i = shop.wait_action("Succeeded", 120)
    (action,) = [a for a in i["status"]["actions"] if a["outcome"] == "Succeeded"]
    assert action["type"] == "Evict" and action["pods"] == [before[0].metadata.name], shop.show()
    shop.until(30, "the other one stays", lambda: before[1].metadata.uid in uids(shop.pods()))
    assert before[0].metadata.uid not in uids(shop.pods()), shop.show()
    effects = [(verb, what) for verb, what, _ in shop.world.audit.effects(shop.ns)]
    assert effects == [("create", "pods/eviction")], effects


def wait_blocked(shop):
    def blocked():
        return "PodDisruptionBudget" in shop.condition("Healing").get("message", "")

    shop.until(120, "the condition Healing to say that a budget stands in the way", blocked)


@play
def evict_waits_for_budget(shop):
    """A PodDisruptionBudget of maxUnavailable 0: waits, never deletes; goes on once it allows."""
    shop.disruptions(0)
    shop.leaking_shop(replicas=2, spec=healing(EVICT))
    before = shop.pods()
    shop.leak(before[:1])
    wait_blocked(shop)
    time.sleep(6)
    assert uids(before) == uids(shop.pods()), shop.show()
    assert shop.world.audit.effects(shop.ns) == [], shop.show()
    shop.disruptions(1)
    shop.wait_action("Succeeded", 60)
    assert before[0].metadata.uid not in uids(shop.pods()), shop.show()
    assert not [e for e in shop.world.audit.entries(shop.ns) if e.verb == "delete" and e.resource == "pods"]


@play
def evict_daemon(shop):
    shop.leaking_shop(replicas=1, kind="DaemonSet", spec=healing(EVICT))
    before = shop.pods()
    shop.leak()
    shop.wait_action("Succeeded", 120)
    assert before[0].metadata.uid not in uids(shop.pods()), shop.show()


@play
def restart_all(shop):
    """Every pod leaks: the revision is rolled out again, once."""
    shop.leaking_shop(replicas=2, spec=healing(RESTART))
    before = shop.pods()
    shop.leak()
    shop.wait_action("Succeeded", 120)
    shop.until(60, "new pods", lambda: shop.ready(2) and not uids(before) & uids(shop.pods()))
    annotations = shop.world.apps.read_namespaced_deployment("payments", shop.ns).spec.template.metadata.annotations
    assert "kubectl.kubernetes.io/restartedAt" in annotations, annotations
    effects = [(verb, what) for verb, what, _ in shop.world.audit.effects(shop.ns)]
    assert effects == [("patch", "deployments")], effects
    shop.until(90, "the incident is resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")


@play
def scale_out_in_vain(shop):
    """Each pod goes on leaking as before: taken back after its hold, Ineffective, and not repeated."""
    shop.leaking_shop(spec=healing(scale_out(hold=30)))
    shop.leak()
    shop.wait_action("Ineffective", 150)
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3, 2], shop.show()
    time.sleep(10)
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3, 2], shop.show()
    (action,) = [a for a in shop.actions() if a["outcome"] != "Refused"]
    assert action["reason"].startswith("GrowthNotLower: "), shop.show()
    shop.wait_let_go()


@play
def scale_out_without_room(shop):
    """The added pods never come: taken back, Ineffective."""
    quota = {"metadata": {"name": "quota"}, "spec": {"hard": {"pods": "2"}}}
    shop.world.core.create_namespaced_resource_quota(shop.ns, quota)
    shop.leaking_shop(spec=healing(scale_out(hold=30)))
    shop.leak()
    shop.wait_action("Ineffective", 150)
    (action,) = [a for a in shop.actions() if a["outcome"] != "Refused"]
    assert action["reason"].startswith("NotReady: "), shop.show()
    assert shop.replicas() == 2


@play
def ladder(shop):
    """An action that did not help is followed by the next one: ScaleOut, then Replace."""
    shop.leaking_shop(replicas=2, spec=healing(scale_out(hold=30), REPLACE))
    before = shop.pods()
    shop.leak(before[:1])
    shop.wait_action("Ineffective", 150)
    i = shop.wait_action("Succeeded", 120)
    done = [(a["type"], a["outcome"]) for a in i["status"]["actions"] if a["outcome"] != "Refused"]
    assert done == [("ScaleOut", "Ineffective"), ("Replace", "Succeeded")], shop.show()
    assert before[0].metadata.uid not in uids(shop.pods()), shop.show()
    shop.until(90, "the incident is resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")


@play
def longest_hold(shop):
    """It helps, but the leak is never fixed: taken back after maxHoldSeconds all the same."""
    shop.leaking_shop(spec=healing(scale_out(hold=30, longest=60)))
    pods = shop.pods()
    shop.leak()
    shop.wait_action("Succeeded", 90)
    for p in pods:  # what leaked stays, and grows no more
        shop._post(p, "/leak?on=false")  # pylint: disable=protected-access
    shop.wait_action("Undone", 120)
    (action,) = [a for a in shop.actions() if a["outcome"] != "Refused"]
    assert action["reason"].startswith("MaxHold: "), shop.show()
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3, 2], shop.show()


@play
def scale_out_with_autoscaler(shop):
    """The HPA's minimum is raised above what it asks for, and put back."""
    shop.autoscaler(minimum=1, maximum=6)
    shop.leaking_shop(spec=healing(scale_out(hold=600)))
    shop.leak()
    shop.wait_action("Succeeded", 90)
    assert shop.autoscaler_minimum() == 3, shop.show()
    shop.until(60, "three pods", lambda: len(shop.pods()) == 3)
    shop.fix()
    shop.wait_action("Undone", 120)
    assert shop.autoscaler_minimum() == 1, shop.show()
    assert shop.world.audit.scalings(shop.ns) == [], shop.show()


@play
def another_policy(shop):
    """The workload goes to another policy: what was done to it is on record there alone, once that one has acted."""

    def listed(policy):
        return len(shop.get_policy(policy)["status"].get("healing", {}).get("workloads", []))

    shop.leaking_shop(spec=healing(EVICT))
    shop.leak(shop.pods()[:1])
    shop.wait_action("Succeeded", 120)
    assert listed("shop") == 1, shop.show()
    shop.until(90, "resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")
    shop.change_policy({"selector": {"matchLabels": {"app": "nobody"}}})
    shop.policy(name="other", spec=healing(EVICT))
    shop.wait_sampled("other")
    assert listed("shop") == 1, shop.show()
    before = shop.pods()
    shop.leak(before[:1])
    shop.until(120, "the second one is evicted", lambda: before[0].metadata.uid not in uids(shop.pods()))
    shop.until(60, "one record", lambda: (listed("shop"), listed("other")) == (0, 1))
    assert [what for _, what, _ in shop.world.audit.effects(shop.ns)] == ["pods/eviction"] * 2, shop.show()


@play
def twins(shop):
    """DryRun and Enforce decide the same, word for word."""
    for name in ("payments", "shadow"):
        shop.deployment(name=name, LEAK="channel", RATE=4, LEAK_AFTER=NEVER)
    shop.secret()
    for name, mode in (("payments", "Enforce"), ("shadow", "DryRun")):
        # Proven, since the twins may come from Probable to that at other times than each other.
        shop.policy(name=name, mode=mode, labels={"app": name}, spec=healing(REPLACE, minGrade="Proven"))
        shop.wait_sampled(name, [name])
    shop.leak(shop.pods("payments") + shop.pods("shadow"))

    def first(name):
        mine = [i for i in shop.incidents() if i["spec"]["workloadRef"]["name"] == name]
        done = [a for i in mine for a in i.get("status", {}).get("actions", []) if a["outcome"] != "Refused"]
        return next(iter(done), None)

    enforced = shop.until(120, "an action of Enforce", lambda: first("payments"))
    dry = shop.until(60, "an action of DryRun", lambda: first("shadow"))
    assert not enforced["dryRun"] and dry["dryRun"], shop.show()
    log = shop.world.dir / "heal-actions.audit"

    def decisions(name):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        mine = [d for d in lines if d["workload"]["name"] == name and d["policy"]["namespace"] == shop.ns]
        return [d for d in mine if d["refusal"] != "EvidenceMissing"]  # the store was late: on a busy machine for one only

    pair = [shop.until(30, f"{n} in the audit log", lambda n=n: decisions(n))[0] for n in ("payments", "shadow")]
    assert [d["decision"] for d in pair] == ["Act", "DryRun"], json.dumps(pair)
    masked = [mask(d, n) for d, n in zip(pair, ("payments", "shadow"), strict=True)]
    assert masked[0] == masked[1], json.dumps(masked)


def mask(decision, name):
    """A line of the audit log without mode, names, ids and times."""
    text = json.dumps(decision).replace(name, "NAME")
    d = json.loads(re.sub(r"NAME(-[a-z0-9]+){2}", "POD", text))
    for field in ("seq", "previous", "time", "decision", "incident"):
        del d[field]
    del d["policy"]["uid"], d["policy"]["mode"], d["workload"]["uid"], d["action"]["id"]
    d["action"]["pods"] = len(d["action"]["pods"])
    return d


globals().update(PLAYS.tests("heal_actions"))


def test_audit_log(heal_actions, world, report):
    """The chain of every policy above is whole."""
    heal_actions.wait()
    report(f"audit verify: {world.verify(world.dir / 'heal-actions.audit')}")
