"""From the chart of the previous commit to this one, under load, and back: no incident is lost, no action repeated."""

import os
import pathlib
import time

from world import GROUP, VERSION

PREVIOUS = pathlib.Path(os.environ["GOSTAT_PREVIOUS"])  # that commit's tree; its image has the tag "previous"
OLD = {"image": {"tag": "previous"}}
RIGHTS = {"rbac": {"pods": True, "restart": True}}


def test_previous_is_installed(world, release, report):
    release.put("install", PREVIOUS / "charts/gostat", OLD)
    report(f"upgraded from {(PREVIOUS / 'REVISION').read_text().strip()}")
    assert len(release.pods()) == 2


def test_upgrade_under_load(release, shop, report):
    """An open incident, a replica that is held, and samples every 2 s: all of it goes on under the new version."""
    s = shop("upgrade")
    s.leaking_shop()
    s.leak()
    s.wait_action("Succeeded")
    s.wait_grade("Proven")
    before = s.wait_evidence(4)
    began = time.monotonic()
    release.put("upgrade", values=RIGHTS)
    report(f"upgrade: {time.monotonic() - began:.0f} s")
    goes_on(s, before)
    # Back to the version before, with the new CRDs and rights.
    release.put("upgrade", values=RIGHTS | OLD)
    goes_on(s, before)
    release.put("upgrade", values=RIGHTS)
    goes_on(s, before)
    s.fix()
    after = s.wait_undone()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def goes_on(s, before):
    """The same incident, still counted, by the version that runs now. One action, as before."""

    def count():
        return s.incident()["status"]["patterns"][0]["count"]

    seen = count()
    s.until(120, "more goroutines are counted", lambda: count() > seen)
    now = s.incident()
    assert now["metadata"]["uid"] == before["metadata"]["uid"], s.show()
    assert now["status"]["startTime"] == before["status"]["startTime"], s.show()
    for piece in before["status"]["evidence"]:
        assert piece in now["status"]["evidence"], s.show()
    s.assert_one_scale_out()


def test_crds_are_this_version(world):
    """Helm upgrades them with the chart: those of crds/ would stay as they were."""
    ours = (pathlib.Path(__file__).resolve().parents[2] / "crds" / "gostat.dev_gostatpolicies.yaml").read_text()
    there = world.custom.get_cluster_custom_object(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", f"gostatpolicies.{GROUP}"
    )
    properties = there["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert VERSION in ours
    assert set(properties) >= {"selector", "endpoint", "sampling", "detection", "snapshot", "healing", "notify"}
    for field in properties["endpoint"]["properties"]:
        assert f"{field}:" in ours, field
