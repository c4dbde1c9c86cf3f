"""The operator's ceilings on what is done: --max-namespace-actions, over all policies of a namespace, whatever they say."""

import time

from scenes import Plays
from test_heal_1_actions import EVICT
from world import GROUP, VERSION

PLAYS = Plays()
play = PLAYS.play


def begin(stage, scenes, wanted):
    PLAYS.begin(stage, scenes, wanted, "heal-ceilings", flags=("--max-namespace-actions", "1"))


@play
def refuses_namespace_budget(shop):
    """One action in the hour, though the policy allows 60; a restart brings no more, nor does a new policy, whether the
    old one goes while a controller leads or while none does."""
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
    replace_policy(shop, "shop", "second", spec)  # nobody leads yet: the dead one's lease has not run out
    shop.until(30, "another controller", lambda: controller.exits and controller.get("/readyz")[0] == 200)
    for old, new in (("second", "third"), ("third", None)):
        shop.until(60, "pods are sampled", lambda name=old: shop.condition("Collecting", name).get("status") == "True")
        time.sleep(15)
        if new:
            replace_policy(shop, old, new, spec)
    assert shop.world.audit.effects(shop.ns) == done, shop.show()


def replace_policy(shop, old, new, spec):
    custom = shop.world.custom
    custom.delete_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatpolicies", old)
    left = lambda: custom.list_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatpolicies")["items"]  # noqa: E731
    shop.until(30, "the policy is gone", lambda: not left())
    shop.policy(name=new, spec=spec)


globals().update(PLAYS.tests("heal_refusals"))
