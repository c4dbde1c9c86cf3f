"""gostat top and snapshot, as a person calls them: real pods, asked through the real API server's pod proxy."""

import hashlib
import json
import os
import pathlib
import subprocess

import kubernetes
import pytest
from shop import NEVER
from world import GROUP, VERSION

READER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "reader"},
    "rules": [
        {"apiGroups": ["gostat.dev"], "resources": ["gostatpolicies", "gostatincidents"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    ],
}


@pytest.fixture(scope="module")
def shop(stage):
    """Two pods of payments, one of which leaks 200 goroutines a second, and pods that cannot be asked."""
    s = stage.shop("kubectl")
    s.deployment(LEAK="channel", RATE=200, LEAK_AFTER=NEVER)
    s.deployment("web", program="lively", replicas=1)
    s.deployment("odd", program="lively", replicas=1)
    s.secret()
    s.policy("payments", mode="Observe")
    of_web = {"selector": {"matchLabels": {"app": "web"}}, "endpoint": {"pprof": {"port": 6060}}, "healing": None}
    s.world.custom.create_namespaced_custom_object(GROUP, VERSION, s.ns, "gostatpolicies", policy("web", of_web))
    of_odd = {"selector": {"matchLabels": {"app": "odd"}}, "endpoint": {"pprof": {"port": 6061}}}
    s.world.custom.create_namespaced_custom_object(GROUP, VERSION, s.ns, "gostatpolicies", policy("odd", of_odd))
    for name in ("payments", "web", "odd"):
        s.until(60, f"the pods of {name} are ready", lambda name=name: s.ready(s.replicas(name), name))
    s.leak(s.pods()[:1])
    return s


def policy(name, spec):
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "GostatPolicy", "metadata": {"name": name}, "spec": spec}


def gostat(shop, *args, kubeconfig=None, cwd=None):
    env = {**os.environ, "KUBECONFIG": str(kubeconfig or os.environ["KUBECONFIG"])}
    return subprocess.run([shop.world.binary, *args], capture_output=True, text=True, timeout=120, env=env, cwd=cwd, check=False)


def test_top(shop):
    leaking, calm = (p.metadata.name for p in shop.pods())
    web, odd = shop.pods("web")[0].metadata.name, shop.pods("odd")[0].metadata.name
    done = gostat(shop, "top", "-n", shop.ns, "--for", "3s", "-o", "json")
    assert done.returncode == 0, done.stderr
    top = json.loads(done.stdout)
    assert (top["schema"], top["seconds"]) == ("gostat.dev/top/v1", 3)
    rows = {p["name"]: p for p in top["pods"]}
    assert set(rows) == {leaking, calm, web, odd}
    assert top["pods"][0]["name"] == leaking and top["pods"][-1]["name"] == odd
    assert 6000 < rows[leaking]["growthPerMinute"] < 18000  # 200 a second, on a machine that has other things to do
    assert rows[leaking]["goroutines"] > rows[calm]["goroutines"] > 0
    assert abs(rows[calm]["growthPerMinute"]) < 1000
    assert rows[leaking]["workload"] == {"kind": "Deployment", "name": "payments"}
    assert (rows[web]["policy"], rows[web]["error"]) == ("web", None) and rows[web]["goroutines"] > 0
    assert rows[odd]["goroutines"] is None and "refused" in rows[odd]["error"]


def test_top_for_people(shop):
    done = gostat(shop, "top", "payments", "-n", shop.ns, "--for", "1s")
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head == ["POD", "WORKLOAD", "POLICY", "GOROUTINES", "GROWTH", "STATE"]
    assert [r[1:3] for r in rows] == [["Deployment/payments", "payments"]] * 2
    assert rows[0][4].startswith("+") and rows[0][4].endswith("/min")
    done = gostat(shop, "top", "-A", "--for", "1s")
    assert done.stdout.split()[0] == "NAMESPACE" and shop.ns in done.stdout


def test_top_names_the_incident(shop):
    leaking = shop.pods()[0].metadata.name
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payments", "uid": "u1"}
    made = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "GostatIncident",
        "metadata": {"name": "payments-3fa94c07be", "labels": {"gostat.dev/pattern": "p3fa94c07be"}},
        "spec": {"type": "GoroutineLeak", "workloadRef": ref},
    }
    status = {"phase": "Open", "grade": "Probable", "severity": "High"}
    status["pods"] = [{"name": leaking, "goroutines": 500, "leaking": 400}]
    incidents = shop.world.custom
    incidents.create_namespaced_custom_object(GROUP, VERSION, shop.ns, "gostatincidents", made)
    incidents.patch_namespaced_custom_object_status(
        GROUP, VERSION, shop.ns, "gostatincidents", "payments-3fa94c07be", {"status": status}
    )
    done = gostat(shop, "top", "payments", "-n", shop.ns, "--for", "1s")
    lines = {line.split()[0]: line.split()[5:] for line in done.stdout.splitlines()}
    assert lines.pop(leaking) == ["Probable", "payments-3fa94c07be"]
    assert [states for name, states in lines.items() if name != "POD"] == [["-"]]


def test_snapshot(shop, tmp_path):
    """What is stored is what was told, and what gostat analyze and go tool pprof read."""
    pod = shop.pods()[0].metadata.name
    done = gostat(shop, "snapshot", pod, "-n", shop.ns, "--dir", "ev", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = sorted(f for f in tmp_path.rglob("*") if f.is_file())
    packed = [f for f in files if f.suffix == ".gz"]
    assert {f.parent for f in files} == {tmp_path / "ev" / shop.ns / "payments" / "snapshot"}
    for f in packed:
        description = json.loads(f.with_name(f.name.replace(".pb.gz", ".json")).read_text())
        digest = hashlib.sha256(f.read_bytes()).hexdigest()
        assert (description["schema"], description["pod"], description["sha256"]) == ("gostat.dev/snapshot/v1", pod, digest)
        assert digest in done.stdout and f.name in done.stdout
        assert description["goroutines"] > 0
    goroutines = next(f for f in packed if f.name.endswith("-goroutine.pb.gz"))
    analyzed = gostat(shop, "analyze", goroutines)
    assert analyzed.stdout.replace(f"{tmp_path}/", "") in done.stdout
    assert "main.(*orders).publish" in done.stdout


def test_snapshot_of_all_kinds(shop, tmp_path):
    pod = shop.pods("web")[0].metadata.name
    args = ["--profiles", "goroutine,Heap,CPU,Trace", "--seconds", "1", "-o", "json"]
    done = gostat(shop, "snapshot", pod, "-n", shop.ns, *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    taken = json.loads(done.stdout)
    assert [f["kind"] for f in taken["files"]] == ["Goroutine", "Heap", "CPU", "Trace"]
    for f in taken["files"]:
        data = (tmp_path / f["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (f["bytes"], f["sha256"])
    assert taken["report"]["schema"] == "gostat.dev/report/v1"


def test_snapshot_of_what_cannot_be_asked(shop, tmp_path):
    odd = shop.pods("odd")[0].metadata.name
    done = gostat(shop, "snapshot", odd, "-n", shop.ns, cwd=tmp_path)
    assert done.returncode == 1 and "refused" in done.stdout
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == []
    done = gostat(shop, "snapshot", odd, "-n", shop.ns, "--port", "http", "--profiles", "Goroutine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = gostat(shop, "snapshot", "nobody", "-n", shop.ns, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr == f'gostat snapshot: no pods "nobody" in namespace {shop.ns}\n'


def test_the_right_that_is_missing(shop, tmp_path):
    """Who may read pods but not their proxy is told so, in one line."""
    w = shop.world
    rbac = kubernetes.client.RbacAuthorizationV1Api(w.api)
    rbac.create_namespaced_role(shop.ns, READER)
    w.core.create_namespaced_service_account(shop.ns, {"metadata": {"name": "reader"}})
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": shop.ns}],
    }
    rbac.create_namespaced_role_binding(shop.ns, binding)
    kubeconfig = pathlib.Path(tmp_path) / "reader"
    w.script("serviceaccount-kubeconfig", shop.ns, "reader", str(kubeconfig), "10m")
    pod = shop.pods()[0].metadata.name
    for args in (["top", "-n", shop.ns], ["snapshot", pod, "-n", shop.ns]):
        done = gostat(shop, *args, kubeconfig=kubeconfig, cwd=tmp_path)
        assert done.returncode == 5 and done.stdout == ""
        assert done.stderr.startswith(f"gostat {args[0]}: you may not get pods/proxy in namespace {shop.ns}:")
        assert done.stderr.count("\n") == 1
