"""A controller that was not given rbac.pods and rbac.restart: it says so before it changes anything, and goes on once it is.
controller_world.py says what it needs. One world: what is granted stays granted for the tests after it."""

import pytest

from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import ROOT, S3, Controller, Space, Workloads, condition, until

MARK = "RightMissing: gostat may not patch pods in namespace rights: chart value rbac.pods, or kubectl apply -k manifests/actions"
RESTART = (
    "RightMissing: gostat may not patch deployments.apps in namespace rights: "
    "chart value rbac.restart, or kubectl apply -k manifests/actions"
)
# A minute until it looks again, while an answer of the API server is believed for as long; and time to look.
SOON = 90


def action(kind, **more):
    return {"actions": [{"type": kind, **more}], "limits": {"minAvailablePercent": 0}}


POLICIES = {
    "replace": ("Enforce", action("Replace")),
    "dry": ("DryRun", action("Replace")),
    "restart": ("Enforce", action("Restart")),
    "evict": ("Enforce", action("Evict")),
    "both": ("Enforce", {"actions": [{"type": "Replace"}, {"type": "Evict"}]}),
}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as api:
        api.kubectl("apply", "-k", ROOT / "tests/rights")
        api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        api.kubectl("delete", "clusterrolebinding", "gostat-pods", "gostat-restart")
        with S3(tmp_path_factory.mktemp("s3")) as s3, Workloads(api):
            controller = Controller(api, tmp_path_factory.mktemp("controller")).start()
            space = Space(api, s3, "rights", tmp_path_factory.mktemp("rights"))
            space.secret()
            for app, (mode, healing) in POLICIES.items():
                space.leaky(app, space.workload(app, replicas=1 if app == "restart" else 2))
                bound = {"metadata": {"name": f"{app}-0"}, "target": {"kind": "Node", "name": "n1"}}
                space.post(f"/api/v1/namespaces/rights/pods/{app}-0/binding", bound)
                space.policy(app, mode=mode, healing=healing)
            try:
                controller.wait_ready()
                yield space
            finally:
                space.close()
                assert controller.end() == 0


def reviews(space):
    return [e for e in space.api.audit() if e["objectRef"]["resource"] == "selfsubjectaccessreviews"]


def test_what_is_held_is_used(space):
    """Evict needs neither right; and the rights that every user has let it ask which it holds."""
    until(lambda: space.incidents("evict"), lambda: space.writes("pods", "eviction", verb="create"), 90)
    asked = reviews(space)
    assert asked and {e["responseStatus"]["code"] for e in asked} == {201}


def test_refused_before_anything_is_done(space):
    for app, reason in {"replace": MARK, "dry": MARK, "restart": RESTART, "both": MARK}.items():
        i = space.wait_action(app, "Refused", reason, 90)
        assert i["status"]["actions"][-1]["reason"] == reason
        # The policy's status is written after the incident's.
        until(lambda: space.get_policy(app), lambda: condition(space.get_policy(app), "Healing")["reason"] == "RightMissing", 10)
    for app in ("replace", "dry", "restart", "both"):
        assert space.scalings(app) == 0 and not space.writes("deployments", None, app)
        assert not space.get_policy(app)["metadata"].get("finalizers")  # nothing was intended
        # The next action of the list does not take its place.
        assert [a["outcome"] for a in space.incidents(app)[0]["status"]["actions"][-1:]] == ["Refused"]
    forbidden = [e for e in space.api.audit() if e["responseStatus"]["code"] == 403 and e["user"]["username"].endswith(":gostat")]
    assert not forbidden


def test_granted_it_goes_on(space):
    before = len(reviews(space))
    space.api.kubectl("apply", "-k", ROOT / "manifests/actions")
    space.wait_replicas("replace", 3, SOON)
    space.wait_action("dry", "Succeeded", "", SOON)
    until("restarted", lambda: space.writes("deployments", None, "restart"), SOON)
    assert len(reviews(space)) - before <= 12  # three rights, believed for a minute
