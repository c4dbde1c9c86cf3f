"""What is installed: pods as restricted as can be, a real answer, a service that is healed, a leader that dies."""

import time

import kubernetes
from release import NAMESPACE
from world import until


def test_pods_are_restricted(world, release):
    """The namespace enforces it; a pod that it would only warn about would be there all the same."""
    assert len(release.pods()) == 2
    for p in release.pods():
        (c,) = p.spec.containers
        s = c.security_context
        assert (s.allow_privilege_escalation, s.read_only_root_filesystem, s.capabilities.drop) == (False, True, ["ALL"])
        assert p.spec.security_context.run_as_non_root and p.spec.security_context.seccomp_profile.type == "RuntimeDefault"
        assert c.resources.requests and c.resources.limits["memory"]
        assert not p.spec.host_network and not p.spec.volumes[1:]
    status = world.apps.read_namespaced_deployment(release.name, NAMESPACE).status
    assert status.ready_replicas == 2


def test_helm_test(release):
    """It asks /metrics, with a token where that is wanted, and looks at the answer."""
    out = release.helm("test", release.name, "--logs", "--timeout", "120s").stdout
    assert "Phase:          Succeeded" in out, out


def test_events_and_rights(release, shop):
    """Found, proven, healed, fixed, taken back: with the rights that the chart grants, through the image."""
    s = shop("chart")
    s.leaking_shop()
    s.leak()
    s.wait_action("Succeeded")
    s.assert_one_scale_out()
    s.fix()
    s.wait_undone()
    assert [e for e in s.world.audit.entries() if e.forbidden] == []


def test_leader_killed(release, shop, report):
    """kill -9 of the one that leads, right after it wrote what it is about to do: the other does it, once."""
    s = shop("killed")
    s.leaking_shop()
    killed = []

    def on_request(e):
        if not killed and e.resource == "gostatpolicies/status" and e.pending() and e.code == 200:
            release.kill(leader)
            killed.append(time.time())

    leader = release.leader()
    pid = release.pid(leader)
    identity = release.holder()
    s.world.audit.listen(s.ns, on_request)
    s.leak()
    until(90, "an intent is written, and its author killed", lambda: killed, s.show, every=0.05)
    # Its container starts again at once, and would wait for the Lease as long as the other one; so once more, for now the
    # kubelet waits 10 s.
    until(30, "the container is killed again", lambda: release.kill_next(leader, pid), release.tail, every=0.1)
    until(40, "another one leads", lambda: release.holder() not in ("", identity), release.tail)
    led = time.time() - killed[0]
    s.until(60, "the scale is set", lambda: s.replicas() == 3)
    s.wait_action("Succeeded")
    acted = [at for n, at in s.world.audit.scalings(s.ns) if n == 3]
    report(f"leader killed at its intent: another leads after {led:.1f} s, the action is done after {acted[0] - killed[0]:.1f} s")
    assert led < 20 and acted[0] - killed[0] < 20
    s.assert_one_scale_out()
    assert release.holder().rpartition("_")[0] != leader.metadata.name, "the restarted container came first"
    s.fix()
    s.wait_undone()


def test_team_rights(world, shop):
    """What the role edit of a namespace may: manage its policies, read its incidents, and write no status."""
    s = shop("team")
    reviews = kubernetes.client.AuthorizationV1Api(world.api)
    team = f"system:serviceaccount:{s.ns}:member"
    world.kubectl("-n", s.ns, "create", "serviceaccount", "member")
    world.kubectl("-n", s.ns, "create", "rolebinding", "member", "--clusterrole=edit", f"--serviceaccount={s.ns}:member")

    def may(verb, what, namespace=s.ns):
        review = {
            "spec": {
                "user": team,
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "resourceAttributes": {
                    "namespace": namespace,
                    "verb": verb,
                    "group": "gostat.dev",
                    "resource": what.partition("/")[0],
                    "subresource": what.partition("/")[2],
                },
            },
        }
        return reviews.create_subject_access_review(review).status.allowed

    s.until(30, "the roles are aggregated", lambda: may("create", "gostatpolicies"))
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
        assert may(verb, "gostatpolicies"), verb
    for verb in ("get", "list", "watch"):
        assert may(verb, "gostatincidents"), verb
    for verb in ("create", "update", "patch", "delete"):
        assert not may(verb, "gostatincidents"), verb
        assert not may(verb, "gostatincidents/status"), verb
        assert not may(verb, "gostatpolicies/status"), verb
        assert not may(verb, "gostatpolicies", "default"), verb


def test_metrics_are_guarded(world, release):
    """A scraper without a token is turned away; with the reader's role it gets them."""
    (address,) = {p.status.pod_ip for p in release.pods()[:1]}
    world.kubectl("-n", NAMESPACE, "create", "serviceaccount", "scraper")
    world.kubectl("create", "clusterrolebinding", "scraper", f"--clusterrole={release.name}-metrics-reader",
                  f"--serviceaccount={NAMESPACE}:scraper")  # fmt: skip
    try:
        token = world.kubectl("-n", NAMESPACE, "create", "token", "scraper").strip()
        nobody = world.kubectl("-n", NAMESPACE, "create", "token", "default").strip()
        curl = ("exec", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}")
        url = f"https://{address}:8080/metrics"
        assert world.script(*curl, url) == "401"
        assert world.script(*curl, "-H", f"Authorization: Bearer {nobody}", url) == "403"
        until(30, "the role is known", lambda: world.script(*curl, "-H", f"Authorization: Bearer {token}", url) == "200")
    finally:
        world.kubectl("delete", "clusterrolebinding", "scraper")
        world.kubectl("-n", NAMESPACE, "delete", "serviceaccount", "scraper")


def test_audit_log_is_on_stdout(world, release, shop):
    """Decisions stand among the leader's lines; alone in a file they are a chain that `gostat audit verify` checks."""
    s = shop("audited")
    s.leaking_shop(mode="DryRun")
    s.leak()

    def decisions():
        log = world.core.read_namespaced_pod_log(release.leader().metadata.name, NAMESPACE)
        return [line for line in log.splitlines() if '"previous":"sha256:' in line and s.ns in line]

    s.until(90, "its decision is in the log", decisions)
