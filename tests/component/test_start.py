"""What gostat controller finds before it begins: one line that says what to do and an exit code of its own, or patience. And
exec plugins, which are had from the user's own kubeconfig. controller_world.py says what it needs."""

import base64
import json
import os
import subprocess
import time

import pytest

from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import GOSTAT, ROOT, Controller, until

NOWHERE = ["--metrics-address", "", "--health-address", ""]
LEASE = "/apis/coordination.k8s.io/v1/namespaces/gostat-system/leases/gostat"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as server:
        server.service_account_token("gostat-system", "gostat")
        yield server


@pytest.fixture(scope="module")
def installed(api):
    """The same, with CRDs and rights. Tests without come before."""
    api.kubectl("apply", "-k", ROOT / "tests/rights")
    api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    return api


def run(kubeconfig, *flags, command="controller", env=None):
    more = NOWHERE if command == "controller" else ["--timeout", "20s"]
    args = ["--kubeconfig", kubeconfig] if kubeconfig else []
    full = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=1:exitcode=99", **(env or {})}
    return subprocess.run([GOSTAT, command, *args, *more, *flags], capture_output=True, text=True, timeout=30, env=full)


def with_user(api, path, user, **more):
    """A kubeconfig of the API server with this user."""
    config = json.loads(api.user_kubeconfig.read_text()) | more
    config["users"][0]["user"] = user
    path.write_text(json.dumps(config))
    return path


def last_line(done):
    lines = done.stderr.splitlines()
    assert sum(" error " in line for line in lines) == 1 and len(lines) <= 2, done.stderr
    return lines[-1]


# ---- exit codes ----


def test_no_crds(api, tmp_path):
    admin = api.admin_kubeconfig
    done = run(admin)
    assert done.returncode == 4 and "kubectl apply -k crds/" in last_line(done) and "crds.enabled" in done.stderr
    done = run(admin, command="undo")
    assert done.returncode == 0 and "nothing to undo" in done.stderr


RIGHTS = [
    ([], "a right is missing: get leases.coordination.k8s.io in namespace gostat-system", "gostat-leader-election of manifests/rights"),
    (["--leader-elect=false"], "a right is missing: list gostatpolicies.gostat.dev in all namespaces", "rbac.create"),
    (["--leader-elect=false", "--namespace", "shop"], "list gostatpolicies.gostat.dev in namespace shop", "rbac.namespaces"),
]


@pytest.mark.parametrize("flags, what, how", RIGHTS, ids=["lease", "all", "namespace"])
def test_no_rights(installed, flags, what, how):
    done = run(installed.user_kubeconfig, *flags)
    assert done.returncode == 5, done.stderr
    assert what in last_line(done) and how in done.stderr and 'User \\"user\\"' in done.stderr


def test_credentials_refused(installed, tmp_path):
    done = run(with_user(installed, tmp_path / "config", {"token": "s3cr3t"}))
    assert done.returncode == 3 and "the credentials are refused" in last_line(done) and "s3cr3t" not in done.stderr


def test_expired_certificate(installed, tmp_path):
    pki = installed.dir / "pki"
    key, crt = tmp_path / "key", tmp_path / "crt"
    text = f"subject=/CN=late\n[ca]\ndefault_ca=c\n[c]\ndatabase={tmp_path}/index\nnew_certs_dir={tmp_path}\nserial={tmp_path}/serial\n"
    (tmp_path / "ca.cnf").write_text(text + "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    (tmp_path / "index").write_text("")
    (tmp_path / "serial").write_text("01\n")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=late"]
    sign = ["ca", "-batch", "-config", tmp_path / "ca.cnf", "-cert", pki / "ca.crt", "-keyfile", pki / "ca.key"]
    dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-notext"]
    for args in (new + ["-keyout", key, "-out", tmp_path / "csr"], sign + ["-in", tmp_path / "csr", "-out", crt] + dates):
        subprocess.run(["openssl", *args], check=True, capture_output=True)
    user = {"client-certificate": str(crt), "client-key": str(key)}
    done = run(with_user(installed, tmp_path / "config", user))
    assert done.returncode == 3 and "the client certificate expired at 2020-01-02T00:00:00Z" in last_line(done)


KUBECONFIGS = [
    ({"users": [{"name": "user", "user": {"username": "a", "password": "b"}}]}, "basic auth was removed"),
    ({"users": [{"name": "user", "user": {"auth-provider": {"name": "gcp"}}}]}, "was removed from kubectl"),
    ({"current-context": "nobody"}, 'there is no entry named \\"nobody\\"'),
    ({"clusters": []}, "clusters: there is no entry"),
    ({"users": []}, "users: there is no entry"),
]


@pytest.mark.parametrize("more, message", KUBECONFIGS, ids=lambda v: v if isinstance(v, str) else "")
def test_wrong_kubeconfig(installed, tmp_path, more, message):
    config = tmp_path / "config"
    config.write_text(json.dumps(json.loads(installed.user_kubeconfig.read_text()) | more))
    done = run(config)
    assert done.returncode == 2 and message in last_line(done) and str(config) in done.stderr


def test_no_kubeconfig(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        done = run(path)
        assert done.returncode == 2 and str(path) in last_line(done)
    config = tmp_path / "config"
    config.write_text("a: [")
    assert run(config).returncode == 2
    done = run(None, env={"HOME": str(tmp_path)})
    assert done.returncode == 2 and "--kubeconfig" in last_line(done)


def test_context(installed, tmp_path):
    """Another context, and what a second file of $KUBECONFIG brings to the first."""
    context = {"contexts": [{"name": "other", "context": {"cluster": "test", "user": "user"}}]}
    config = with_user(installed, tmp_path / "config", {"token": "wrong"}, **context)
    assert run(config).returncode == 2
    assert run(config, "--context", "other").returncode == 3
    env = {"KUBECONFIG": f"{tmp_path}/missing:{config}:{installed.user_kubeconfig}"}
    assert run(None, env=env).returncode == 3  # current-context and context from the second, the user from the first
    env = {"KUBECONFIG": f"{installed.user_kubeconfig}:{config}"}
    assert run(None, "--context", "other", env=env).returncode == 5


# ---- exec plugins ----


def plugin(tmp_path, script):
    """A plugin that says how often it ran, in the file "runs"."""
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\ncd {tmp_path} && printf x >>runs\n{script}\n")
    path.chmod(0o755)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}
    return {"exec": exec_ | {"provideClusterInfo": True, "env": [{"name": "TOKEN_FILE", "value": "token"}]}}


PRINT = """printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}' "$(cat $TOKEN_FILE)" """


def test_exec_plugin(installed, tmp_path):
    """A controller with a plugin: run once, and again when the API server refuses what it gave."""
    controller = Controller(installed, tmp_path)
    controller.kubeconfig = with_user(installed, tmp_path / "config", plugin(tmp_path, 'echo "$KUBERNETES_EXEC_INFO" >info\n' + PRINT))
    controller.start()
    runs = lambda: len((tmp_path / "runs").read_text())  # noqa: E731
    try:
        controller.wait_ready()
        assert runs() == 1
        info = json.loads((tmp_path / "info").read_text())
        assert info["spec"]["cluster"]["server"] == installed.url and info["spec"]["interactive"] is False
        assert "BEGIN CERTIFICATE" in base64.b64decode(info["spec"]["cluster"]["certificate-authority-data"]).decode()
        time.sleep(6)
        path = "/api/v1/namespaces/gostat-system/serviceaccounts/gostat"
        assert installed.request("DELETE", path)[0] == 200
        controller.token_file.write_text(installed.service_account_token("gostat-system", "gostat"))
        until("it is run again", lambda: runs() == 2, 40)
        time.sleep(4)
        assert controller.process.poll() is None and runs() == 2 and controller.ready()
        assert controller.token_file.read_text() not in controller.log
        assert controller.end() == 0, controller.log[-3000:]
    finally:
        controller.process.kill()


FAILING = [
    ("echo 's3cr3t log in: aws sso login' >&2; exit 255", "exited with code 255: s3cr3t log in: aws sso login"),
    ("echo s3cr3t", "its output is no JSON"),
    ("kill -9 $$", "was ended by signal 9"),
]


@pytest.mark.parametrize("script, message", FAILING, ids=["code", "output", "signal"])
def test_exec_plugin_fails(installed, tmp_path, script, message):
    done = run(with_user(installed, tmp_path / "config", plugin(tmp_path, script)))
    assert done.returncode == 3 and message in last_line(done)


def test_exec_plugin_missing(installed, tmp_path):
    user = plugin(tmp_path, "true")
    user["exec"] |= {"command": "gostat-no-such-plugin", "installHint": "It is at example.com."}
    done = run(with_user(installed, tmp_path / "config", user))
    assert done.returncode == 3 and "there is no such program; It is at example.com." in last_line(done)


# ---- what passes, or comes later ----


def test_api_server_away_at_the_start(installed, tmp_path):
    """It is waited for: a line at first, not one for each try."""
    controller = Controller(installed, tmp_path)
    installed.stop_apiserver()
    try:
        controller.start()
        time.sleep(12)
        assert controller.get(controller.health, "/healthz")[0] == 200 and controller.process.poll() is None
        assert controller.log.count("cannot be asked") == 1, controller.log
        installed.start_apiserver()
        controller.wait_ready(60)
        assert controller.log.count("the API server answers") == 1
        assert controller.end() == 0, controller.log[-3000:]
    finally:
        controller.process.kill()
        if "kube-apiserver" not in installed._processes:
            installed.start_apiserver()


def test_crds_that_vanish(installed, tmp_path):
    """Told once for each kind, and counted; when they come back it goes on."""
    controller = Controller(installed, tmp_path).start()
    missing = '"following a collection failed, it is tried again" resource="gostat'
    try:
        controller.wait_ready()
        installed.kubectl("delete", "crd", "gostatpolicies.gostat.dev", "gostatincidents.gostat.dev")
        until(lambda: controller.log[-3000:], lambda: controller.log.count("404") >= 2, 40)
        time.sleep(15)
        lines = [line for line in controller.log.splitlines() if missing in line and "404" in line]
        assert len(lines) == 2, lines
        metrics = controller.get(controller.metrics_address, "/metrics")[1]
        assert 'code="404"' in metrics and controller.process.poll() is None
        installed.kubectl("apply", "-k", ROOT / "crds")
        goes_on = '"following a collection goes on" resource="gostat'
        until(lambda: controller.log[-3000:], lambda: controller.log.count(goes_on) >= 2, 60)
        assert controller.end() == 0, controller.log[-3000:]
    finally:
        controller.process.kill()


def test_rights_that_are_taken_away(installed, tmp_path):
    """Told once for each kind, with the words of the API server, which name verb and resource; then it goes on."""
    role = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/gostat"
    lease = ["--lease-duration", "60s", "--renew-deadline", "40s", "--retry-period", "1s"]
    controller = Controller(installed, tmp_path, *lease).start()
    try:
        controller.wait_ready()
        binding = installed.request("GET", role)[1]
        assert installed.request("DELETE", role)[0] == 200
        installed.restart()  # ends the watches, which were allowed when they began
        forbidden = lambda kind: [  # noqa: E731
            x for x in controller.log.splitlines() if f'resource="{kind}"' in x and f'resource \\"{kind}\\"' in x and "403" in x
        ]
        kinds = ("pods", "gostatpolicies", "gostatincidents")
        until(lambda: controller.log[-3000:], lambda: all(forbidden(k) for k in kinds), 60)
        time.sleep(10)
        assert [len(forbidden(k)) for k in kinds] == [1, 1, 1], controller.log[-3000:]
        assert 'code="403"' in controller.get(controller.metrics_address, "/metrics")[1]
        binding["metadata"] = {"name": binding["metadata"]["name"]}
        assert installed.request("POST", role.rpartition("/")[0], binding)[0] == 201
        goes_on = '"following a collection goes on" resource='
        until(lambda: controller.log[-3000:], lambda: controller.log.count(goes_on) >= 3, 90)
        assert controller.process.poll() is None and controller.end() == 0, controller.log[-3000:]
    finally:
        controller.process.kill()
