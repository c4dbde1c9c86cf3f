"""The controller killed with -9 between any two steps of an action, and an S3 that fails: exactly one effect, evidence first,
no mark, no upload and no gap in the audit log left behind."""

import threading
import time

import pytest
from controller import SHORT_LEASE
from s3proxy import S3Proxy
from test_heal_1_actions import EVICT, REPLACE, RESTART, Availability, healing, marks, scale_out, uids

REPLACE_MOMENTS = ("action", "intent", "surge", "surged", "marking", "marked", "removing", "removed", "outcome")
KILLS = (
    [("Replace", m) for m in REPLACE_MOMENTS]
    + [("Evict", m) for m in ("intent", "evicted", "outcome")]
    + [("Restart", m) for m in ("intent", "restarted")]
)
SPECS = {"Replace": REPLACE, "Evict": EVICT, "Restart": RESTART}
STORE = ("upload", "multipart", "refusing")


def name_of(action, moment):
    return f"test_heal_killed[{action}-{moment}]"


def begin(stage, scenes, wanted):
    for action, moment in KILLS:
        if name_of(action, moment) in wanted:
            shop = stage.shop(f"{action}-{moment}".lower())
            log = stage.world.dir / f"{shop.ns}.audit"
            controller = stage.controller(shop.ns, [shop], flags=(*SHORT_LEASE, "--audit-log", str(log)))
            scenes.begin(name_of(action, moment), play_kill, stage, shop, controller, action, moment, log)
    for what in STORE:
        if f"test_store[{what}]" in wanted:
            shop = stage.shop(f"store-{what}")
            log = stage.world.dir / f"{shop.ns}.audit"
            controller = stage.controller(f"store-{what}", [shop], flags=(*SHORT_LEASE, "--audit-log", str(log)))
            play = {"upload": play_upload, "multipart": play_multipart, "refusing": play_refusing}[what]
            scenes.begin(f"test_store[{what}]", play, stage, shop, controller, log)


@pytest.mark.parametrize("action, moment", [pytest.param(*k, id="-".join(k)) for k in KILLS])
def test_heal_killed(action, moment, heal_kills):
    heal_kills.result(name_of(action, moment))


@pytest.mark.parametrize("what", STORE)
def test_store(what, heal_kills):
    heal_kills.result(f"test_store[{what}]")


class Trap:
    """Stops the controller once, on the request that ends the step."""

    def __init__(self, shop, moment, spring):
        self.sprung = threading.Event()
        self._moment = moment
        self._spring = spring
        self._seen = []
        self._begun = False
        shop.world.audit.listen(shop.ns, self._on_request)

    def _on_request(self, e):
        if self.sprung.is_set() or e.verb in ("get", "list", "watch") or e.code >= 300:
            return
        self._seen.append(e.resource)
        if self._reached(e):
            self._spring()
            self.sprung.set()

    def _reached(self, e):
        if e.resource == "gostatincidents/status":
            return self._moment == "action" and bool(e.status().get("actions"))
        if e.resource == "gostatpolicies/status" and "healing" in e.status():
            p = e.pending()
            self._begun = self._begun or bool(p)
            step = p.get("step")
            return {
                "intent": step == "Intended",
                "surged": step == "Surged",
                "marking": step == "Marking",
                "removing": step == "Removing",
                "outcome": self._begun and not p,
            }.get(self._moment, False)
        return {
            "surge": e.resource == "deployments/scale",
            "marked": e.resource == "pods",
            "removed": self._seen.count("deployments/scale") == 2,
            "evicted": e.resource == "pods/eviction",
            "restarted": e.resource == "deployments",
        }.get(self._moment, False)


def play_kill(stage, shop, controller, action, moment, log):
    shop.leaking_shop(replicas=2, spec=healing(SPECS[action]))
    before = shop.pods()
    watched = Availability(shop)
    trap = Trap(shop, moment, controller.pause)
    shop.leak(None if action == "Restart" else before[:1])
    shop.until(120, f"the step {moment}", trap.sprung.is_set, every=0.02)
    controller.kill()
    since = time.time()
    shop.until(20, "the controller was started again", lambda: -9 in controller.exits and controller.alive())
    shop.wait_action("Succeeded", 150)
    stage.report(f"{action} killed after {moment}: Succeeded {time.time() - since:.1f} s later")
    time.sleep(8)  # long enough for a second effect
    watched.stop()
    effects = [w for _, w, _ in shop.world.audit.effects(shop.ns)]
    if action == "Replace":
        assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3, 2], shop.show()
        assert watched.fewest == 2, f"only {watched.fewest} were available\n{shop.show()}"
    if action == "Evict":
        assert effects == ["pods/eviction"], effects
    if action == "Restart":
        assert effects == ["deployments"], effects
    else:
        assert uids(before) - uids(shop.pods()) == {before[0].metadata.uid}, shop.show()
    assert len([a for a in shop.actions() if a["outcome"] != "Refused"]) == 1, shop.show()
    assert shop.replicas() == 2 and not marks(shop) and len(shop.incidents()) == 1, shop.show()
    shop.wait_let_go(60)
    stage.world.verify(log)


def first_effect(shop, kind=None):
    """When gostat first touched a workload or a pod, and when the incident said that evidence (of this kind) is stored."""
    entries = shop.world.audit.entries(shop.ns)
    touched = [
        e.begin
        for e in entries
        if e.verb in ("patch", "create", "delete") and e.code < 300 and e.group in ("", "apps", "policy", "autoscaling")
    ]
    stored = [
        e.end
        for e in entries
        if e.resource == "gostatincidents/status" and any(kind in (None, v["kind"]) for v in e.status().get("evidence") or [])
    ]
    return min(touched, default=None), min(stored, default=None)


def with_proxy(shop, proxy, snapshot=None, **env):
    """leaking_shop, its S3 behind the proxy."""
    snapshot = {"s3": {"endpoint": proxy.endpoint}} | (snapshot or {})
    shop.leaking_shop(spec=healing(scale_out(hold=3600, longest=3600)) | {"snapshot": snapshot}, **env)


def uploads(shop):
    """Multipart uploads that were begun and not ended."""
    w = shop.world
    return w.s3.list_multipart_uploads(Bucket=w.bucket, Prefix=f"e2e/{shop.ns}/").get("Uploads", [])


def play_refusing(stage, shop, controller, log):
    """S3 refuses, then is slow, then is back: nothing is touched before the evidence is stored."""
    proxy = S3Proxy("refuse")
    with_proxy(shop, proxy)
    shop.leak()
    shop.wait_grade("Probable")
    time.sleep(15)
    assert first_effect(shop) == (None, None), shop.show()
    proxy.mode = "slow"
    time.sleep(10)
    proxy.mode = "pass"
    shop.wait_action("Succeeded", 120)
    touched, stored = first_effect(shop)
    assert stored < touched, f"stored at {stored}, touched at {touched}\n{shop.show()}"
    stage.report(f"S3 away, slow, back: evidence in the incident {touched - stored:.2f} s before the first PATCH")
    stage.world.verify(log)
    proxy.close()


def play_upload(stage, shop, controller, log):
    """Killed in the middle of an upload in one piece: the next controller stores it, and acts once."""
    proxy = S3Proxy("stall")
    with_proxy(shop, proxy)
    shop.leak()
    shop.wait_grade("Probable")
    time.sleep(3)
    killed_in_upload(stage, shop, controller, proxy, log, "Goroutine")
    assert uploads(shop) == []
    proxy.close()


def killed_in_upload(stage, shop, controller, proxy, log, kind):
    assert first_effect(shop, kind) == (None, None), shop.show()
    controller.kill()
    since = time.time()
    shop.until(20, "the controller was started again", lambda: -9 in controller.exits and controller.alive())
    proxy.mode = "pass"
    shop.wait_action("Succeeded", 150)
    stage.report(f"ScaleOut killed in the upload of {kind}: Succeeded {time.time() - since:.1f} s later")
    touched, stored = first_effect(shop, kind)
    assert stored < touched, shop.show()
    time.sleep(8)  # long enough for a second effect
    shop.assert_one_scale_out()
    stage.world.verify(log)


def play_multipart(stage, shop, controller, log):
    """Killed in the second part of a large trace: the next controller takes one anew, acts once, and aborts the upload that
    nobody goes on with."""
    proxy = S3Proxy(stall_at=6 << 20)
    traced = {"profiles": ["Goroutine", "GoroutineLeak", "Trace"], "traceSeconds": 8}
    with_proxy(shop, proxy, traced, CHAT=60000)
    shop.leak()
    shop.until(120, "a second part is on its way", lambda: proxy.mode == "stall")
    (begun,) = uploads(shop)
    parts = stage.world.s3.list_parts(Bucket=stage.world.bucket, Key=begun["Key"], UploadId=begun["UploadId"])
    assert [p["Size"] for p in parts["Parts"]] == [5 << 20], parts
    since = time.time()
    killed_in_upload(stage, shop, controller, proxy, log, "Trace")
    shop.until(150, "the upload is aborted", lambda: uploads(shop) == [], every=1)
    stage.report(f"the multipart upload of a controller that was killed: aborted {time.time() - since:.0f} s later")
    (trace,) = [v for v in shop.incident()["status"]["evidence"] if v["kind"] == "Trace"]
    assert trace["bytes"] > 5 << 20, shop.show()
    proxy.close()
