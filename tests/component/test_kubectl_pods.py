"""gostat top and snapshot against a real API server, where they cannot go on: each says why in one line, with its exit code.

The API server's proxy refuses loopback addresses, which is all that pods have here: tests/e2e/test_kubectl.py asks pods
that answer. GOSTAT_BIN: the binary. GOSTAT_BIN_DIR: etcd, kube-apiserver and kubectl.
"""

import json
import os
import subprocess

import pytest

from apiserver import ApiServer, bin_dir_from_env
from controller_world import GOSTAT, ROOT, Space

METRICS = {"port": "http"}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture(scope="module")
def bare(api):
    """What top says where the CRDs are missing; asked before they are there."""
    return run(api, "top")


@pytest.fixture(scope="module")
def shop(api, bare, tmp_path_factory):
    """Pods of policies that cannot be asked, each for another reason."""
    api.kubectl("apply", "-k", ROOT / "crds")
    api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    space = Space(api, None, "shop", tmp_path_factory.mktemp("shop"))
    owner = space.workload("far")
    for app in ("far", "unnamed", "token", "basic", "cert", "https"):
        space.pod(app, f"{app}-0", "127.0.0.9", 6060, owner if app == "far" else None)
    path = f"/api/v1/namespaces/{space.name}/pods"
    meta = {"name": "waits-0", "labels": {"app": "waits"}}
    space.post(path, {"metadata": meta, "spec": {"containers": [{"name": "main", "image": "main"}]}})

    def policy(app, **endpoint):
        made = {"selector": {"matchLabels": {"app": app}}, "endpoint": {"pprof": {"port": "http"}, **endpoint}}
        kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy", "metadata": {"name": app}}
        space.post(f"/apis/gostat.dev/v1alpha1/namespaces/{space.name}/gostatpolicies", {**kind, "spec": made})

    policy("far", metrics=METRICS)
    policy("waits")
    policy("unnamed", pprof={"port": "debug"})
    policy("https", scheme="HTTPS")
    policy("token", authorization={"bearerTokenSecretRef": {"name": "s", "key": "token"}})
    policy("basic", authorization={"basicAuthSecretRef": {"name": "s"}})
    policy("cert", scheme="HTTPS", tls={"clientCertSecretRef": {"name": "s"}})
    return space


def run(api, *args, kubeconfig=None, cwd=None):
    env = {**os.environ, "KUBECONFIG": str(kubeconfig or api.admin_kubeconfig)}
    return subprocess.run([GOSTAT, *args], capture_output=True, text=True, timeout=60, env=env, cwd=cwd, check=False)


def test_top_tells_why(api, shop):
    done = run(api, "top", "-n", "shop", "--for", "1s", "-o", "json")
    assert done.returncode == 0, done.stderr
    top = json.loads(done.stdout)
    rows = {p["name"]: p for p in top["pods"]}
    assert rows["far-0"]["workload"] == {"kind": "ReplicaSet", "name": "far-5d4f"}  # which has no pod-template-hash here
    assert all(p["goroutines"] is None and p["growthPerMinute"] is None for p in top["pods"])
    for name, reason in (
        ("far-0", "address not allowed"),
        ("https-0", "address not allowed"),
        ("waits-0", "it does not run"),
        ("unnamed-0", "no container port is named debug"),
        ("token-0", "it wants credentials"),
        ("basic-0", "it wants credentials"),
        ("cert-0", "it wants a client certificate"),
    ):
        assert reason in rows[name]["error"], rows[name]


def test_top_for_people(api, shop):
    done = run(api, "top", "token", "-n", "shop")
    assert done.stdout.splitlines()[0].split() == ["POD", "WORKLOAD", "POLICY", "GOROUTINES", "GROWTH", "STATE"]
    assert done.stdout.splitlines()[1].split()[:5] == ["token-0", "Pod/token-0", "token", "-", "-"]
    assert run(api, "top").stdout == "no policy selects a pod in namespace default\n"


@pytest.mark.parametrize(
    "args, code, says",
    [
        (["top", "nosuch", "-n", "shop"], 1, 'no policy "nosuch" in namespace shop that can be read'),
        (["top", "--for", "0s"], 2, '--for "0s": want 1s to 1h'),
        (["top", "a", "b"], 2, '"b" is one argument too many'),
        (["snapshot", "far-0", "-n", "shop", "--profiles", "Heap,Fat"], 2, "want some of Goroutine"),
        (["snapshot", "far-0", "-n", "shop", "--seconds", "0"], 2, '--seconds "0": want a number, 1 to 600'),
        (["snapshot", "far-0", "-n", "shop", "--port", "65536"], 2, '--port "65536": want 1 to 65535'),
        (["snapshot", "far-0", "-n", "shop", "--path", "x"], 2, "want a path such as /debug/pprof"),
        (["snapshot", "-n", "shop"], 2, "POD is missing"),
        (["snapshot", "nosuch", "-n", "shop"], 1, 'no pods "nosuch" in namespace shop'),
        (["snapshot", "waits-0", "-n", "shop"], 1, "pod waits-0 does not run"),
        (["snapshot", "token-0", "-n", "shop"], 1, "it wants credentials"),
        (["snapshot", "unnamed-0", "-n", "shop"], 1, "no container port named debug"),
        (["snapshot", "far-0", "-n", "shop", "--port", "nosuch"], 2, "no container port named nosuch"),
        (["snapshot", "far-0", "-n", "shop", "--dir", "/proc/x"], 2, "evidence directory /proc/x"),
        (["snapshot", "far-0", "-n", "shop", "--path", "/../x", "--port", "1"], 1, ""),
    ],
)
def test_exit_codes(api, shop, tmp_path, args, code, says):
    done = run(api, *args, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1 if says else 0), done.stderr + done.stdout
    assert says in done.stderr
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == []


def test_snapshot_tells_why(api, shop, tmp_path):
    done = run(api, "snapshot", "far-0", "-n", "shop", "-o", "yaml", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.count("address not allowed") == 2  # Goroutine and GoroutineLeak
    done = run(api, "snapshot", "nobodys-0", "-n", "shop", cwd=tmp_path)
    assert done.returncode == 1


def test_a_pod_that_no_policy_selects(api, shop):
    shop.pod("nobodys", "nobodys-0", "127.0.0.9", 6060)
    done = run(api, "snapshot", "nobodys-0", "-n", "shop")
    assert done.returncode == 2
    assert done.stderr == (
        "gostat snapshot: no policy of namespace shop selects pod nobodys-0: say where pprof is with --port\n"
    )


def test_crds_are_missing(bare):
    assert (bare.returncode, bare.stdout) == (4, "")
    assert "gostat's CRDs are not installed there" in bare.stderr


def test_rights_are_missing(api, shop):
    done = run(api, "top", "-n", "shop", kubeconfig=api.user_kubeconfig)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("gostat top: you may not list gostatpolicies.gostat.dev in namespace shop: ")


def test_credentials_are_refused(api, shop, tmp_path):
    config = json.loads(api.user_kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "wrong"
    wrong = tmp_path / "wrong"
    wrong.write_text(json.dumps(config))
    done = run(api, "top", "-n", "shop", kubeconfig=wrong)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.count("\n") == 1
