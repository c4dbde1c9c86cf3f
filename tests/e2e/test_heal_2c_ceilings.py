"""The operator's ceilings on what is done: --max-namespace-actions, over all policies of a namespace, whatever they say."""

import time

from scenes import Plays
from test_heal_1_actions import EVICT

PLAYS = Plays()
play = PLAYS.play


def begin(stage, scenes, wanted):
    PLAYS.begin(stage, scenes, wanted, "heal-ceilings", flags=("--max-namespace-actions", "1"))


@play
def refuses_namespace_budget(shop):
    """One action in the hour, though the policy allows 60; a restart of the controller brings no more."""
    limits = {"cooldownSeconds": 1, "maxActionsPerHour": 60, "minAvailablePercent": 0}
    spec = {"healing": {"actions": [EVICT], "limits": limits}}
    shop.leaking_shop(replicas=2, spec=spec)
    shop.leak(shop.pods()[:1])
    shop.wait_action("Succeeded", 120)
    shop.until(90, "resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")
    shop.until(30, "two pods", lambda: shop.ready(2))
    done = shop.world.audit.effects(shop.ns)
    assert len(done) == 1, shop.show()
    shop.leak(shop.pods()[:1])
    shop.wait_refused("NamespaceBudget", 120)
    controller = shop.controllers[0]
    controller.kill()
    shop.until(30, "another controller", lambda: controller.exits and controller.get("/readyz")[0] == 200)
    time.sleep(15)
    assert shop.world.audit.effects(shop.ns) == done, shop.show()


globals().update(PLAYS.tests("heal_refusals"))
