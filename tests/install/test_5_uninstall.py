"""What an uninstallation undoes and leaves; then an installation that may see one namespace only."""

import time

from release import NAMESPACE
from world import FINALIZER, until

KEPT = ["CustomResourceDefinition//gostatincidents.gostat.dev", "CustomResourceDefinition//gostatpolicies.gostat.dev"]


def test_uninstall(world, release, shop, report):
    """The added replica is taken back before the controller goes; policies, incidents and their kinds stay."""
    s = shop("uninstall")
    s.leaking_shop()
    s.leak()
    s.wait_action("Succeeded")
    assert s.replicas() == 3 and FINALIZER in s.finalizers()
    began = time.monotonic()
    release.uninstall()
    report(f"uninstall with a replica to take back: {time.monotonic() - began:.0f} s")
    assert s.replicas() == 2, s.show()
    assert FINALIZER not in s.finalizers(), s.show()
    assert s.incident()["status"]["actions"][0]["outcome"] == "Undone", s.show()
    stored = sorted(world.s3_files.glob(f"**/{s.ns}/audit/shop/*.jsonl"))
    assert '"decision":"Undo"' in stored[-1].read_text().splitlines()[-1]
    until(60, "nothing but the CRDs is left", lambda: release.leftovers() == KEPT, lambda: str(release.leftovers()))
    assert s.get_policy()["spec"]["mode"] == "Enforce"
    left = world.leases.list_namespaced_lease(NAMESPACE).items
    assert [x.metadata.name for x in left] == []


def test_namespaced(world, release, shop):
    """Roles in the listed namespaces and no ClusterRole: there it heals, elsewhere it sees nothing and asks for nothing."""
    mine, other = shop("listed"), shop("unlisted")
    since = time.time()
    release.put("install", values={"rbac": {"namespaces": [mine.ns]}, "metrics": {"secure": False}})
    roles = [x for x in release.leftovers() if x.startswith("ClusterRole")]
    assert roles == []
    for s in (mine, other):
        s.deployment(LEAK="channel", RATE=4, LEAK_AFTER=1)
        s.secret()
        s.policy()
    mine.wait_action("Succeeded", 120)
    mine.assert_one_scale_out()
    entries = [e for e in world.audit.entries() if e.begin >= since]
    assert [e for e in entries if e.forbidden] == []
    assert {e.namespace for e in entries} <= {mine.ns, NAMESPACE, ""}
    assert {e.resource for e in entries if not e.namespace} <= {"selfsubjectaccessreviews", ""}  # "": what kinds there are
    assert "status" not in other.get_policy() and other.incidents() == []
    mine.fix()
    mine.wait_undone()
    release.uninstall()
