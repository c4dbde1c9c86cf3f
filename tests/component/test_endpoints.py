"""The controller's own endpoints: /metrics by https with TokenReview and SubjectAccessReview, certificates that change,
what promtool says of the metrics, `gostat probe`. Two controllers on a real API server: one serves securely and leads, one
stands by. controller_world.py says what it needs; promtool is Debian's (hack/deps.sh test)."""

import http.client
import os
import pathlib
import socket
import ssl
import subprocess
import time

import pytest

from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import GOSTAT, ROOT, Controller, Space, until

NAMES = ROOT / "tests/data/metrics.names"
USAGE = [  # arguments, in the one line on stderr
    (["--metrics-secure=maybe"], '--metrics-secure: must be true or false, got "maybe"'),
    (["--metrics-cert-dir", "/tmp"], "--metrics-cert-dir: nothing is served with it; set --metrics-secure"),
    (["--metrics-secure", "--metrics-address", ""], "--metrics-secure: --metrics-address is empty"),
    (["--metrics-secure", "--metrics-cert-dir", "/no/such"], "--metrics-cert-dir: /no/such/tls.crt: No such file"),
]


def certificate(directory, name):
    """A key pair as a Secret's volume has it, written at once; returns the PEM of who signed it."""
    d = pathlib.Path(directory)
    d.mkdir(exist_ok=True)
    new = d / f".{name}"
    new.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", new / "tls.key", "-out", new / "tls.crt"],
        check=True,
        capture_output=True,
    )
    publish(d, new)
    return (new / "tls.crt").read_text()


def publish(d, new):
    """tls.crt and tls.key lead through ..data, which is replaced in one step: the kubelet's way."""
    link = d / "..tmp"
    link.symlink_to(new.name)
    os.replace(link, d / "..data")
    for f in ("tls.crt", "tls.key"):
        if not (d / f).is_symlink():
            (d / f).symlink_to(f"..data/{f}")


class Secure(Controller):
    """A controller with --metrics-secure."""

    def metrics(self, token=None, ca=None, path="/metrics", method="GET", header=None):
        """(status, headers, body); ca: PEM, None: whoever answers."""
        context = ssl.create_default_context(cadata=ca) if ca else ssl._create_unverified_context()
        host, port = self.metrics_address.split(":")
        c = http.client.HTTPSConnection(host, int(port), context=context, timeout=20)
        headers = {"Authorization": header or f"Bearer {token}"} if token or header else {}
        try:
            c.request(method, path, headers=headers)
            r = c.getresponse()
            return r.status, r.headers, r.read().decode()
        finally:
            c.close()


class World:
    def __init__(self, directory):
        self.dir = directory
        self.api = ApiServer(kubernetes_dir(), directory / "api").__enter__()
        self.api.kubectl("apply", "-k", ROOT / "tests/rights")
        self.api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        for name in self.api.kubectl("get", "clusterrolebindings", "-o", "name").stdout.split():
            if name.endswith("metrics-auth"):  # the same rights, which a test takes away
                self.api.kubectl("delete", name)
        self.let_ask(True)
        self.bind("may-ask", "gostat-system", "gostat")
        self.role("metrics-reader", [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}])
        self.certs = directory / "certs"
        self.ca = certificate(self.certs, "first")
        flags = ["--metrics-secure", "--lease-duration", "90s", "--renew-deadline", "60s", "--retry-period", "1s"]
        self.leader = Secure(self.api, directory / "leader", *flags, "--metrics-cert-dir", str(self.certs))
        self.leader.start().wait_ready()
        self.standby = Secure(self.api, directory / "standby", *flags).start().wait_ready()

    def role(self, name, rules):
        path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        status, answer = self.api.request("POST", path, {"metadata": {"name": name}, "rules": rules})
        if status == 409:
            status, answer = self.api.patch(f"{path}/{name}", {"rules": rules})
        assert status in (200, 201), answer

    def bind(self, role, namespace, name):
        body = {
            "metadata": {"name": f"{role}-{name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        }
        status, answer = self.api.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", body)
        assert status in (201, 409), answer

    def let_ask(self, yes):
        """Whether the controller may have tokens reviewed."""
        groups = [("authentication.k8s.io", "tokenreviews"), ("authorization.k8s.io", "subjectaccessreviews")]
        rules = [{"apiGroups": [g], "resources": [r], "verbs": ["create"]} for g, r in groups] if yes else []
        self.role("may-ask", rules)

    def reader(self, name):
        """A token that may read /metrics."""
        token = self.api.service_account_token("monitoring", name)
        self.bind("metrics-reader", "monitoring", name)
        return token

    def reviews(self):
        return [e for e in self.api.audit() if e["objectRef"]["resource"] in ("tokenreviews", "subjectaccessreviews")]

    def close(self):
        for c in (self.leader, self.standby):
            if c.process and c.process.poll() is None:
                c.process.kill()
                c.process.wait()
        self.api.__exit__()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("endpoints"))
    yield w
    w.close()


@pytest.mark.parametrize("args, message", USAGE, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_usage_errors(world, args, message):
    default = ["--kubeconfig", world.api.user_kubeconfig, "--health-address", ""]
    address = [] if "--metrics-address" in args else ["--metrics-address", "127.0.0.1:0"]
    done = subprocess.run([GOSTAT, "controller", *default, *address, *args], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2, done
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and message in done.stderr, done.stderr


def test_who_may_read(world):
    token, stranger = world.reader("prometheus"), world.api.service_account_token("monitoring", "stranger")
    c = world.leader
    status, headers, body = c.metrics()
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer") and "gostat_" not in body
    assert c.metrics("nonsense")[0] == 401
    assert c.metrics(header="Basic YTpi")[0] == 401
    assert c.metrics(token[:-3] + "AAA")[0] == 401
    status, _, body = c.metrics(stranger)
    assert status == 403 and "nonResourceURL /metrics" in body and "gostat_" not in body
    status, headers, body = c.metrics(token, ca=world.ca)
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'leader_election_master_status{name="gostat"} 1\n' in body and "gostat_synced 1\n" in body
    status, headers, body = c.metrics(token, method="HEAD")
    assert (status, body) == (200, "") and int(headers["Content-Length"]) > 1000
    assert c.metrics(token, path="/other")[0] == 404


def test_an_answer_is_kept(world):
    token = world.reader("kept")
    assert world.leader.metrics(token)[0] == 200
    before = len(world.reviews())
    for _ in range(20):
        assert world.leader.metrics(token)[0] == 200
    assert len(world.reviews()) == before
    # A denial is kept for 10 s only: the right is noticed soon.
    late = world.api.service_account_token("monitoring", "late")
    assert world.leader.metrics(late)[0] == 403
    world.bind("metrics-reader", "monitoring", "late")
    until(lambda: "still 403", lambda: world.leader.metrics(late)[0] == 200, 15)


def test_the_standby_serves_too(world):
    token = world.reader("prometheus")
    status, _, body = world.standby.metrics(token)
    assert status == 200 and 'leader_election_master_status{name="gostat"} 0\n' in body and "gostat_synced 0\n" in body
    # Its certificate is its own, with the names that it goes by.
    host, port = world.standby.metrics_address.split(":")
    pem = ssl.get_server_certificate((host, int(port)))
    assert world.standby.metrics(token, ca=pem)[0] == 200
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, text=True).stdout
    assert "ASN1 OID: prime256v1" in text
    assert f"DNS:{socket.gethostname()[:64]}, DNS:localhost, IP Address:127.0.0.1" in text


def test_health_stays_plain(world):
    for c in (world.leader, world.standby):
        assert c.get(c.health, "/healthz") == (200, "ok\n")
        assert c.get(c.health, "/readyz") == (200, "ok\n")
        assert c.get(c.metrics_address, "/metrics")[0] == 0  # plain HTTP to the TLS port


def test_garbage_and_many_connections(world):
    host, port = world.leader.metrics_address.split(":")
    token = world.reader("prometheus")
    half = []
    for k in range(200):
        s = socket.create_connection((host, int(port)))
        s.sendall([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /metrics HTTP/1.1\r\n\r\n", b"\0" * 300, b""][k % 4])
        half.append(s)
    assert world.leader.metrics(token)[0] == 200
    for s in half:
        s.close()
    assert world.leader.metrics(token)[0] == 200


def test_certificates_change(world):
    token, c = world.reader("prometheus"), world.leader
    second = certificate(world.certs, "second")
    until(lambda: c.log[-2000:], lambda: c.log.count("a new certificate for /metrics") == 1, 25)
    assert c.metrics(token, ca=second)[0] == 200
    with pytest.raises(ssl.SSLError):
        c.metrics(token, ca=world.ca)
    # A broken pair is told once; the old one stays, until there is a good one.
    broken = world.certs / ".broken"
    broken.mkdir()
    (broken / "tls.crt").write_text((world.certs / ".second/tls.crt").read_text())
    (broken / "tls.key").write_text((world.certs / ".first/tls.key").read_text())
    publish(world.certs, broken)
    until(lambda: c.log[-2000:], lambda: "the new certificate of /metrics cannot be used" in c.log, 25)
    (world.certs / "..data").unlink()
    until(lambda: c.log[-2000:], lambda: "cannot be read any more" in c.log, 25)
    time.sleep(11)
    assert c.log.count("the new certificate of /metrics cannot be used") == 1
    assert c.log.count("cannot be read any more") == 1
    assert c.metrics(token, ca=second)[0] == 200
    third = certificate(world.certs, "third")
    until(lambda: c.log[-2000:], lambda: c.log.count("a new certificate for /metrics") == 2, 25)
    assert c.metrics(token, ca=third)[0] == 200


def names_of(text):
    """Every name of a sample that the families of this answer can have, sorted."""
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            names |= {name + s for s in ("_bucket", "_count", "_sum")} if kind == "histogram" else {name}
    return sorted(names)


def test_metrics_are_as_promtool_wants_them(world):
    """And as rules and dashboard know them: tests/data/metrics.names."""
    _, _, body = world.leader.metrics(world.reader("prometheus"))
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert names_of(body) == NAMES.read_text().splitlines(), f"{NAMES} must list these names"
    for sample in (
        'controller_runtime_reconcile_total{controller="pod",result="success"} ',
        'controller_runtime_reconcile_time_seconds_count{controller="incident"} ',
        'workqueue_queue_duration_seconds_count{name="gostat"} ',
        'workqueue_work_duration_seconds_sum{name="gostat"} ',
        'rest_client_requests_total{method="POST",code="201"} ',
        "rest_client_request_duration_seconds_count ",
        'gostat_build_info{version="',
    ):
        assert f"\n{sample}" in body, sample


def test_findings(world, tmp_path):
    """A policy that is not ready is counted by namespace and reason; a ready one is not."""
    space = Space(world.api, None, "findings", tmp_path)
    spec = {"selector": {"matchLabels": {"app": "x"}}, "endpoint": {"pprof": {"port": "http"}}}
    store = {"endpoint": "https://s3.example.com", "bucket": "bucket", "credentialsSecretRef": {"name": "none"}}
    kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy"}
    path = "/apis/gostat.dev/v1alpha1/namespaces/findings/gostatpolicies"
    space.post(path, {**kind, "metadata": {"name": "ready"}, "spec": spec})
    space.post(path, {**kind, "metadata": {"name": "no-secret"}, "spec": {**spec, "snapshot": {"s3": store}}})
    space.wait_condition("no-secret", "Ready", "False", "SecretNotFound")
    space.wait_condition("ready", "Ready", "True", "Accepted")
    body = world.leader.metrics(world.reader("prometheus"))[2]
    assert 'gostat_policies_not_ready{namespace="findings",reason="SecretNotFound"} 1\n' in body
    assert body.count('gostat_policies_not_ready{namespace="findings"') == 1
    assert 'controller_runtime_reconcile_total{controller="policy",result="error"} 0\n' in body


PROBES = [  # arguments, exit code, part of what it says
    (["{health}/readyz"], 0, "200, 3 bytes"),
    (["{health}/readyz", "--contains", "ok"], 0, "200, 3 bytes"),
    (["{health}/readyz", "--contains", "no"], 1, 'do not hold "no"'),
    (["{health}/none"], 1, "404"),
    (["http://127.0.0.1:1/"], 1, "127.0.0.1"),
    (["{metrics}/metrics", "--insecure", "--token-file", "{token}", "--contains", "gostat_build_info"], 0, "200, "),
    (["{metrics}/metrics", "--ca-file", "{ca}", "--token-file", "{token}"], 0, "200, "),
    (["{metrics}/metrics", "--ca-file", "{other}", "--token-file", "{token}"], 1, "certificate"),
    (["{metrics}/metrics", "--token-file", "{token}"], 1, "certificate"),
    (["{metrics}/metrics", "--insecure"], 1, "401"),
    (["{metrics}/metrics", "--insecure", "--ca-file", "{ca}"], 2, "contradict"),
    (["{health}/readyz", "--token-file", "{token}"], 2, "for https:// only"),
    (["{metrics}/metrics", "--insecure", "--token-file", "/no/such"], 2, "--token-file: open /no/such"),
    (["{metrics}/metrics", "--insecure", "--token-file", "{ca}"], 2, "it must hold one token, on one line"),
    (["{metrics}/metrics", "--ca-file", "/no/such"], 2, "--ca-file: open /no/such"),
    (["ftp://127.0.0.1/"], 2, "begins with http"),
    ([], 2, ""),
    (["a", "b"], 2, ""),
    (["--help"], 0, "--contains"),
]


def test_probe(world, tmp_path):
    (tmp_path / "token").write_text(world.reader("prometheus") + "\n")
    (tmp_path / "other.crt").write_text(world.ca)
    values = {
        "health": f"http://{world.leader.health}",
        "metrics": f"https://{world.leader.metrics_address}",
        "token": tmp_path / "token",
        "ca": world.certs / "tls.crt",
        "other": world.api.ca,
    }
    for args, code, says in PROBES:
        args = [a.format(**values) for a in args]
        done = subprocess.run([GOSTAT, "probe", *args], capture_output=True, text=True, timeout=20)
        assert done.returncode == code and says in done.stdout + done.stderr, (args, done)
        assert (done.stderr == "") == (code == 0) and len(done.stderr.splitlines()) <= 1, (args, done)


def test_the_api_server_is_away(world):
    """What is known is still served; of others nobody knows, and a scraper is not kept waiting for ever."""
    token, new = world.reader("prometheus"), world.reader("new")
    assert world.standby.metrics(token)[0] == 200
    world.api.stop_apiserver(kill=True)
    try:
        assert world.standby.metrics(token)[0] == 200
        began = time.monotonic()
        status, _, body = world.standby.metrics(new)
        assert status == 503 and "does not say" in body and time.monotonic() - began < 8
    finally:
        world.api.start_apiserver()
    until(lambda: world.standby.log[-2000:], lambda: world.standby.metrics(new)[0] == 200, 30)


def test_without_the_right_to_ask(world):
    """One line of log that says what is missing; nobody gets in."""
    c, line = world.standby, "cannot find out who may read /metrics"
    world.let_ask(False)
    until(lambda: c.log[-2000:], lambda: c.metrics(world.reader("unasked"))[0] == 503, 10)
    told = c.log.count(line)
    for _ in range(5):
        assert c.metrics(world.reader("unasked"))[0] == 503
    assert c.log.count(line) == told and "tokenreviews.authentication.k8s.io is forbidden" in c.log
    world.let_ask(True)
    until(lambda: c.log[-2000:], lambda: c.metrics(world.reader("unasked"))[0] == 200, 30)


def test_ends_in_order(world):
    """With a review under way, too; and no token is in any log."""
    token = world.reader("prometheus")
    for c in (world.standby, world.leader):
        assert c.end() == 0, c.log[-3000:]
        assert "Bearer" not in c.log and token[:40] not in c.log and "eyJ" not in c.log
