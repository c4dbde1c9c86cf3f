"""The same actions on the other kinds, so that no right is granted that no test needs."""

import time

from scenes import Plays
from shop import NEVER
from test_heal_1_actions import RESTART, healing, scale_out, uids
from world import GROUP, VERSION

PLAYS = Plays()
play = PLAYS.play


def begin(stage, scenes, wanted):
    PLAYS.begin(stage, scenes, wanted, "heal-kinds", flags=("--incident-retention", "2m"))


@play
def scale_out_stateful(shop):
    """A StatefulSet gets a replica more, and loses it when the leak is over."""
    shop.leaking_shop(replicas=1, kind="StatefulSet", spec=healing(scale_out(hold=600)))
    shop.leak()
    shop.wait_action("Succeeded", 120)
    assert shop.world.apps.read_namespaced_stateful_set("payments", shop.ns).spec.replicas == 2, shop.show()
    fixed = [{"name": "main", "env": [{"name": "LEAK", "value": "off"}]}]
    body = {"spec": {"template": {"spec": {"containers": fixed}}}}
    shop.world.apps.patch_namespaced_stateful_set("payments", shop.ns, body)
    shop.wait_action("Undone", 150)
    assert shop.world.apps.read_namespaced_stateful_set("payments", shop.ns).spec.replicas == 1, shop.show()


@play
def scale_out_replicaset(shop):
    """A ReplicaSet that no Deployment owns is scaled itself."""
    shop.deployment(replicas=0, LEAK="channel", RATE=4, LEAK_AFTER=NEVER)
    of = shop.world.apps.read_namespaced_deployment("payments", shop.ns).spec
    shop.world.apps.delete_namespaced_deployment("payments", shop.ns)
    body = {"metadata": {"name": "payments"}, "spec": {"replicas": 2, "selector": of.selector, "template": of.template}}
    shop.world.apps.create_namespaced_replica_set(shop.ns, body)
    shop.until(60, "the pods are ready", lambda: len([p for p in shop.pods() if shop.is_ready(p)]) == 2)
    shop.secret()
    shop.policy(spec=healing(scale_out(hold=600)))
    shop.wait_collecting()
    shop.leak()
    shop.wait_action("Succeeded", 120)
    assert shop.world.apps.read_namespaced_replica_set("payments", shop.ns).spec.replicas == 3, shop.show()
    assert shop.incident()["spec"]["workloadRef"]["kind"] == "ReplicaSet", shop.show()


def restart(shop, kind):
    shop.leaking_shop(replicas=1, kind=kind, spec=healing(RESTART))
    before = shop.pods()
    shop.leak()
    shop.wait_action("Succeeded", 120)
    shop.until(60, "a new pod", lambda: shop.pods() and not uids(before) & uids(shop.pods()))


@play
def restart_stateful(shop):
    restart(shop, "StatefulSet")


@play
def restart_daemon(shop):
    restart(shop, "DaemonSet")


@play
def returns(shop):
    """A leak that is back is the same incident; what is told a second time is counted at the first Event."""
    shop.leaking_shop(mode="Observe")
    for k in (1, 2):
        shop.leak()
        shop.until(90, "it is open", lambda: shop.incident() and shop.incident()["status"]["phase"] == "Open")
        assert shop.incident()["status"]["occurrences"] == k, shop.show()
        shop.world.core.delete_collection_namespaced_pod(shop.ns, label_selector="app=payments")
        shop.until(120, "it is resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")
        shop.until(60, "the pods are ready", lambda: shop.ready(2))
    shop.until(90, "LeakResolved two times", lambda: shop.events(shop.incident()).count("LeakResolved") == 2)
    patched = [e for e in shop.world.audit.entries(shop.ns) if e.resource == "events" and e.verb == "patch"]
    assert patched, shop.show()


@play
def forgotten_incident(shop):
    """A resolved incident goes after --incident-retention, here two minutes, and not before."""
    shop.leaking_shop()
    shop.leak()
    shop.wait_incident()
    shop.fix()
    shop.until(150, "the incident is resolved", lambda: shop.incident()["status"]["phase"] == "Resolved")
    since = time.monotonic()

    def gone():
        return not shop.world.custom.list_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatincidents")["items"]

    shop.until(180, "the incident is deleted", gone)
    assert time.monotonic() - since > 100


globals().update(PLAYS.tests("heal_actions"))
