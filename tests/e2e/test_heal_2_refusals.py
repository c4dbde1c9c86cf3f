"""Every reason to refuse that a cluster can show, each with its Event, its condition, and nothing done. The others
(ActionPending, NoCluster, WorkloadGone, NoLeakingPods, ScaledToZero: moments too short to be met) are tables of
tests/unit/test_core_heal.c."""

import datetime
import time

import kubernetes
from scenes import Plays
from test_heal_1_actions import EVICT, REPLACE, RESTART, healing, scale_out

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
    shop.until(20, f"the condition Healing: {reason}", lambda: shop.condition("Healing").get("reason") == reason)
    time.sleep(5)
    assert shop.actions() == [], shop.show()
    untouched(shop)


@play
def refuses_mode(shop):
    shop.leaking_shop(mode="Observe", spec=healing(scale_out()))
    shop.leak()
    shop.wait_grade("Probable")
    shop.until(10, "the condition Healing", lambda: shop.condition("Healing").get("reason") in ("ModeObserve", "Observe"))
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
    refused_spec = healing(scale_out(), windows=[deny_now()])
    refused(shop, "DeniedByWindow", refused_spec)
    shop.change_policy({"suspend": True, "healing": {"windows": []}})
    time.sleep(8)
    untouched(shop)


def deny_now():
    return {"name": "always", "effect": "Deny", "schedule": "* * * * *", "durationMinutes": 5, "timeZone": "Asia/Shanghai"}


@play
def refuses_denied(shop):
    """A freeze; once it is lifted the action is done."""
    i = refused(shop, "DeniedByWindow", healing(scale_out(), windows=[deny_now()]))
    assert '"always"' in next(a["reason"] for a in i["status"]["actions"]) or "always" in str(i["status"]["actions"])
    shop.change_policy({"healing": {"windows": []}})
    shop.wait_action("Succeeded", 60)


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
    spec = healing(EVICT) | {"healing": healing(EVICT)["healing"] | {"limits": {"cooldownSeconds": 3600, "minAvailablePercent": 0}}}
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
    assert outcomes[0] == ("Replace", "Refused") and outcomes[-1] == ("Evict", "Succeeded"), shop.show()
    assert i["status"]["actions"][0]["reason"].startswith("ActionNotPossible: "), shop.show()


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


@play
def refuses_max_added(shop):
    """What may be added is added, no more: step 3 of at most 2, and then the next incident gets none."""
    limits = {"cooldownSeconds": 1, "minAvailablePercent": 0, "maxAddedReplicas": 1}
    shop.leaking_shop(spec={"healing": {"actions": [scale_out(step=3, hold=3600, longest=3600)], "limits": limits}})
    shop.leak()
    i = shop.wait_action("Succeeded", 90)
    (action,) = [a for a in i["status"]["actions"] if a["outcome"] == "Succeeded"]
    assert (action["from"], action["to"]) == (2, 3), shop.show()


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
