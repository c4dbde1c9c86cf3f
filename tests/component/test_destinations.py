"""Where a policy may not lead: spellings of addresses, names, redirects, proxies and DNS that changes its mind, all of which
would end at a listener on loopback; it must not hear a byte. The operator has allowed nothing of loopback.

controller_world.py and test_s3.py say what it needs. What changes DNS needs root, for a mount of its own.
"""

import datetime
import http.server
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import BUCKET, ROOT, S3, Controller, Space, condition, until
from test_s3 import DRIVER

# "~": the listener's port. Places on loopback in every spelling, and places that are never to be asked.
TRICKS = [
    "http://127.0.0.1:~",
    "https://127.0.0.1:~",
    "http://127.0.0.1.:~",
    "http://localhost:~",
    "http://LocalHost:~",
    "http://127.1:~",
    "http://127.0.1:~",
    "http://127.255.255.254:~",
    "http://2130706433:~",
    "http://017700000001:~",
    "http://0x7f000001:~",
    "http://0x7F.1:~",
    "http://0x7f.0x0.0x0.0x1:~",
    "http://0177.0.0.1:~",
    "http://0177.0.01.01:~",
    "http://0000127.0.0.1:~",
    "http://127.0.0.1.0:~",
    "http://0:~",
    "http://0.0.0.0:~",
    "http://0x0:~",
    "http://127%2e0.0.1:~",
    "http://%6cocalhost:~",
    "http://127.0.0.1%2f@s3.example.com:~",
    "http://①②⑦.0.0.1:~",
    "http://127。0。0。1:~",
    "http://[::1]:~",
    "http://[0:0:0:0:0:0:0:1]:~",
    "http://[::]:~",
    "http://[::ffff:127.0.0.1]:~",
    "http://[::ffff:7f00:0001]:~",
    "http://[::127.0.0.1]:~",
    "http://[::ffff:0:7f00:1]:~",
    "http://[64:ff9b::127.0.0.1]:~",
    "http://[64:ff9b:1::7f00:1]:~",
    "http://[64:ff9b:1:7f00:0:100::]:~",
    "http://[2002:7f00:1::]:~",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:~",
    "http://[2a00::5efe:7f00:1]:~",
    "http://[::1%25lo]:~",
    "http://user@127.0.0.1:~",
    "http://user:pass@127.0.0.1:~",
    "http://s3.example.com@127.0.0.1:~",
    "http://s3.example.com:80@127.0.0.1:~",
    "http://s3.example.com\\@127.0.0.1:~",
    "http:/127.0.0.1:~",
    "http:127.0.0.1:~",
    "http:///127.0.0.1:~",
    "HTTP://127.0.0.1:~",
    "//127.0.0.1:~",
    "gopher://127.0.0.1:~",
    "ftp://127.0.0.1:~",
    "file://127.0.0.1:~",
    "http://169.254.169.254",
    "http://2852039166",
    "http://0xa9.0xfe.0xa9.0xfe",
    "http://[::ffff:169.254.169.254]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[fd00:ec2::254]",
    "http://100.100.100.200",
    "http://168.63.129.16",
    "http://10.0.0.1:~",
    "http://192.168.0.1:~",
    "http://kubernetes.default.svc",
]
# Those that the API server's own rules for spec.snapshot.s3.endpoint take.
FIELD = re.compile(r"https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Listener:
    """Takes connections on all of loopback, on one port, and keeps what comes."""

    def __init__(self):
        self.connections, self.heard = 0, b""
        self._sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port = self._sockets[0].getsockname()[1]
        self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for s in self._sockets:
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(2)
                try:
                    self.heard += connection.recv(4096)
                except OSError:
                    pass

    @property
    def proxies(self):
        return {name: f"http://127.0.0.1:{self.port}" for name in PROXIES}

    def url(self, trick):
        return trick.replace("~", str(self.port))

    def close(self):
        for s in self._sockets:
            s.shutdown(socket.SHUT_RDWR)
            s.close()


@pytest.fixture
def listener():
    found = Listener()
    yield found
    found.close()


def put(endpoint, tmp_path, *options, before=(), env=None):
    """One put by edge/s3: (kind, message)."""
    body = tmp_path / "body"
    body.write_bytes(b"evidence")
    argv = [*before, DRIVER, "put", "--endpoint", endpoint, "--region", "us-east-1", "--bucket", "bucket"]
    keys = {"S3_ACCESS_KEY": "AKID", "S3_SECRET_KEY": "secret"}
    argv += ["--body", str(body), *options, "--", "key"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**os.environ, **keys, **(env or {})})
    assert done.returncode == 0, done.stderr
    return tuple(done.stdout.splitlines()[-1].split("\t", 1))


def test_the_listener_hears(listener, tmp_path):
    """What is allowed is heard: the other tests can fail."""
    kind, _ = put(f"http://127.0.0.1:{listener.port}", tmp_path, env=listener.proxies)
    assert kind == "transient" and listener.heard.startswith(b"PUT /bucket/key ")


def test_s3(listener, tmp_path):
    for trick in TRICKS:
        kind, message = put(listener.url(trick), tmp_path, "--allow-private", "none", env=listener.proxies)
        assert kind in ("refused", "terminal"), (trick, kind, message)
        assert "endpoint" in message, (trick, message)
        assert listener.connections == 0, (trick, listener.heard)


def test_allow_list(listener, tmp_path):
    """A list of names holds before anything is resolved; a name on it is judged by its address all the same."""
    here = f"http://localhost:{listener.port}"
    for allowed, wanted in {
        "s3.example.com": "host localhost:~ is not allowed by the operator (--allow-s3)",
        "localhost:1": "host localhost:~ is not allowed by the operator (--allow-s3)",
        "*.localhost": "host localhost:~ is not allowed by the operator (--allow-s3)",
        "localhost": "refused by the operator (--allow-private)",
        "localhost:~": "refused by the operator (--allow-private)",
    }.items():
        kind, message = put(here, tmp_path, "--allow-private", "none", "--allow", listener.url(allowed))
        assert kind == "refused" and f"spec.snapshot.s3.endpoint: {listener.url(wanted)}" in message, message
        assert listener.connections == 0
    assert put(here, tmp_path, "--allow", "localhost")[0] == "transient" and listener.connections > 0


def test_redirect(listener, tmp_path):
    class Redirects(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(int(self.path.rpartition("/")[2][:3]) if self.path[-3:].isdigit() else 307)
            self.send_header("Location", f"http://127.0.0.1:{listener.port}/taken")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kind, message = put(f"http://127.0.0.1:{server.server_port}", tmp_path)
        server.shutdown()
    assert kind == "terminal" and "307" in message and "redirects are not followed" in message
    assert listener.connections == 0


class Dns:
    """A DNS server on 127.0.0.1:53 of a network of its own would need more; this one has an address of loopback to itself.
    Answers with what it is told to, in turns, and counts the questions."""

    ADDRESS = "127.53.53.53"

    def __init__(self, **answers):
        self.answers, self.asked = answers, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.ADDRESS, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                data, peer = self._socket.recvfrom(512)
            except OSError:
                return
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
                at += 1 + data[at]
            kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            turns = self.answers.get(labels[0], {}).get({1: "A", 28: "AAAA"}.get(kind), [[]])
            count = sum(q == (labels[0], kind) for q in self.asked)
            self.asked.append((labels[0], kind))
            records = b"".join(
                b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, size) + socket.inet_pton(family, ip)
                for ip in turns[count % len(turns)]
            )
            head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(turns[count % len(turns)]), 0, 0)
            self._socket.sendto(head + data[12 : at + 5] + records, peer)

    def close(self):
        self._socket.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a resolv.conf of its own needs root")
def test_rebinding(listener, tmp_path):
    """Names that lead to a public address when somebody looks, and to loopback when it counts; and to both at once."""
    dns = Dns(
        turns={"A": [["240.0.0.1"], ["127.0.0.1"]]},
        both={"A": [["240.0.0.1", "127.0.0.1"]]},
        plain={"A": [["127.0.0.1"]]},
        mapped={"AAAA": [["::ffff:127.0.0.1"]]},
        nat64={"AAAA": [["64:ff9b::127.0.0.1"]]},
        six={"AAAA": [["::1"]], "A": [["127.0.0.1"]]},
        metadata={"A": [["169.254.169.254"]]},
        any={"A": [["0.0.0.0"]], "AAAA": [["::"]]},
    )
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {dns.ADDRESS}\n")
    before = ("unshare", "--mount", "sh", "-c", f'mount --bind {conf} /etc/resolv.conf && exec "$@"', "sh")
    try:
        for name in dns.answers:
            for _ in range(3):
                endpoint = f"http://{name}.rebind.example:{listener.port}"
                allow = ("--allow-private", "none", "--allow", "*.rebind.example")
                kind, message = put(endpoint, tmp_path, *allow, before=before)
                assert kind == "refused" and "--allow-private" in message, (name, kind, message)
                assert listener.connections == 0, (name, listener.heard)
        assert {name for name, _ in dns.asked} == set(dns.answers)
        assert put(f"http://plain.rebind.example:{listener.port}", tmp_path, before=before)[0] == "transient"
        assert listener.connections > 0
    finally:
        dns.close()


# ---- the whole controller ----


def entry(key, kind):
    return {"name": key, "type": kind, "urlSecretRef": {"name": "urls", "key": key}, "minSeverity": "Low"}


def open_incident(space, workload, policy):
    """One that an earlier controller found just now; the next one tells everybody of it."""
    meta = {"name": f"{workload}-0a1b", "labels": {"gostat.dev/pattern": "0a1b0a1b"}}
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload, "uid": f"u-{workload}"}
    kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatIncident"}
    space.post(space.incidents_path, {**kind, "metadata": meta, "spec": {"type": "Resource", "workloadRef": ref}})
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"phase": "Open", "grade": "Suspected", "severity": "High", "startTime": now, "detectionTime": now}
    status["policyRef"] = {"name": policy["metadata"]["name"], "uid": policy["metadata"]["uid"]}
    space.patch(f"{space.incidents_path}/{meta['name']}/status", {"status": status})


def outcomes(controller):
    text = controller.get(controller.metrics_address, "/metrics")[1]
    series = re.findall(r'gostat_notifications_total\{[^}]*(?:outcome|result)="(\w+)"[^}]*\} (\d+)', text)
    total = {}
    for outcome, n in series:
        total[outcome] = total.get(outcome, 0) + int(n)
    return total


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "tests/rights")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


def test_controller(api, listener, tmp_path):
    """Every field of a policy that leads somewhere, with proxies in the controller's environment: conditions say what is not
    allowed and by which flag, nothing is tried again and again, and nobody was asked."""
    with S3(tmp_path / "s3") as s3:
        space = Space(api, s3, "tricky", tmp_path)
        controller = Controller(api, tmp_path / "controller", "--namespace", "tricky", private=())
        controller.env = listener.proxies
        try:
            space.secret()
            urls = {f"t{n}": listener.url(trick) + "/hook" for n, trick in enumerate(TRICKS)}
            space.secret("urls", urls)
            kinds = ("Webhook", "Slack", "WeCom", "Alertmanager")
            entries = [entry(key, kinds[n % 4]) for n, key in enumerate(urls)]
            told = [f"told-{n}" for n in range((len(entries) + 7) // 8)]
            for n, name in enumerate(told):
                policy = space.policy(name, mode="Observe", snapshot={}, suspend=True, notify=entries[8 * n : 8 * n + 8])
                open_incident(space, name, policy)
            endpoints = [listener.url(t) for t in TRICKS if FIELD.fullmatch(listener.url(t))]
            assert len(endpoints) >= 20
            stores = {f"store-{n}": e for n, e in enumerate(endpoints)}
            for name, endpoint in stores.items():
                spec = {**space.s3_spec(), "endpoint": endpoint}
                space.policy(name, mode="Observe", snapshot={"s3": spec})
            # a name that only its address gives away, and a leak whose evidence is to go there
            space.leaky("leak", space.workload("leak"))
            spec = {**space.s3_spec(), "endpoint": f"http://localhost:{listener.port}"}
            space.policy("leak", snapshot={"s3": spec})
            controller.start().wait_ready()

            def all_failed():
                return outcomes(controller).get("failed", 0) >= len(entries)

            until(lambda: f"{outcomes(controller)} {controller.log[-2000:]}", all_failed, 90)
            for name, endpoint in stores.items():
                if "localhost" in endpoint.lower():
                    continue
                ready = space.wait_condition(name, "Ready", "False", "DestinationRefused")
                assert ready["message"].startswith("spec.snapshot.s3.endpoint: "), ready
            for name in told:
                ready = space.wait_condition(name, "Ready", "True", "Limited")
                assert "spec.notify t" in ready["message"], ready
            healing = space.wait_condition("leak", "Healing", "False", "EvidenceFailing", 60)
            assert "spec.snapshot.s3.endpoint: refused by the operator (--allow-private)" in healing["message"]
            time.sleep(20)  # what is refused stays refused; nobody storms
            assert outcomes(controller)["failed"] < 2 * len(entries), outcomes(controller)  # what is no URL is tried sooner
            errors = controller.get(controller.metrics_address, "/metrics")[1]
            tries = int(re.search(r'\ngostat_evidence_total\{result="error"\} (\d+)', errors)[1])
            assert tries < 40, tries
            assert (listener.connections, listener.heard) == (0, b"")
            assert controller.end() == 0, controller.log[-3000:]
            assert "ERROR: LeakSanitizer" not in controller.log and "runtime error" not in controller.log
        finally:
            space.close()
            controller.process.kill()
            controller.process.wait()


def test_api_server(api, tmp_path):
    """The API server's own port is refused even where its address is allowed, by its address and by its name."""
    with S3(tmp_path / "s3") as s3:
        space = Space(api, s3, "towards-api", tmp_path)
        controller = Controller(api, tmp_path / "controller", "--namespace", "towards-api")
        try:
            space.secret()
            for n, endpoint in enumerate((api.url, "https://kubernetes.default.svc")):
                space.policy(f"p{n}", mode="Observe", snapshot={"s3": {**space.s3_spec(), "endpoint": endpoint}})
            space.policy("good", mode="Observe")
            controller.start().wait_ready()
            for n in range(2):
                ready = space.wait_condition(f"p{n}", "Ready", "False", "DestinationRefused")
                assert "is the API server's" in ready["message"], ready
            space.wait_condition("good", "Ready", "True", "Accepted")
            assert controller.end() == 0
        finally:
            space.close()
            controller.process.kill()
            controller.process.wait()


def test_ceilings(api, tmp_path):
    """A policy that asks for more is held to the operator's ceilings, says so, and its evidence lies in its namespace's part of
    the bucket."""
    flags = ["--cluster-name", "eu-1", "--s3-prefix", "{cluster}/{namespace}", "--min-interval", "2s"]
    flags += ["--max-pods-per-policy", "2", "--max-profile-seconds", "1s", "--max-profile-bytes", "64Ki"]
    with S3(tmp_path / "s3") as s3:
        space = Space(api, s3, "held", tmp_path)
        controller = Controller(api, tmp_path / "controller", "--namespace", "held", *flags)
        try:
            space.secret()
            owner = space.workload("shop", replicas=3)
            for n in range(3):
                space.leaky("shop", owner, f"shop-{n}")
            snapshot = {"s3": space.s3_spec(), "profiles": ["Goroutine", "Heap", "CPU"], "cpuSeconds": 30}
            space.policy("shop", mode="Observe", snapshot=snapshot)
            controller.start().wait_ready()
            ready = space.wait_condition("shop", "Ready", "True", "Limited")["message"]
            for part in (
                "spec.sampling.intervalSeconds is 2, not 1 (--min-interval)",
                "spec.snapshot.cpuSeconds is 1, not 30 (--max-profile-seconds)",
            ):
                assert part in ready, ready

            def above():
                message = condition(space.get_policy("shop"), "Ready")["message"]
                return "1 of 3 pods are not sampled: the operator allows 2 (--max-pods-per-policy)" in message

            until(lambda: space.get_policy("shop"), above, 40)
            incident = space.wait_evidence("shop", 1, 90)
            for e in incident["status"]["evidence"]:
                assert e["key"].startswith("eu-1/held/test/held/shop/"), e
                assert e["pod"] in ("shop-0", "shop-1") and e["bytes"] <= 65536, e
            assert space.get_policy("shop")["status"]["targets"]["sampled"] == 2
            bucket = s3.root / BUCKET
            keys = [str(p.relative_to(bucket)) for p in bucket.rglob("*") if p.is_file()]
            assert keys and all(k.startswith("eu-1/held/") for k in keys), keys
            assert controller.end() == 0, controller.log[-3000:]
        finally:
            space.close()
            controller.process.kill()
            controller.process.wait()


def test_profiles_that_are_too_large(api, tmp_path):
    """None can be had of a pod within the operator's ceiling: the leak is found by its numbers, the incident and the policy say
    why there is no evidence, and nothing is healed without."""
    with S3(tmp_path / "s3") as s3:
        space = Space(api, s3, "large", tmp_path)
        controller = Controller(api, tmp_path / "controller", "--namespace", "large", "--max-profile-bytes", "1Ki")
        try:
            space.secret()
            space.leaky("shop", space.workload("shop"))
            snapshot = {"s3": space.s3_spec(), "profiles": ["Goroutine", "Heap"]}
            space.policy("shop", snapshot=snapshot, detection={"floor": {"windowSeconds": 5, "windows": 3}})
            controller.start().wait_ready()

            def says_why(i):
                stored = condition(i, "EvidenceStored")
                return stored["reason"] == "Incomplete" and "--max-profile-bytes" in stored["message"]

            incident = space.wait_incident("shop", says_why, "it says why", 120)
            assert not incident["status"].get("evidence"), incident
            assert space.replicas("shop") == 1
            assert controller.end() == 0, controller.log[-3000:]
        finally:
            space.close()
            controller.process.kill()
            controller.process.wait()
