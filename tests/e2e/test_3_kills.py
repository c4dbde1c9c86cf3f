"""The controller killed with -9 between any two steps of an action: exactly one ScaleOut, exactly one incident.

The audit log has a request before its answer is sent, so a kill that follows its line at once lands before the controller
knows of the answer; "snapshot" looks for the object in the S3 server's directory in the same way.
"""

import threading
import time

import pytest
from controller import SHORT_LEASE

MOMENTS = ("incident", "snapshot", "evidence", "action", "finalizer", "intent", "scale", "outcome")


def begin(stage, scenes, wanted):
    for moment in MOMENTS:
        if f"test_killed_after[{moment}]" in wanted:
            shop = stage.shop(f"kill-{moment}")
            log = stage.world.dir / f"{shop.ns}.audit"
            controller = stage.controller(f"kill-{moment}", [shop], flags=(*SHORT_LEASE, "--audit-log", str(log)))
            scenes.begin(f"test_killed_after[{moment}]", play_kill, stage, shop, controller, moment, log)
    if "test_takeover" in wanted:
        scenes.begin("test_takeover", play_takeover, stage, stage.shop("takeover"))


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_after(moment, kill_scenes):
    kill_scenes.result(f"test_killed_after[{moment}]")


class Trap:
    """Springs once, on the request that ends the step it is set on."""

    def __init__(self, shop, moment, spring):
        self.moment = moment
        self.spring = spring
        self.sprung = threading.Event()
        self.at = 0.0
        self.seen = []  # gostat's writes, in order
        self._shop = shop
        if moment == "snapshot":
            threading.Thread(target=self._watch_store, daemon=True).start()
        else:
            shop.world.audit.listen(shop.ns, self._on_request)

    def _go(self):
        if not self.sprung.is_set():
            self.spring()
            self.at = time.time()
            self.sprung.set()

    def _watch_store(self):
        below = self._shop.world.s3_files / "e2e" / self._shop.ns
        while not self.sprung.is_set():
            if below.exists() and next(below.rglob("*.pb.gz"), None):
                self._go()
            time.sleep(0.001)

    def _on_request(self, e):
        if e.verb in ("get", "list", "watch") or e.code >= 300:
            return
        self.seen.append(e.resource)
        if self._reached(e):
            self._go()

    def _reached(self, e):
        if self.moment == "incident":  # it has no status yet: the next one finds it by its name
            return e.verb == "create" and e.resource == "gostatincidents"
        if self.moment == "scale":
            return e.resource == "deployments/scale"
        if self.moment == "finalizer":
            return e.resource == "gostatpolicies"
        if self.moment == "intent":
            return e.resource == "gostatpolicies/status" and bool(e.pending())
        if self.moment == "outcome":
            written = e.resource == "gostatpolicies/status" and bool(e.status().get("healing"))
            return written and not e.pending() and "deployments/scale" in self.seen
        status = e.status() if e.resource == "gostatincidents/status" else {}
        if self.moment == "action":  # the incident knows of it; the policy does not, or does already
            return bool(status.get("actions"))
        return any(c["type"] == "EvidenceStored" and c["status"] == "True" for c in status.get("conditions", []))


def state(shop):
    """What stands in the API server between two steps."""
    policy = shop.get_policy()
    workloads = policy.get("status", {}).get("healing", {}).get("workloads", [])
    found = ["finalizer"] if shop.finalizers() else []
    found += ["intent"] if any(w.get("pending") for w in workloads) else []
    found += [f"scale {shop.replicas()}"]
    i = shop.incident()
    if i:
        found += ["evidence"] if i["status"].get("evidence") else []
        found += ["action " + a["outcome"] for a in i["status"].get("actions", [])]
    return ", ".join(found)


def play_kill(stage, shop, controller, moment, log):
    shop.leaking_shop()
    # Stopped first, so that what it left can be looked at; then killed, so that it can do nothing more.
    trap = Trap(shop, moment, controller.pause)
    shop.leak()
    shop.until(90, f"the step {moment}", trap.sprung.is_set, every=0.05)
    left = state(shop)
    controller.kill()
    if moment == "scale":
        assert "intent" in left and "scale 3" in left, left
    if moment == "outcome":
        assert "intent" not in left and "scale 3" in left, left
    shop.until(20, "the controller was started again", lambda: -9 in controller.exits and controller.alive())
    shop.wait_action("Succeeded", 120)
    stage.report(f"ScaleOut killed after {moment}: Succeeded {time.time() - trap.at:.1f} s later; it left {left}")
    time.sleep(10)  # long enough for a second action
    shop.assert_one_scale_out()
    assert shop.replicas() == 3 and len(shop.incidents()) == 1, shop.show()
    shop.fix()
    shop.wait_undone()
    assert [n for n, _ in stage.world.audit.scalings(shop.ns)] == [3, 2], shop.show()
    stage.world.verify(log)


def test_takeover(kill_scenes):
    kill_scenes.result("test_takeover")


def play_takeover(stage, shop):
    """Two controllers, one Lease. The leader dies right after the scale patch; the other finishes what it began."""
    pair = [stage.controller(f"takeover-{k}", [shop], flags=SHORT_LEASE, restart=False) for k in (1, 2)]

    def holder():
        lease = stage.world.leases.read_namespaced_lease(shop.ns, "gostat-system")
        return lease.spec.holder_identity

    def is_leader(c):
        return any("leading" in line and first in line for line in c.log.read_text().splitlines())

    shop.leaking_shop()
    first = holder()
    leader = next(c for c in pair if is_leader(c))
    other = next(c for c in pair if c is not leader)
    assert leader.get("/healthz")[0] == 200 and other.get("/healthz")[0] == 200
    trap = Trap(shop, "scale", leader.kill)
    shop.leak()
    shop.until(90, "the scale is patched", trap.sprung.is_set, every=0.05)
    shop.until(20, "the other one leads", lambda: holder() not in ("", first))
    shop.wait_action("Succeeded", 60)
    stage.report(f"takeover: Succeeded {time.time() - trap.at:.1f} s after the leader was killed")
    time.sleep(10)
    shop.assert_one_scale_out()
    assert other.alive() and other.exits == [], shop.show()
    shop.fix()
    shop.wait_undone()
    assert [n for n, _ in stage.world.audit.scalings(shop.ns)] == [3, 2], shop.show()
