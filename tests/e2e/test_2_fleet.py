"""Many pods: one incident however many of them leak, of the revision that does; none of healthy ones, however lively."""

import collections
import os
import time

import pytest

HEALTHY_SECONDS = int(os.environ.get("GOSTAT_E2E_HEALTHY_SECONDS", "180"))
# pods of each kind; (windowSeconds, windows), None: the defaults; the cycle of a kind in seconds, where it is not its own.
# What comes and goes is to be half as long as all windows together, or shorter.
Fleet = collections.namedtuple("Fleet", "pods windows periods")
FLEETS = {
    "default": Fleet(4, None, {}),
    "scaled": Fleet(2, (10, 4), {"pool": 40, "ramp": 60, "backlog": 20, "warmup": 20}),
}
LIVELY = {"pool": 100, "burst": 200, "ramp": 60, "backlog": 100, "warmup": 60}  # with their MAX


def begin(stage, scenes, wanted):
    one = [stage.shop("revision")] if "test_one_revision" in wanted else []
    fleets = {name: stage.shop(f"fleet-{name}") for name in FLEETS if f"test_healthy_fleet[{name}]" in wanted}
    if one:
        stage.controller("revision", one)
        scenes.begin("test_one_revision", play_one_revision, stage, *one)
    if fleets:
        stage.controller("fleets", list(fleets.values()))
    for name, shop in fleets.items():
        scenes.begin(f"test_healthy_fleet[{name}]", play_healthy_fleet, stage, shop, FLEETS[name])


def test_one_revision(scenes):
    scenes.result("test_one_revision")


def play_one_revision(stage, shop):
    """Six pods, three of either revision, in the middle of a rollout; only the new revision leaks."""
    shop.deployment(replicas=6, LEAK="off", RATE=20)
    shop.secret()
    shop.policy(mode="Observe", interval=5)
    shop.wait_sampled()
    shop.half_rollout(LEAK="channel", RATE=20, LEAK_AFTER=10)
    since = time.time()

    def by_revision():
        found = collections.defaultdict(set)
        for p in shop.pods():
            if shop.is_ready(p):
                found[p.metadata.labels["pod-template-hash"]].add(p.metadata.name)
        return found

    shop.until(60, "three pods of either revision", lambda: sorted(map(len, by_revision().values())) == [3, 3])
    shop.wait_grade("Proven")
    seconds = time.time() - since

    def all_three():
        i = shop.incident()
        return i if i["status"].get("podCount") == 3 else None

    i = shop.until(60, "the three pods that leak", all_three)
    stage.report(f"one revision of two: Proven {seconds:.0f} s, all its pods listed {time.time() - since:.0f} s after rollout")
    time.sleep(40)  # more profiles of all six, and an Event if it should be one for each pod
    i = shop.incident()
    status = i["status"]
    assert (status["grade"], status["podCount"]) == ("Proven", 3), shop.show()
    assert {p["name"] for p in status["pods"]} == by_revision()[status["revision"]], shop.show()
    leaking = next(p for p in shop.pods() if p.metadata.labels["pod-template-hash"] == status["revision"])
    assert {e.name: e.value for e in leaking.spec.containers[0].env}["LEAK"] == "channel"
    told = shop.events(i)
    assert (told.count("LeakFound"), told.count("LeakProven")) == (1, 1), told


@pytest.mark.parametrize("name", FLEETS)
def test_healthy_fleet(name, scenes):
    scenes.result(f"test_healthy_fleet[{name}]", HEALTHY_SECONDS + 240)


def play_healthy_fleet(stage, shop, fleet):
    for kind, most in LIVELY.items():
        period = {"PERIOD": fleet.periods[kind]} if kind in fleet.periods else {}
        shop.deployment(kind, "lively", replicas=fleet.pods, labels={"team": "shop"}, LIVELY=kind, MAX=most, **period)
    shop.deployment("steady", replicas=1, labels={"team": "shop"}, LEAK="off")
    shop.secret()
    shop.policy(interval=2, labels={"team": "shop"}, windows=fleet.windows)
    shop.wait_sampled(deployments=(*LIVELY, "steady"))
    pods = fleet.pods * len(LIVELY) + 1
    shop.until(40, f"{pods} pods are sampled", lambda: shop.get_policy()["status"]["targets"].get("sampled") == pods)
    end = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < end:
        time.sleep(5)
        assert shop.incidents() == [], shop.show()
    assert all(shop.replicas(kind) == fleet.pods for kind in LIVELY)
    stage.report(
        f"{pods} healthy pods, windows {fleet.windows or 'as by default'}: no incident in {HEALTHY_SECONDS} s;"
        f" the rules of both fleets fired {shop.controllers[0].counter('gostat_suspicions_total')} times"
    )
