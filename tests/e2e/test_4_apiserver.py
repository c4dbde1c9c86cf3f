"""The API server goes away for 20 s while a leak is going on: exactly one ScaleOut, exactly one incident."""

import time

import pytest
from controller import SHORT_LEASE, Controller
from test_3_kills import Trap

OUTAGE = 20


@pytest.mark.parametrize(
    "moment, how",
    [
        pytest.param("suspicion", (), id="stopped-on-suspicion"),
        pytest.param("scale", ("--kill",), id="killed-right-after-the-scale"),
    ],
)
def test_outage(world, stage, alone, moment, how):
    """All namespaces, as a controller without flags watches them."""
    shop = stage.shop("outage")
    with Controller(world, "outage-" + moment, flags=SHORT_LEASE) as controller:
        shop.controllers.append(controller)
        play_outage(stage, shop, controller, moment, how)
        shop.close()


def play_outage(stage, shop, controller, moment, how):
    world = stage.world
    shop.leaking_shop()
    trap = Trap(shop, "scale", lambda: None)
    shop.leak()
    if moment == "scale":
        shop.until(90, "the scale is patched", trap.sprung.is_set, every=0.005)
    else:
        time.sleep(8)
        assert not trap.sprung.is_set(), "the leak was healed before the outage could begin"
    since = time.time()
    world.script("apiserver", "stop", *how)
    try:
        time.sleep(OUTAGE)
        health = controller.get("/healthz")
    finally:
        world.script("apiserver", "start")
        world.outages.append((since, time.time() + 5))
    away = time.time() - since
    shop.wait_action("Succeeded", 120)
    stage.report(
        f"API server away for {away:.0f} s ({moment}): Succeeded {time.time() - since - away:.1f} s after its return;"
        f" /healthz then {health[0]}, controller's exits {controller.exits}"
    )
    time.sleep(10)
    shop.assert_one_scale_out()
    assert len(shop.incidents()) == 1 and shop.replicas() == 3, shop.show()
    shop.until(20, "ready again", lambda: controller.get("/readyz")[0] == 200)
    shop.fix()
    shop.wait_undone()
    assert [n for n, _ in world.audit.scalings(shop.ns)] == [3, 2], shop.show()
