"""Every reason to refuse, each with its Event, its condition, and nothing done."""

import contextlib
import datetime
import json
import os
import re
import subprocess
import time

import kubernetes
import pytest
from scenes import Plays
from test_heal_1_actions import EVICT, REPLACE, RESTART, healing, scale_out, uids, wait_blocked
from world import ROOT

PLAYS = Plays()
play = PLAYS.play


def begin(stage, scenes, wanted):
    log = stage.world.dir / "heal-refusals.audit"
    PLAYS.begin(stage, scenes, wanted, "heal-refusals", flags=("--audit-log", str(log)))


def refused(shop, reason, spec, replicas=2, kind="Deployment", prepare=None, leaking=None, leak="channel"):
    """The leak is found, nothing is done about it, and everybody is told why; the incident."""
    shop.leaking_shop(leak=leak, replicas=replicas, kind=kind, spec=spec)
    if prepare:
        prepare(shop)
    oldest = sorted(shop.pods(), key=lambda p: p.metadata.creation_timestamp)
    shop.leak(oldest[:leaking])
    i = shop.wait_refused(reason)
    untouched(shop)
    return i


def untouched(shop):
    assert shop.world.audit.effects(shop.ns) == [], shop.show()


def quiet(shop, reason, spec, leak="channel"):
    """The policy itself says that nothing is to be done: the condition says so, nobody is bothered."""
    shop.leaking_shop(leak=leak, spec=spec, windows=(5, 4))
    shop.leak()
    shop.wait_grade("Probable")
    shop.wait_healing(reason)
    time.sleep(5)
    assert shop.actions() == [], shop.show()
    untouched(shop)


@play
def refuses_mode(shop):
    shop.leaking_shop(mode="Observe", spec=healing(scale_out()))
    shop.leak()
    shop.wait_grade("Probable")
    shop.wait_healing("ModeObserve")
    assert shop.actions() == [], shop.show()
    untouched(shop)


@play
def refuses_grade(shop):
    quiet(shop, "GradeTooLow", healing(scale_out(), minGrade="Proven"), leak="lock")


@play
def refuses_no_actions(shop):
    quiet(shop, "NoActions", {"healing": {"actions": []}})


@play
def refuses_suspended(shop):
    """Suspended while the action waits for its window."""
    refused(shop, "DeniedByWindow", healing(scale_out(), windows=[deny_now()]))
    shop.change_policy({"suspend": True, "healing": {"windows": []}})
    shop.wait_healing("Suspended")
    time.sleep(8)
    untouched(shop)


def deny_now():
    return {"name": "always", "effect": "Deny", "schedule": "* * * * *", "durationMinutes": 5, "timeZone": "Asia/Shanghai"}


@play
def refuses_denied(shop):
    """A freeze; once it is lifted the action is done."""
    i = refused(shop, "DeniedByWindow", healing(scale_out(), windows=[deny_now()]))
    assert any('"always"' in a["reason"] for a in i["status"]["actions"]), shop.show()
    lift(shop)
    shop.wait_action("Succeeded", 60)


def lift(shop):
    shop.change_policy({"healing": {"windows": []}})


@play
def refuses_workload_gone(shop):
    """The Deployment is deleted during a freeze, its pods are left alone."""
    refused(shop, "DeniedByWindow", healing(scale_out(), windows=[deny_now()]))
    shop.world.apps.delete_namespaced_deployment("payments", shop.ns, propagation_policy="Orphan")
    apps = shop.world.apps
    shop.until(30, "no Deployment", lambda: not apps.list_namespaced_deployment(shop.ns).items)
    assert len(shop.pods()) == 2, shop.show()
    lift(shop)
    shop.wait_refused("WorkloadGone", 30)
    untouched(shop)


def keep(shop, pods, finalizers):
    """With a finalizer of somebody else's a pod that ends stays, as one does that takes its time."""
    for p in pods:
        with contextlib.suppress(kubernetes.client.ApiException):
            shop.world.core.patch_namespaced_pod(p.metadata.name, shop.ns, {"metadata": {"finalizers": finalizers}})


@play
def refuses_scaled_to_zero(shop):
    """Someone takes the workload down during a freeze; its pods are still ending when the freeze is lifted."""
    refused(shop, "DeniedByWindow", healing(scale_out(), windows=[deny_now()]))
    pods = shop.pods()
    keep(shop, pods, ["example.com/stay"])
    try:
        shop.scale(0)
        shop.until(30, "all pods are told to end", lambda: not shop.pods())
        lift(shop)
        shop.wait_refused("ScaledToZero", 25)
    finally:
        keep(shop, pods, None)
    untouched(shop)


@play
def refuses_no_leaking_pods(shop):
    """Someone has deleted the leaking pod during a freeze."""
    spec = healing(EVICT, windows=[deny_now()])
    shop.leaking_shop(spec=spec)
    victim = shop.pods()[0]
    shop.leak([victim])
    shop.wait_refused("DeniedByWindow")
    shop.world.core.delete_namespaced_pod(victim.metadata.name, shop.ns)
    shop.until(30, "it is gone", lambda: victim.metadata.uid not in uids(shop.pods()))
    lift(shop)
    shop.wait_refused("NoLeakingPods", 25)
    untouched(shop)


@play
def refuses_pending(shop):
    """A second leak, while the first one's Evict waits for a budget; its turn comes after that."""
    shop.disruptions(0)
    shop.leaking_shop(spec=healing(EVICT))
    before = first, second = shop.pods()
    shop.leak([first])
    wait_blocked(shop)
    shop.leak([second], kind="cancel")
    shop.wait_refused("ActionPending", 120, condition="Acting", incidents=2)
    untouched(shop)
    shop.disruptions(1)
    shop.until(120, "both are evicted", lambda: not uids(before) & uids(shop.pods()))
    evicted = [name for verb, what, name in shop.world.audit.effects(shop.ns)]
    assert evicted == [first.metadata.name, second.metadata.name], shop.show()


@play
def refuses_no_cluster(shop):
    """gostat watch reads the policy of a cluster, and has nothing to act on."""
    shop.policy(spec=healing(scale_out()))
    policy = shop.get_policy()
    file = shop.world.dir / f"{shop.ns}.json"
    file.write_text(json.dumps({k: policy[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": {"name": "shop"}}))
    with contextlib.ExitStack() as stack:

        def start(*command, **env):
            environment = {"PATH": os.environ["PATH"], **env}
            p = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
            stack.callback(p.terminate)
            return p.stdout

        address = start(shop.world.dir / "bin/leaky", ADDR="127.0.0.1:0", RATE="4").readline().split()[-1]
        events = start(shop.world.binary, "watch", "-f", file, "-o", "json", "--for", "90s", address)
        reason = next((e["reason"] for e in map(json.loads, events) if e["event"] == "refused"), "")
    assert reason.startswith("NoCluster: "), reason
    shop.world.refusals.add("NoCluster")


@play
def refuses_outside(shop):
    """The only window that allows is another day's."""
    other = (datetime.datetime.now(datetime.UTC).isoweekday() + 3) % 7
    window = {"name": "ops", "effect": "Allow", "schedule": f"0 3 * * {other}", "durationMinutes": 60}
    refused(shop, "OutsideWindow", healing(scale_out(), windows=[window]))


@play
def refuses_without_evidence(shop):
    """The Secret disappears: sampling goes on, nothing is acted on; it is back: the action is done."""
    shop.leaking_shop(spec=healing(scale_out()))
    shop.world.core.delete_namespaced_secret("gostat-s3", shop.ns)
    time.sleep(3)
    shop.leak()
    shop.wait_grade("Probable")
    shop.wait_refused("EvidenceMissing", 120, condition="EvidenceFailing")
    untouched(shop)
    shop.secret()
    shop.wait_action("Succeeded", 90)


@play
def refuses_cooldown(shop):
    """Two leaks one after the other in one workload: the second one waits."""
    spec = healing(EVICT) | {
        "healing": healing(EVICT)["healing"] | {"limits": {"cooldownSeconds": 3600, "minAvailablePercent": 0}}
    }
    shop.leaking_shop(replicas=2, spec=spec)
    shop.leak(shop.pods()[:1])
    shop.wait_action("Succeeded", 120)
    shop.until(90, "resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")
    shop.until(30, "two pods", lambda: shop.ready(2))
    done = shop.world.audit.effects(shop.ns)
    shop.leak(shop.pods()[:1])
    shop.wait_refused("Cooldown", 120)
    assert shop.world.audit.effects(shop.ns) == done, shop.show()


@play
def refuses_budget(shop):
    limits = {"cooldownSeconds": 1, "maxActionsPerHour": 1, "minAvailablePercent": 0}
    shop.leaking_shop(replicas=2, spec={"healing": {"actions": [EVICT], "limits": limits}})
    shop.leak(shop.pods()[:1])
    shop.wait_action("Succeeded", 120)
    shop.until(90, "resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")
    shop.until(30, "two pods", lambda: shop.ready(2))
    done = shop.world.audit.effects(shop.ns)
    shop.leak(shop.pods()[:1])
    shop.wait_refused("MaxActionsPerHour", 120)
    assert shop.world.audit.effects(shop.ns) == done, shop.show()


@play
def refuses_while_holding(shop):
    """The next action waits until the first one is judged."""
    shop.leaking_shop(spec=healing(scale_out(hold=3600, longest=3600), REPLACE))
    shop.leak()
    shop.wait_action("Succeeded", 90)
    shop.wait_refused("Holding", 60)
    assert [w for _, w, _ in shop.world.audit.effects(shop.ns)] == ["deployments/scale"], shop.show()


@play
def refuses_kind(shop):
    """A StatefulSet's pods cannot be replaced by cost; the next action is."""
    shop.leaking_shop(replicas=2, kind="StatefulSet", spec=healing(REPLACE, EVICT))
    shop.leak(shop.pods()[:1])
    i = shop.wait_action("Succeeded", 120)
    outcomes = [(a["type"], a["outcome"]) for a in i["status"]["actions"]]
    assert outcomes[0] == ("Replace", "Refused") and ("Evict", "Succeeded") in outcomes[1:], shop.show()
    shop.wait_refused("ActionNotPossible", condition="")  # more has happened since


@play
def refuses_paused(shop):
    def pause(s):
        s.world.apps.patch_namespaced_deployment("payments", s.ns, {"spec": {"paused": True}})

    refused(shop, "RolloutPaused", healing(REPLACE), prepare=pause, leaking=1)


@play
def refuses_rolling(shop):
    def half(s):
        old = {p.metadata.name for p in s.pods()}
        s.half_rollout(ROLL="1")
        s.until(60, "a pod of each revision", lambda: len(p := names(s)) == 2 and len(p - old) == 1)

    def names(s):
        return {p.metadata.name for p in s.pods() if s.is_ready(p)}

    refused(shop, "RolloutUnfinished", healing(REPLACE), prepare=half, leaking=1)


@play
def refuses_keda(shop):
    shop.autoscaler(keda=True)
    refused(shop, "Autoscaler", healing(scale_out()))


@play
def refuses_autoscaler_maximum(shop):
    shop.autoscaler(minimum=1, maximum=2)
    refused(shop, "AutoscalerMaximum", healing(scale_out()))


@play
def refuses_max_replicas(shop):
    refused(shop, "MaxReplicas", healing(scale_out(most=2)))


def refused_second(shop, reason, step, most):
    """A second leak, in the other pod, while what was added for the first one is held."""
    limits = {"cooldownSeconds": 1, "minAvailablePercent": 0, "maxAddedReplicas": most}
    shop.leaking_shop(spec={"healing": {"actions": [scale_out(step=step, hold=3600, longest=3600)], "limits": limits}})
    first, second = shop.pods()
    shop.leak([first])
    i = shop.wait_action("Succeeded", 90)
    (action,) = [a for a in i["status"]["actions"] if a["outcome"] == "Succeeded"]
    assert (action["from"], action["to"]) == (2, 3), shop.show()
    shop.leak([second], kind="cancel")
    shop.wait_refused(reason, 120, incidents=2)
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3], shop.show()


@play
def refuses_max_added(shop):
    """What may be added is added, no more: step 3 of at most 1, and then the next incident gets none."""
    refused_second(shop, "MaxAddedReplicas", step=3, most=1)


@play
def refuses_already_scaled(shop):
    """It might be added, but not while it is not known whether adding helps."""
    refused_second(shop, "AlreadyScaled", step=1, most=5)


@play
def refuses_unavailable(shop):
    """One pod of two is not Ready: 75 % would not be available."""
    limits = {"cooldownSeconds": 1, "minAvailablePercent": 100}
    refused(shop, "MinAvailable", {"healing": {"actions": [EVICT], "limits": limits}}, leaking=1)


@play
def refuses_restart_of_some(shop):
    refused(shop, "NotAllLeak", healing(RESTART), replicas=3, leaking=1)


def test_bad_policies(world, stage):
    """What can be told at admission is refused there, naming field and fix; the rest is the condition Ready."""
    shop = stage.shop("bad-policies")
    shop.secret()
    for spec, words in (
        (healing(scale_out(hold=600, longest=60)), ("maxHoldSeconds", "holdSeconds")),
        (healing(REPLACE, REPLACE), ("actions",)),
        ({"healing": {"limits": {"minAvailablePercent": 101}}}, ("minAvailablePercent",)),
        (healing(REPLACE | {"evict": {"maxPods": 1}}), ("evict",)),
    ):
        try:
            shop.policy(spec=spec)
        except kubernetes.client.ApiException as e:
            assert e.status in (400, 422) and all(w in e.body for w in words), e.body
        else:
            raise AssertionError(f"accepted: {spec}")
    never = {"name": "never", "effect": "Deny", "schedule": "0 0 30 2 *", "durationMinutes": 5}
    nowhere = {"name": "nowhere", "effect": "Deny", "schedule": "0 0 * * *", "durationMinutes": 5, "timeZone": "Mars/Base"}
    stage.controller("bad-policies", [shop])
    for name, window, word in (("never", never, "schedule"), ("nowhere", nowhere, "timeZone")):
        shop.policy(name=name, spec=healing(scale_out(), windows=[window]))
        shop.until(30, "Ready=False", lambda name=name: shop.condition("Ready", name).get("status") == "False")
        message = shop.condition("Ready", name)["message"]
        assert f"spec.healing.windows[0].{word}" in message, message


globals().update(PLAYS.tests("heal_refusals"))


def test_every_reason(request, heal_refusals, world):
    """Each reason of core/heal was seen above: a new one needs a scene of its own."""
    heal_refusals.wait()
    if not PLAYS.all_of(request.session):
        pytest.skip("only a part of the scenes has run")
    words = (ROOT / "controller/core/heal_words.c").read_text()
    reasons = set(re.findall(r'\[GS_REFUSAL_\w+\] = "(\w+)"', words))
    assert len(reasons) > 20 and reasons - world.refusals == set()
