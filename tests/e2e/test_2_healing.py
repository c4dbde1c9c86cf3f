"""Someone else sets the scale, and policies and incidents are deleted: what stands then."""

from scenes import Plays
from world import FINALIZER, GROUP, VERSION

PLAYS = Plays()
play = PLAYS.play


def begin(stage, scenes, wanted):
    PLAYS.begin(stage, scenes, wanted, "healing")


@play
def foreign_scale(shop):
    """Someone sets the scale after gostat did: theirs stands."""
    shop.leaking_shop()
    shop.leak()
    shop.wait_action("Succeeded")
    shop.scale(6)
    shop.fix()

    def resolved():
        return shop.incident()["status"]["phase"] == "Resolved"

    shop.until(120, "the incident is resolved", resolved)
    shop.wait_let_go()
    assert shop.replicas() == 6, shop.show()
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3], shop.show()
    (action,) = shop.actions()
    assert action["outcome"] == "Succeeded" and action["reason"].startswith("NotUndone: "), shop.show()


@play
def policy_deleted(shop):
    """A policy that goes takes back first what was done under it."""
    shop.leaking_shop()
    shop.leak()
    shop.wait_action("Succeeded")
    assert FINALIZER in shop.finalizers()
    shop.world.custom.delete_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatpolicies", "shop")

    def gone():
        items = shop.world.custom.list_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatpolicies")["items"]
        return not items

    shop.until(30, "the policy is gone", gone)
    assert shop.replicas() == 2, shop.show()
    shop.wait_action("Undone", 20)
    assert [n for n, _ in shop.world.audit.scalings(shop.ns)] == [3, 2], shop.show()


@play
def incident_deleted(shop):
    """The record of an open leak is made again, and with it what was done."""
    shop.leaking_shop()
    shop.leak()
    shop.wait_action("Succeeded")
    shop.wait_grade("Proven")
    before = shop.wait_evidence(4)  # of Probable and of Proven: nothing of it changes any more
    name = before["metadata"]["name"]
    shop.world.custom.delete_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatincidents", name)

    def again():
        i = shop.incident()
        return i if i and i["metadata"]["uid"] != before["metadata"]["uid"] else None

    after = shop.until(30, "the incident is there again", again)
    for field in ("grade", "startTime", "detectionTime", "occurrences", "actions", "evidence"):
        assert after["status"][field] == before["status"][field], field
    assert after["metadata"]["name"] == name
    shop.assert_one_scale_out()
    shop.fix()
    shop.wait_undone()


globals().update(PLAYS.tests("scenes"))
