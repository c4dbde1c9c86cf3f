"""gostat controller as a process: its flags, killed and started again, an API server that goes away, credentials that
change, what it may see, and what it deletes. controller_world.py says what it needs."""

import datetime
import subprocess
import time

import pytest

from apiserver import ApiServer, free_port
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import GOSTAT, ROOT, S3, Controller, Space, Workloads, condition, until

USAGE = [  # arguments, in the one line on stderr
    (["--nonsense"], "nonsense"),
    (["--lease-name"], "lease-name"),
    (["shop"], "unexpected argument shop"),
    (["--namespace", ""], "--namespace: must not be empty"),
    (["--namespace", "No_Such"], "--namespace: must be a namespace's name"),
    (["--leader-elect=maybe"], '--leader-elect: must be true or false, got "maybe"'),
    (["--lease-duration", "15x"], '--lease-duration: must be 1 s..3600 s written as 30s, 5m, 2h or 30d, got "15x"'),
    (["--lease-duration", "0s"], "--lease-duration: must be"),
    (["--retry-period", "1ms"], "--retry-period: must be 0.1 s..3600 s"),
    (["--renew-deadline", "20s"], "renew"),
    (["--retry-period", "9s"], "retry"),
    (["--incident-retention", "59s"], "--incident-retention: must be 60 s..315360000 s"),
    (["--incident-retention", "3651d"], "--incident-retention: must be"),
    (["--incident-retention", "99999999999999999999d"], "--incident-retention: must be"),
    (["--log-format", "xml"], "--log-format: must be text or json, got xml"),
    (["--metrics-address", "nowhere"], "--metrics-address nowhere"),
    (["--health-address", "127.0.0.1:99999"], "--health-address 127.0.0.1:99999"),
    (["--audit-log", "/no/such/directory/log"], "/no/such/directory/log"),
    (["--cluster-name", "x" * 254], "--cluster-name: must have at most 253 bytes"),
    (["--allow-s3", "https://s3.example.com"], '--allow-s3 \\"https://s3.example.com\\": must be a host or host:port'),
    (["--allow-webhook", "*"], '--allow-webhook \\"*\\": must be a host'),
    (["--allow-alertmanager", "10.1"], '--allow-alertmanager \\"10.1\\": must be a host'),
    (["--allow-private", "10.0.0.1"], '--allow-private \\"10.0.0.1\\": must be an address, \'/\' and its length'),
    (["--allow-private", "169.254.0.0/16"], '--allow-private \\"169.254.0.0/16\\": must lie within 10.0.0.0/8'),
    (["--s3-prefix", "{team}"], '--s3-prefix \\"{team}\\": {team} is not known: only {namespace} and {cluster} are'),
    (["--s3-prefix", "{cluster}/x"], '--s3-prefix \\"{cluster}/x\\": {cluster} needs --cluster-name'),
    (["--s3-prefix", "/{namespace}"], '--s3-prefix \\"/{namespace}\\": must be names of letters'),
    (["--max-pods-per-policy", "0"], '--max-pods-per-policy: must be 1..100000, got "0"'),
    (["--min-interval", "301s"], "--min-interval: must be 1 s..300 s"),
    (["--min-interval", "1500ms"], "--min-interval: must be whole seconds"),
    (["--max-profile-seconds", "0s"], "--max-profile-seconds: must be 1 s..600 s"),
    (["--max-profile-bytes", "1"], "--max-profile-bytes: must be 1024..268435456 bytes, written as 33554432 or 32Mi"),
    (["--max-namespace-actions", "few"], '--max-namespace-actions: must be 1..10000, got "few"'),
    (["--kubeconfig", "/no/such/file"], "/no/such/file"),
]
FLAGS = ["--incident-retention", "1m", "--namespace", "seen", "--namespace", "seen"]
SHORT_LEASE = ["--lease-duration", "6s", "--renew-deadline", "5s", "--retry-period", "1s"]
LONG_LEASE = ["--lease-duration", "60s", "--renew-deadline", "40s", "--retry-period", "1s"]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "tests/rights")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


@pytest.mark.parametrize("args, message", USAGE, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_usage_errors(api, args, message):
    """Exit code 2 and one line that names the flag, before anything is done."""
    default = ["--kubeconfig", api.user_kubeconfig, "--metrics-address", "", "--health-address", ""]
    done = subprocess.run([GOSTAT, "controller", *default, *args], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2, done
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and message in done.stderr


def test_help(api):
    done = subprocess.run([GOSTAT, "controller", "--help"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    for flag in ("--kubeconfig", "--namespace", "--leader-elect", "--incident-retention", "--audit-log", "--cluster-name"):
        assert flag in done.stdout


@pytest.fixture(scope="module")
def world(api, tmp_path_factory):
    """Two namespaces, in each a leaking Deployment under a policy; the controller watches the first one only."""
    with S3(tmp_path_factory.mktemp("s3")) as s3:
        spaces = []
        controller = Controller(api, tmp_path_factory.mktemp("controller"), *FLAGS, *SHORT_LEASE)
        try:
            for name in ("seen", "unseen"):
                space = Space(api, s3, name, tmp_path_factory.mktemp(name))
                spaces.append(space)
                space.secret()
                out = {"type": "ScaleOut", "scaleOut": {"maxReplicas": 5}}
                for app in ("shop", "brief"):
                    space.program = space.leaky(app, space.workload(app, replicas=2))
                    actions = [out, {"type": "Restart"}]
                    space.policy(app, healing={"limits": {"cooldownSeconds": 300}, "actions": actions})
            controller.start().wait_ready()
            with Workloads(api):
                yield api, controller, *spaces
        finally:
            for space in spaces:
                space.close()
            if controller.process:
                controller.process.kill()
                controller.process.wait()


def test_pods_that_go(world):
    """The pods of "brief" go: test_resolved_incidents_expire sees what comes of it, over the restarts between."""
    _, _, seen, _ = world
    seen.wait_replicas("brief", 3)
    seen.wait_incident("brief", lambda i: i["status"]["phase"] != "Resolved", "open")
    seen.delete_pod("brief-0")


def test_killed_after_the_scale_patch(world):
    """kill -9 as soon as the scale is patched, before or after the outcome is recorded: started again it acts no second
    time, knows what it did, and waits until that is judged before it does the next thing."""
    _, controller, seen, _ = world
    seen.wait_replicas("shop", 3)
    controller.end(9)
    controller.start().wait_ready()
    i = seen.wait_action("shop", "Refused", "Holding", 30)
    assert [a["outcome"] for a in i["status"]["actions"] if a["outcome"] != "Refused"] == ["Succeeded"]
    history = seen.get_policy("shop")["status"]["healing"]["workloads"]
    mine = next(h for h in history if h["name"] == "shop")
    assert (len(mine["actionTimes"]), mine["addedReplicas"], mine.get("pending")) == (1, 1, None)
    assert "gostat.dev/undo" in seen.get_policy("shop")["metadata"]["finalizers"]
    assert seen.replicas("shop") == 3 and seen.scalings("shop") == 1
    assert len(seen.incidents("shop")) == 1 and i["status"]["occurrences"] == 1


def test_restart_rewrites_no_status(world):
    """What an earlier controller wrote about a policy stands: a restart turns no condition back and forth."""
    _, controller, seen, _ = world
    before = {c["type"]: c["lastTransitionTime"] for c in seen.get_policy("shop")["status"]["conditions"]}
    assert controller.end() == 0, controller.log[-3000:]
    controller.start().wait_ready()
    time.sleep(5)
    policy = seen.get_policy("shop")
    assert condition(policy, "Ready")["lastTransitionTime"] == before["Ready"]
    assert condition(policy, "Leaking")["lastTransitionTime"] == before["Leaking"]


def test_other_namespaces_are_not_seen(world):
    _, _, seen, unseen = world
    assert seen.incidents() and not unseen.incidents()
    assert "status" not in unseen.get_policy("shop") and unseen.replicas("shop") == 2
    touched = [e for e in seen.api.audit() if e["objectRef"].get("namespace") == "unseen"]
    assert touched and not any("gostat" in e["user"]["username"] for e in touched)


def test_a_new_token_after_401(world):
    """The ServiceAccount is made anew, so the token in use is void: after a 401 the file is read again."""
    api, controller, seen, _ = world
    assert controller.end() == 0, controller.log[-3000:]
    controller.start().wait_ready()  # the token was read just now: only a 401 makes it read the file again so soon
    path = "/api/v1/namespaces/gostat-system/serviceaccounts/gostat"
    assert api.request("DELETE", path)[0] == 200
    controller.token_file.write_text(api.service_account_token("gostat-system", "gostat"))
    until(
        "a 401 is counted",
        lambda: 'code="401"' in controller.get(controller.metrics_address, "/metrics")[1],
        40,
    )
    seen.patch(seen.policy_path("shop"), {"spec": {"suspend": True}})
    seen.wait_condition("shop", "Collecting", "False", "Suspended", 15)
    assert controller.process.poll() is None


def test_api_server_away_for_a_moment(world):
    """Shorter than that: the same process goes on, its watches too."""
    api, controller, seen, _ = world
    assert controller.end() == 0, controller.log[-3000:]
    controller.flags = [*FLAGS, *LONG_LEASE]
    controller.start().wait_ready()
    api.restart()
    seen.patch(seen.policy_path("shop"), {"spec": {"suspend": False}})
    seen.wait_condition("shop", "Collecting", "True", "Sampling", 40)
    assert controller.process.poll() is None


def test_resolved_incidents_expire(world):
    """No pod shows it any more: resolved, taken back, and a minute later deleted."""
    _, _, seen, _ = world
    seen.wait_replicas("brief", 2, 60)
    resolved = seen.incidents("brief")
    assert [i["status"]["phase"] for i in resolved] == ["Resolved"]
    until("it is deleted", lambda: not seen.incidents("brief"), 80)
    at = datetime.datetime.strptime(resolved[0]["status"]["resolutionTime"], "%Y-%m-%dT%H:%M:%SZ")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert 59 <= (now - at).total_seconds() < 70
    assert seen.incidents("shop") and seen.scalings("brief") == 2


def test_api_server_restarts(world):
    """The API server is away for longer than the Lease lasts: the leader stops with 1, and its successor goes on."""
    api, controller, seen, _ = world
    assert controller.end() == 0, controller.log[-3000:]
    controller.flags = [*FLAGS, *SHORT_LEASE]
    controller.start().wait_ready()
    api.restart(down_seconds=6)
    assert controller.process.wait(20) == 1
    assert "lost the lease" in controller.log
    controller.start().wait_ready()
    seen.patch(seen.policy_path("shop"), {"spec": {"suspend": True}})
    seen.wait_condition("shop", "Collecting", "False", "Suspended", 15)
    assert seen.scalings("shop") == 1 and len(seen.incidents("shop")) == 1


def test_a_second_one_stands_by(world, tmp_path):
    api, controller, _, _ = world
    second = Controller(api, tmp_path, *FLAGS, *SHORT_LEASE).start()
    try:
        second.wait_ready()
        name = 'leader_election_master_status{name="gostat"} '
        assert name + "0" in second.get(second.metrics_address, "/metrics")[1]
        assert controller.end() == 0, controller.log[-3000:]
        until("it takes over", lambda: name + "1" in second.get(second.metrics_address, "/metrics")[1], 5)
        assert second.end() == 0, second.log[-3000:]
    finally:
        second.process.kill()
