"""Pods that do not let everyone in: HTTPS with a client certificate, tokens, passwords; what comes of credentials that rotate,
or go; and pods on the host's network. gostat controller against a real API server; the pods are HTTPS servers of Python.

controller_world.py says what is needed; openssl makes the certificates. As in test_controller.py one controller serves all
scenarios at the same time.
"""

import base64
import http.server
import ipaddress
import itertools
import json
import ssl
import subprocess
import threading
import time

import pytest

import bad_servers
from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import API, GOSTAT, ROOT, Controller, Parallel, Space, condition, until

PERIOD = 30  # between two readings of a policy's Secrets: GS_SECRET_RECHECK_MS
METRICS = b"# TYPE go_goroutines gauge\ngo_goroutines 7\n"
SECRET = "hunter2"  # a part of all tokens and passwords: nothing that is written may hold it


class Authority:
    """A CA in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True)
        self._numbers = itertools.count()
        self._run("req", "-x509", *self.KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")

    KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    def _run(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.directory, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @property
    def pem(self):
        return (self.directory / "ca.pem").read_text()

    def issue(self, name, days=2):
        """(certificate, key) as PEM texts, for a DNS name or an IP address."""
        stem = f"c{next(self._numbers)}"
        try:
            san = f"IP:{ipaddress.ip_address(name)}"
        except ValueError:
            san = f"DNS:{name}"
        (self.directory / f"{stem}.ext").write_text(f"subjectAltName={san}\n")
        self._run("req", "-new", *self.KEY, "-keyout", f"{stem}.key", "-out", f"{stem}.csr", "-subj", f"/CN={stem}")
        sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{stem}.ext", "-days", str(days)]
        self._run("x509", "-req", "-in", f"{stem}.csr", "-out", f"{stem}.pem", *sign)
        return tuple((self.directory / f"{stem}.{end}").read_text() for end in ("pem", "key"))


class Pod:
    """Answers /metrics on an address of its own to those who send self.wanted as Authorization (None: to all), over TLS
    where it has a certificate, to those with a certificate of client_ca where it has that."""

    _numbers = itertools.count(1)

    def __init__(self, wanted=None):
        pod = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                pod.connections += 1

            def do_GET(self):
                pod.asked += 1
                pod.seen.add(self.headers.get("Authorization"))
                if isinstance(self.connection, ssl.SSLSocket):
                    pod.clients.add((self.connection.getpeercert() or {}).get("serialNumber"))
                status = 200 if pod.wanted in (None, self.headers.get("Authorization")) else 401
                status = status if status != 200 or self.path == "/metrics" else 404
                self.send_response(status)
                self.send_header("Content-Length", str(len(METRICS) if status == 200 else 0))
                self.end_headers()
                if status == 200:
                    pod.answered += 1
                    self.wfile.write(METRICS)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # who is not trusted goes in the middle of a handshake
                pass

            def get_request(self):
                sock, address = super().get_request()
                if pod.context:
                    sock.settimeout(5)
                    sock = pod.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                return sock, address

        self.wanted, self.context = wanted, None
        self.connections = self.asked = self.answered = 0
        self.seen, self.clients = set(), set()
        self.ip = f"127.88.0.{next(self._numbers)}"
        self._server = Server((self.ip, 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def tls(self, directory, pair, client_ca=None):
        """For connections from now on."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in zip(("tls.crt", "tls.key"), pair):
            (directory / name).write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
        if client_ca:
            context.load_verify_locations(cadata=client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context
        return self

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def tls_pod(space, ca, name=None, pair=None, **options):
    """A pod whose certificate is for its IP, or for a name."""
    pod = Pod()
    space.programs.append(pod)
    return pod.tls(space.directory / "pod", pair or ca.issue(name or pod.ip), **options)


def add(space, pod, app="shop", **options):
    space.pod(app, f"{app}-0", pod.ip, pod.port, **options)


def observe(space, app="shop", host_network=False, **endpoint):
    """A policy whose endpoint has these fields: scheme, tls, authorization."""
    port = {"port": "http"}
    spec = {
        "selector": {"matchLabels": {"app": app}},
        "endpoint": {"pprof": port, "metrics": port, **endpoint},
        "sampling": {"intervalSeconds": 1, "timeoutSeconds": 1},
        "allowHostNetwork": host_network,
    }
    kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy"}
    space.post(f"{API}/{space.name}/gostatpolicies", {**kind, "metadata": {"name": app}, "spec": spec})


def replace_secret(space, name, data, usable=True):
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    labels = {"gostat.dev/usable": "true" if usable else None}
    space.patch(f"/api/v1/namespaces/{space.name}/secrets/{name}", {"metadata": {"labels": labels}, "data": encoded})


def delete_secret(space, name):
    status, answer = space.api.request("DELETE", f"/api/v1/namespaces/{space.name}/secrets/{name}")
    assert status == 200, answer


def wait_unreachable(space, words, app="shop", seconds=30):
    c = space.wait_condition(app, "Collecting", "False", "PodsUnreachable", seconds)
    assert words in c["message"], c
    return c


def wait_no_more(pod):
    """It is asked no more: the last answer is two intervals old."""
    until("pods are still asked", lambda: not changes(pod, 3), 10)


def changes(pod, seconds):
    before = pod.asked
    time.sleep(seconds)
    return pod.asked > before


# One scenario each


def https_by_address(space):
    """The certificate is verified with the CA of the Secret, against the pod's IP; connections are kept."""
    ca = Authority(space.directory / "ca")
    pod = tls_pod(space, ca)
    space.secret("trust", {"ca.crt": ca.pem})
    add(space, pod)
    observe(space, scheme="HTTPS", tls={"caSecretRef": {"name": "trust"}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    until("10 samples", lambda: pod.answered >= 10, 20)
    assert pod.connections <= 3  # one for samples, one for profiles


def https_by_name(space):
    ca = Authority(space.directory / "ca")
    pod = tls_pod(space, ca, "pods.shop.svc")
    space.secret("trust", {"roots": ca.pem})
    add(space, pod)
    tls = {"caSecretRef": {"name": "trust", "key": "roots"}}
    observe(space, scheme="HTTPS", tls=tls)
    wait_unreachable(space, "not valid for its address: set spec.endpoint.tls.serverName")
    space.patch(space.policy_path("shop"), {"spec": {"endpoint": {"tls": {"serverName": "other.shop.svc"}}}})
    until(
        lambda: space.get_policy("shop"),
        lambda: "not valid for other.shop.svc: check spec.endpoint.tls.serverName"
        in condition(space.get_policy("shop"), "Collecting")["message"],
        40,  # messages are written every 30 s
    )
    assert pod.asked == 0
    space.patch(space.policy_path("shop"), {"spec": {"endpoint": {"tls": {"serverName": "pods.shop.svc"}}}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)


def https_not_trusted(space):
    """Another CA, and none: nothing is sent."""
    ca, other = Authority(space.directory / "ca"), Authority(space.directory / "other")
    space.secret("trust", {"ca.crt": other.pem})
    space.secret("token", {"token": f"{SECRET}-a"})
    token = {"bearerTokenSecretRef": {"name": "token", "key": "token"}}
    pods = {"shop": tls_pod(space, ca), "till": tls_pod(space, ca)}
    for app, tls in {"shop": {"caSecretRef": {"name": "trust"}}, "till": {}}.items():
        add(space, pods[app], app)
        observe(space, app, scheme="HTTPS", tls=tls, authorization=token)
    for app, pod in pods.items():
        wait_unreachable(space, "its certificate is not trusted: check spec.endpoint.tls.caSecretRef", app)
        assert pod.asked == 0
    space.patch(space.policy_path("till"), {"spec": {"endpoint": {"tls": {"insecureSkipVerify": True}}}})
    space.wait_condition("till", "Collecting", "True", "Sampling", 20)


def https_expired(space):
    ca = Authority(space.directory / "ca")
    pod = tls_pod(space, ca, pair=ca.issue("pods", days=-1))
    space.secret("trust", {"ca.crt": ca.pem})
    add(space, pod)
    observe(space, scheme="HTTPS", tls={"caSecretRef": {"name": "trust"}, "serverName": "pods"})
    wait_unreachable(space, "its certificate has expired")
    assert pod.asked == 0


def another_scheme(space):
    """A pod that does not speak TLS is asked by it, and answers as Go's server does."""
    def answer(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")

    port = int(bad_servers.BadServer(answer).address.rsplit(":", 1)[1])
    space.pod("shop", "shop-0", "127.0.0.1", port)
    observe(space, scheme="HTTPS")
    wait_unreachable(space, "it does not speak TLS: check spec.endpoint.scheme")


def client_certificates(space):
    """Without one: refused. Once they rotate, new connections are made with the new one, and the old one is used no more."""
    ca, clients = Authority(space.directory / "ca"), Authority(space.directory / "clients")
    pod = tls_pod(space, ca, client_ca=clients.pem)
    first, second = clients.issue("gostat"), clients.issue("gostat")
    space.secret("trust", {"ca.crt": ca.pem})
    add(space, pod)
    observe(space, scheme="HTTPS", tls={"caSecretRef": {"name": "trust"}})
    wait_unreachable(space, "https://")
    assert pod.asked == 0
    space.secret("client", dict(zip(("tls.crt", "tls.key"), first)))
    space.patch(space.policy_path("shop"), {"spec": {"endpoint": {"tls": {"clientCertSecretRef": {"name": "client"}}}}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    assert len(pod.clients) == 1
    replace_secret(space, "client", dict(zip(("tls.crt", "tls.key"), second)))
    until("the new certificate is seen", lambda: len(pod.clients) == 2, PERIOD + 15)
    pod.clients.clear()
    time.sleep(5)
    assert len(pod.clients) == 1
    replace_secret(space, "client", {"tls.crt": first[0], "tls.key": second[1]})
    c = space.wait_condition("shop", "Ready", "False", "SecretIncomplete", PERIOD + 15)
    assert c["message"].startswith("spec.endpoint.tls.clientCertSecretRef: Secret client, keys tls.crt and tls.key: ")


def a_token(space):
    """Sent as it is in the Secret, but for the line end; a new one is noticed within a minute, without a gap where the pod
    takes both. Over plain HTTP the policy says so."""
    pod = Pod(f"Bearer {SECRET}-a")
    space.programs.append(pod)
    space.secret("token", {"t": f"{SECRET}-a\n"})
    add(space, pod)
    observe(space, authorization={"bearerTokenSecretRef": {"name": "token", "key": "t"}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    assert pod.seen == {f"Bearer {SECRET}-a"}
    c = condition(space.get_policy("shop"), "Ready")
    assert (c["status"], c["reason"]) == ("True", "Accepted") and "plain HTTP" in c["message"]
    pod.wanted = f"Bearer {SECRET}-b"
    wait_unreachable(space, "401: check spec.endpoint.authorization")
    replace_secret(space, "token", {"t": f"{SECRET}-b"})
    since = time.monotonic()
    answered = pod.answered
    until("the new token is sent", lambda: pod.answered > answered, 60)
    assert time.monotonic() - since < PERIOD + 10
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)


def a_password(space):
    pod = Pod(basic("gostat", f"{SECRET}: open sesame"))
    space.programs.append(pod)
    space.secret("login", {"username": "gostat", "password": f"{SECRET}: open sesame"})
    add(space, pod)
    observe(space, authorization={"basicAuthSecretRef": {"name": "login"}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    pod.wanted = basic("gostat", "another")
    wait_unreachable(space, "401: check spec.endpoint.authorization")


def secrets_that_are_none(space):
    """Not there, not labelled, without the key, with something else in it: the pods are not asked, the conditions name the
    field and the fix; each time it is put right, sampling begins."""
    pod = Pod(f"Bearer {SECRET}-a")
    space.programs.append(pod)
    add(space, pod)
    field = "spec.endpoint.authorization.bearerTokenSecretRef: "
    observe(space, authorization={"bearerTokenSecretRef": {"name": "token", "key": "t"}})
    for kind in ("Ready", "Collecting"):
        c = space.wait_condition("shop", kind, "False", "SecretNotFound", 20)
        assert c["message"] == f"{field}there is no Secret token in namespace {space.name}"
    space.secret("token", {"t": f"{SECRET}-a"}, usable=False)
    c = space.wait_condition("shop", "Ready", "False", "SecretNotUsable", PERIOD + 15)
    assert c["message"].startswith(field) and "kubectl label secret token gostat.dev/usable=true" in c["message"]
    assert pod.connections == 0
    replace_secret(space, "token", {"t": f"{SECRET}-a\n{SECRET}-b"})
    c = space.wait_condition("shop", "Ready", "False", "SecretIncomplete", PERIOD + 15)
    assert c["message"].startswith(f"{field}Secret token, key t: a token has no space, line end")
    assert pod.connections == 0
    replace_secret(space, "token", {"t": f"{SECRET}-a"})
    space.wait_condition("shop", "Ready", "True", "Accepted", PERIOD + 15)
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)


def a_secret_that_goes(space):
    """Sampling ends within a minute."""
    pod = Pod(f"Bearer {SECRET}-a")
    space.programs.append(pod)
    space.secret("token", {"t": f"{SECRET}-a"})
    add(space, pod)
    observe(space, authorization={"bearerTokenSecretRef": {"name": "token", "key": "t"}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    delete_secret(space, "token")
    for kind in ("Ready", "Collecting"):
        space.wait_condition("shop", kind, "False", "SecretNotFound", PERIOD + 15)
    wait_no_more(pod)
    space.secret("token", {"t": f"{SECRET}-a"}, usable=True)
    space.wait_condition("shop", "Collecting", "True", "Sampling", PERIOD + 15)


def another_secret_at_once(space):
    """What a policy does not name any more is used no more, from the moment that it changes."""
    pod = Pod()
    space.programs.append(pod)
    space.secret("first", {"t": f"{SECRET}-a"})
    add(space, pod)
    observe(space, authorization={"bearerTokenSecretRef": {"name": "first", "key": "t"}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    change = {"endpoint": {"authorization": {"bearerTokenSecretRef": {"name": "second"}}}}
    space.patch(space.policy_path("shop"), {"spec": change})
    space.wait_condition("shop", "Ready", "False", "SecretNotFound", 10)
    wait_no_more(pod)
    space.patch(space.policy_path("shop"), {"spec": {"endpoint": {"authorization": None}}})
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    assert pod.seen == {f"Bearer {SECRET}-a", None}


def redirected(space):
    """Nobody is followed with credentials: the pod answers a redirect, which is an error."""
    pod = Pod(f"Bearer {SECRET}-a")
    thief = Pod()
    space.programs += [pod, thief]

    class Away(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(307)
            self.send_header("Location", f"http://{thief.ip}:{thief.port}/metrics")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    pod._server.RequestHandlerClass = Away
    space.secret("token", {"t": f"{SECRET}-a"})
    add(space, pod)
    observe(space, authorization={"bearerTokenSecretRef": {"name": "token", "key": "t"}})
    wait_unreachable(space, "redirects are not followed")
    assert thief.asked == 0 and thief.connections == 0


def host_network(space):
    """Under this controller's --allow-host-network: only of policies that say so."""
    pods = {"shop": Pod(), "till": Pod()}
    for app, pod in pods.items():
        space.programs.append(pod)
        add(space, pod, app, host_network=True)
    observe(space, "shop")
    observe(space, "till", host_network=True)
    space.wait_condition("till", "Collecting", "True", "Sampling", 20)
    c = space.wait_condition("shop", "Collecting", "False", "HostNetwork", 20)
    assert "spec.allowHostNetwork" in c["message"]
    assert pods["shop"].connections == 0


SCENARIOS = [
    https_by_address,
    https_by_name,
    https_not_trusted,
    https_expired,
    another_scheme,
    client_certificates,
    a_token,
    a_password,
    secrets_that_are_none,
    a_secret_that_goes,
    another_secret_at_once,
    redirected,
    host_network,
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as api:
        api.kubectl("apply", "-k", ROOT / "tests/rights")
        api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield api


@pytest.fixture(scope="module")
def world(api, tmp_path_factory):
    controller = Controller(api, tmp_path_factory.mktemp("controller"), "--allow-host-network").start()
    try:
        controller.wait_ready()
        scenarios = Parallel(api, None, SCENARIOS, tmp_path_factory.mktemp("scenarios"))
        yield controller, scenarios
        scenarios.wait_all()
    finally:
        controller.process.kill()
        controller.process.wait()


@pytest.mark.parametrize("scenario", [s.__name__ for s in SCENARIOS])
def test_scenario(world, scenario):
    controller, scenarios = world
    scenarios.result(scenario)
    assert controller.ready()


def test_nothing_tells(api, world):
    """After all of the above no token and no password is in the log, in a status, in an Event, or in what was sent to the API
    server."""
    controller, scenarios = world
    scenarios.wait_all()
    told = {"the log": controller.log, "/metrics": controller.get(controller.metrics_address, "/metrics")[1]}
    for path in ("/apis/gostat.dev/v1alpha1/gostatpolicies", "/apis/events.k8s.io/v1/events"):
        told[path] = str(api.request("GET", path)[1])
    encoded = base64.b64encode(SECRET.encode()).decode()[:8]
    for where, text in told.items():
        assert text and SECRET not in text and encoded not in text, where


def test_ends_in_order(world):
    controller, _ = world
    assert controller.end() == 0, controller.log[-3000:]
    assert "ERROR: LeakSanitizer" not in controller.log and "runtime error" not in controller.log


def test_watch(tmp_path):
    """gostat watch speaks TLS as a policy file says, as far as that needs no Secret."""
    ca = Authority(tmp_path / "ca")
    pod = Pod().tls(tmp_path / "pod", ca.issue("pods"))
    kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy", "metadata": {"name": "p"}}
    outcomes = {}
    for insecure in (True, False):
        endpoint = {"pprof": {"port": 1}, "scheme": "HTTPS", "tls": {"insecureSkipVerify": insecure, "serverName": "pods"}}
        policy = json.dumps({**kind, "spec": {"endpoint": endpoint}})
        args = [GOSTAT, "watch", "-f", "-", "--interval", "1s", "--for", "3s", f"{pod.ip}:{pod.port}"]
        done = subprocess.run(args, input=policy, capture_output=True, text=True, timeout=30)
        outcomes[insecure] = (pod.answered, done.stderr)
    pod.close()
    assert outcomes[True][0] >= 2, outcomes
    assert outcomes[False][0] == outcomes[True][0] and "spec.endpoint.tls.caSecretRef" in outcomes[False][1], outcomes


@pytest.fixture
def alone(api, tmp_path, request):
    """(space, pod, start): start(flags) starts a controller for that namespace only, which needs no Lease."""
    name = request.node.name.replace("_", "-")
    started = []

    def start(*flags):
        controller = Controller(api, tmp_path / "controller", "--leader-elect=false", "--namespace", name, *flags)
        started.append(controller.start())
        controller.wait_ready()

    space = Space(api, None, name, tmp_path)
    pod = Pod()
    space.programs.append(pod)
    yield space, pod, start
    for controller in started:
        controller.process.kill()
        controller.process.wait()
    space.close()


def test_host_network_not_allowed(alone):
    """Without the controller's flag no policy gets there, and its conditions say why."""
    space, pod, start = alone
    add(space, pod, host_network=True)
    observe(space, host_network=True)
    start()
    c = space.wait_condition("shop", "Collecting", "False", "HostNetwork", 20)
    assert "--allow-host-network" in c["message"]
    c = space.wait_condition("shop", "Ready", "True", "Limited", 10)
    assert "spec.allowHostNetwork is false (--allow-host-network)" in c["message"]
    assert pod.connections == 0


def test_api_server_away(api, alone):
    """While the API server is away, what was read last is used on, for longer than Secrets are kept without it. The last test:
    it stops the server."""
    space, pod, start = alone
    pod.wanted = f"Bearer {SECRET}-a"
    space.secret("token", {"t": f"{SECRET}-a"})
    add(space, pod)
    observe(space, authorization={"bearerTokenSecretRef": {"name": "token", "key": "t"}})
    start()
    space.wait_condition("shop", "Collecting", "True", "Sampling", 20)
    api.stop_apiserver()
    time.sleep(PERIOD + 8)
    answered = pod.answered
    until("it is sampled on", lambda: pod.answered > answered + 2, 10)
    assert pod.seen == {pod.wanted}
    api.start_apiserver()
