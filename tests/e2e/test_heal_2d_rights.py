"""A controller that the chart gave neither rbac.pods nor rbac.restart."""

from scenes import Plays
from test_heal_1_actions import REPLACE, RESTART, healing

PLAYS = Plays()
play = PLAYS.play
ACCOUNT = "gostat-lesser"


def begin(stage, scenes, wanted):
    if not PLAYS.any_of(wanted):
        return
    w = stage.world
    kubeconfig = w.dir / "lesser.kubeconfig"
    w.kubectl("-n", "gostat-system", "create", "serviceaccount", ACCOUNT)
    subject = f"--serviceaccount=gostat-system:{ACCOUNT}"
    w.kubectl("create", "clusterrolebinding", ACCOUNT, "--clusterrole=gostat", subject)
    w.kubectl("-n", "gostat-system", "create", "rolebinding", ACCOUNT, "--role=gostat-any-lease", subject)
    w.script("serviceaccount-kubeconfig", "gostat-system", ACCOUNT, str(kubeconfig))
    PLAYS.begin(stage, scenes, wanted, "heal-rights", kubeconfig=kubeconfig)


def refused(shop, action, what, value):
    """Refused before anything is touched, in words that name the right and what gives it."""
    shop.leaking_shop(replicas=2, spec=healing(action))
    before = shop.replicas()
    shop.leak()
    i = shop.wait_refused("RightMissing", 120)
    (message,) = {a["reason"] for a in i["status"]["actions"] if a["outcome"] == "Refused"}
    assert f"patch {what} in namespace {shop.ns}" in message and value in message, message
    user = f"system:serviceaccount:gostat-system:{ACCOUNT}"
    assert shop.world.audit.effects(shop.ns, user) == [], shop.show()
    assert shop.replicas() == before and not [e for e in shop.world.audit.entries(shop.ns, user) if e.forbidden]


@play
def refuses_replace_without_right(shop):
    refused(shop, REPLACE, "pods", "rbac.pods")


@play
def refuses_restart_without_right(shop):
    refused(shop, RESTART, "deployments.apps", "rbac.restart")


globals().update(PLAYS.tests("heal_refusals"))
