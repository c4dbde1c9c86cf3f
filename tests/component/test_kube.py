"""controller/kube against a real API server, through kube_driver.

GOSTAT_BIN_DIR: etcd, kube-apiserver and kubectl. GOSTAT_KUBE_DRIVER: the driver (build/dev/kube_driver).
"""

import base64
import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from apiserver import ApiServer, bin_dir_from_env

DRIVER = os.environ.get("GOSTAT_KUBE_DRIVER") or str(
    pathlib.Path(__file__).resolve().parents[2] / "build/dev/kube_driver"
)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    if not pathlib.Path(DRIVER).is_file():
        raise RuntimeError(f"GOSTAT_KUBE_DRIVER: {DRIVER} does not exist; build kube_driver first")
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture
def namespace(api, request):
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:60].strip("-")
    status, answer = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201, answer
    return name


class Driver:
    """A running kube_driver; its lines come out of next()."""

    def __init__(self, api, verb, kubeconfig=None, **options):
        args = [DRIVER, verb, "--kubeconfig", str(kubeconfig or api.admin_kubeconfig)]
        for key, value in options.items():
            args += ["--" + key.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.stderr = []
        self.threads = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._log, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def _log(self):
        self.stderr.extend(self.process.stderr)

    def next(self, timeout=20):
        try:
            return self.lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"the driver said nothing for {timeout} s; stderr: {''.join(self.stderr)}") from None

    def until(self, op, timeout=40):
        """All lines up to the first one with this op."""
        seen, deadline = [], time.monotonic() + timeout
        while not seen or seen[-1]["op"] != op:
            seen.append(self.next(max(0.1, deadline - time.monotonic())))
        return seen

    def rest(self, timeout=30):
        """Waits for its end; the lines that were left."""
        self.process.wait(timeout)
        for thread in self.threads:
            thread.join()
        assert "Sanitizer" not in "".join(self.stderr), "".join(self.stderr)
        return list(self.lines.queue)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.rest()
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise


def run(api, verb, **options):
    """A driver that ends by itself: (exit code, its lines)."""
    with Driver(api, verb, **options) as driver:
        lines = driver.rest()
        return driver.process.returncode, lines


def call(api, verb, **options):
    code, lines = run(api, verb, **options)
    assert len(lines) == 1 and code == (lines[0]["kind"] != "ok"), lines
    return lines[0]


def put(api, namespace, name, data=None, labels=None):
    body = {"metadata": {"name": name, "labels": labels or {}}, "data": data or {}}
    status, answer = api.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    assert status == 201, answer
    return answer


def configmap(api, namespace, name):
    status, answer = api.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    assert status == 200, answer
    return answer


def test_list_1200_in_pages(api, namespace):
    for i in range(1200):
        put(api, namespace, f"c{i:04}", {"text": "x" * 500}, {"half": str(i % 2)})
    want = [f"c{i:04}" for i in range(1200)]
    code, lines = run(api, "list", namespace=namespace)
    assert code == 0 and lines[-1]["op"] == "done" and int(lines[-1]["resourceVersion"]) > 0
    assert [line["name"] for line in lines[:-1]] == want
    code, lines = run(api, "list", namespace=namespace, page=7, labels="half=1")
    assert code == 0 and [line["name"] for line in lines[:-1]] == want[1::2]
    code, lines = run(api, "list", namespace=namespace, fields="metadata.name=c0003")
    assert [line["name"] for line in lines[:-1]] == ["c0003"]
    code, lines = run(api, "list", labels="half in (0, 1)")
    assert [line["name"] for line in lines[:-1]] == want


def test_list_refused(api, namespace):
    code, lines = run(api, "list", namespace=namespace, kubeconfig=api.user_kubeconfig)
    assert code == 1 and lines[-1]["kind"] == "refused"
    assert f"LIST configmaps {namespace}: 403 Forbidden: configmaps is forbidden" in lines[-1]["message"]


def test_watch_tells_each_change(api, namespace):
    put(api, namespace, "before")
    with Driver(api, "watch", namespace=namespace) as w:
        assert [(line["op"], line.get("name")) for line in w.until("list_end")] == [
            ("list_begin", None),
            ("object", "before"),
            ("list_end", None),
        ]
        put(api, namespace, "a")
        assert (w.next()["name"]) == "a"
        api.patch(f"/api/v1/namespaces/{namespace}/configmaps/a", {"data": {"k": "v"}})
        line = w.next()
        assert line["op"] == "object" and line["resourceVersion"] == configmap(api, namespace, "a")["metadata"]["resourceVersion"]
        api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/a")
        line = w.next()
        assert (line["op"], line["name"]) == ("deleted", "a")
        w.process.send_signal(signal.SIGTERM)
        assert w.rest() == [] and w.process.returncode == 0


def test_watch_survives_its_own_timeouts(api, namespace):
    """The server ends each watch after 2 s; a writer goes on meanwhile, and nothing is lost or told twice."""
    with Driver(api, "watch", namespace=namespace, watch_ms=2000) as w:
        w.until("list_end")
        want = []
        for i in range(60):
            want.append(f"n{i:02}")
            put(api, namespace, want[-1])
            time.sleep(0.1)
        got = [w.next() for _ in want]
        assert [line["name"] for line in got] == want
        w.process.send_signal(signal.SIGTERM)
        assert w.rest() == []


class Proxy:
    """A TCP proxy in front of the API server whose connections can be cut, or left half open."""

    def __init__(self, api):
        self.target = ("127.0.0.1", api.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs, self.dead = [], ()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self.target)
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    def _copy(self, a, b):
        try:
            while data := a.recv(65536):
                if (a, b) not in self.dead and (b, a) not in self.dead:
                    b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def half_open(self):
        """From now on the connections that are open carry nothing, but stay open."""
        self.dead = tuple(self.pairs)

    def cut(self):
        for pair in self.pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self.pairs.clear()

    def kubeconfig(self, api, path):
        path.write_text(pathlib.Path(api.admin_kubeconfig).read_text().replace(f":{api.port}", f":{self.port}"))
        return path

    def close(self):
        self.listener.close()
        self.cut()


@pytest.mark.parametrize("how", ["cut", "half_open"])
def test_watch_resumes(api, namespace, tmp_path, how):
    """The connection breaks, or goes silent: what happens meanwhile is told once each, in order, with no new LIST."""
    proxy = Proxy(api)
    config = proxy.kubeconfig(api, tmp_path / "config")
    idle_ms = 1500 if how == "half_open" else 60000
    with Driver(api, "watch", kubeconfig=config, namespace=namespace, idle_ms=idle_ms) as w:
        w.until("list_end")
        want = []
        for round in range(3):
            for i in range(10):
                want.append(f"r{round}-{i}")
                put(api, namespace, want[-1])
                if i == 4:
                    getattr(proxy, how)()
            time.sleep(2.5)
        got, faults = [], 0
        while len(got) < len(want):
            line = w.next()
            faults += line["op"] == "fault"
            assert line["op"] in ("fault", "object"), line
            if line["op"] == "object":
                got.append(line["name"])
        assert got == want and faults >= 3
        w.process.send_signal(signal.SIGTERM)
        assert all(line["op"] == "fault" for line in w.rest())
    proxy.close()


class Mirror:
    """What an owner keeps who follows the informer's rules."""

    def __init__(self):
        self.objects, self.listed, self.log = {}, None, []

    def take(self, line):
        self.log.append(line)
        if line["op"] == "list_begin":
            self.listed = set()
        elif line["op"] == "object":
            before = self.objects.get(line["name"], 0)
            assert int(line["resourceVersion"]) >= before, "an object went back in time"
            self.objects[line["name"]] = int(line["resourceVersion"])
            if self.listed is not None:
                self.listed.add(line["name"])
        elif line["op"] == "deleted":
            self.objects.pop(line["name"], None)
        elif line["op"] == "list_end":
            self.objects = {name: rv for name, rv in self.objects.items() if name in self.listed}
            self.listed = None

    def until_same(self, driver, api, namespace, timeout=60):
        """Follows until the mirror is what the API server has, and it must stay so."""
        items = api.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")[1]["items"]
        want = {i["metadata"]["name"]: int(i["metadata"]["resourceVersion"]) for i in items}
        deadline = time.monotonic() + timeout
        while self.listed is not None or self.objects != want:
            assert time.monotonic() < deadline, (self.objects, want, self.log)
            self.take(driver.next(timeout))


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_watch_survives_a_restart_of_the_api_server(api, namespace, kill):
    """A restarted API server may answer 410 (its cache is empty): resumed or listed anew, nothing is lost."""
    mirror = Mirror()
    with Driver(api, "watch", namespace=namespace) as w:
        for line in w.until("list_end"):
            mirror.take(line)
        for name in ("a", "b"):
            put(api, namespace, name)
        api.stop_apiserver(kill=kill)
        time.sleep(2)
        api.start_apiserver()
        for name in ("c", "d"):
            put(api, namespace, name)
        assert api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/a")[0] == 200
        api.patch(f"/api/v1/namespaces/{namespace}/configmaps/b", {"data": {"k": "v"}})
        mirror.until_same(w, api, namespace)
        assert sorted(mirror.objects) == ["b", "c", "d"]
        assert any(line["op"] == "fault" for line in mirror.log)


def test_watch_lists_again_when_its_place_is_gone(api, namespace):
    """While the watch is away, etcd forgets its history: 410, a new LIST, and the state is right."""
    put(api, namespace, "stays")
    put(api, namespace, "goes")
    mirror = Mirror()
    with Driver(api, "watch", namespace=namespace) as w:
        for line in w.until("list_end"):
            mirror.take(line)
        os.kill(w.process.pid, signal.SIGSTOP)
        api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/goes")
        for i in range(5):
            put(api, namespace, f"new{i}")
        api.stop_apiserver(kill=True)
        compact(api)
        api.start_apiserver()
        os.kill(w.process.pid, signal.SIGCONT)
        while not any(line["op"] == "fault" and line["kind"] == "gone" for line in mirror.log):
            mirror.take(w.next(90))
        mirror.until_same(w, api, namespace)
        assert sorted(mirror.objects) == [f"new{i}" for i in range(5)] + ["stays"]
        put(api, namespace, "last")
        mirror.until_same(w, api, namespace)


def compact(api):
    """Drops etcd's history up to now, by its JSON gateway."""
    def ask(path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{api.etcd_port}{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as r:
            return json.load(r)

    key = base64.b64encode(b"x").decode()
    revision = ask("/v3/kv/range", {"key": key})["header"]["revision"]
    ask("/v3/kv/compaction", {"revision": revision, "physical": True})


def test_calls(api, namespace):
    at = {"namespace": namespace, "name": "x"}
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}})
    assert call(api, "get", **at)["kind"] == "not-found"
    assert call(api, "create", namespace=namespace, body=body, dry_run="yes")["kind"] == "ok"
    assert call(api, "get", **at)["kind"] == "not-found"
    made = call(api, "create", namespace=namespace, body=body)
    assert made["kind"] == "ok" and made["body"]["data"] == {"a": "1"}
    assert made["body"]["metadata"]["managedFields"][0]["manager"] == "kube-driver"
    again = call(api, "create", namespace=namespace, body=body)
    assert (again["kind"], again["reason"], again["status"]) == ("conflict", "AlreadyExists", 409)
    version = made["body"]["metadata"]["resourceVersion"]

    patch = {"metadata": {"resourceVersion": version}, "data": {"a": None, "b": "2"}}
    patched = call(api, "patch", body=json.dumps(patch), **at)
    assert patched["body"]["data"] == {"b": "2"}
    stale = call(api, "patch", body=json.dumps(patch), **at)
    assert (stale["kind"], stale["reason"]) == ("conflict", "Conflict")
    assert "the object has been modified" in stale["message"]
    strict = call(api, "patch", body='{"dota":{"b":"3"}}', **at)
    assert strict["kind"] == "terminal" and 'unknown field "dota"' in strict["message"]
    assert configmap(api, namespace, "x")["data"] == {"b": "2"}

    wrong = call(api, "delete", uid="00000000-0000-0000-0000-000000000000", **at)
    assert (wrong["kind"], wrong["reason"]) == ("conflict", "Conflict")
    wrong = call(api, "delete", resource_version=version, **at)
    assert (wrong["kind"], wrong["reason"]) == ("conflict", "Conflict")
    assert call(api, "delete", uid=made["body"]["metadata"]["uid"], **at)["kind"] == "ok"
    assert call(api, "get", **at)["kind"] == "not-found"


def test_scale_and_status(api, namespace):
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod},
    }
    at = {"resource": "apps/v1/deployments", "namespace": namespace}
    assert call(api, "create", body=json.dumps(body), **at)["kind"] == "ok"

    def scale(version, replicas):
        patch = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}
        return call(api, "patch", name="web", sub="scale", body=json.dumps(patch), **at)

    version = call(api, "get", name="web", sub="scale", **at)["body"]["metadata"]["resourceVersion"]
    scaled = scale(version, 3)
    assert scaled["kind"] == "ok" and scaled["body"]["spec"]["replicas"] == 3
    assert scale(version, 5)["reason"] == "Conflict"
    assert call(api, "patch", name="web", sub="status", body='{"status":{"replicas":7}}', **at)["kind"] == "ok"
    deployment = call(api, "get", name="web", **at)["body"]
    assert deployment["spec"]["replicas"] == 3 and deployment["status"]["replicas"] == 7
    managers = {(m["manager"], m.get("subresource")) for m in deployment["metadata"]["managedFields"]}
    assert managers == {("kube-driver", None), ("kube-driver", "scale"), ("kube-driver", "status")}
    assert scale(deployment["metadata"]["resourceVersion"], 0)["kind"] == "ok"
    assert call(api, "get", name="web", **at)["body"]["spec"]["replicas"] == 0


def test_token_file_is_read_again(api, namespace, tmp_path):
    """The token in the file is replaced by a valid one while the old one stops working."""
    token_file = tmp_path / "token"
    config = api.service_account_kubeconfig(namespace, "robot", token_file=token_file)
    good = token_file.read_text()
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    assert api.request("POST", f"{base}/roles", {"metadata": {"name": "r"}, "rules": [rule]})[0] == 201
    binding = {
        "metadata": {"name": "r"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": namespace}],
    }
    assert api.request("POST", f"{base}/rolebindings", binding)[0] == 201
    put(api, namespace, "x")
    with Driver(api, "get", kubeconfig=config, namespace=namespace, name="x", every_ms=100) as d:
        assert d.next() == {"op": "poll", "kind": "ok", "status": 200}
        # The service account is made anew: its old tokens are void, with another uid.
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        assert api.request("DELETE", f"{account}/robot")[0] == 200
        while (line := d.next())["kind"] == "ok":
            pass
        assert line["kind"] == "refused" and line["status"] == 401
        token_file.write_text(api.service_account_token(namespace, "robot"))
        assert token_file.read_text() != good
        replaced = time.monotonic()
        while (line := d.next())["kind"] != "ok":
            assert time.monotonic() < replaced + 10, line


LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/test"
FAST = {"duration_ms": 3000, "renew_ms": 2000, "retry_ms": 300}


def test_lease_passes_on_after_a_kill(api, namespace):
    with Driver(api, "lease", namespace=namespace, identity="one", **FAST) as one:
        assert [line["op"] for line in one.until("started")] == ["leader", "started"]
        with Driver(api, "lease", namespace=namespace, identity="two", **FAST) as two:
            assert two.next() == {"op": "leader", "identity": "one"}
            time.sleep(1.5)
            one.process.kill()
            killed = time.monotonic()
            assert two.next() == {"op": "leader", "identity": "two"}
            assert two.next()["op"] == "started"
            took = time.monotonic() - killed
            assert 1.5 < took < 3.0 + 0.3 * 2.2 + 1.5, took
            lease = api.request("GET", LEASE.format(namespace))[1]["spec"]
            assert lease["holderIdentity"] == "two" and lease["leaseTransitions"] == 1
            assert lease["leaseDurationSeconds"] == 3


def test_lease_is_given_back(api, namespace):
    slow = {"duration_ms": 15000, "renew_ms": 10000, "retry_ms": 500}
    with Driver(api, "lease", namespace=namespace, identity="one", **slow) as one:
        one.until("started")
        with Driver(api, "lease", namespace=namespace, identity="two", **slow) as two:
            assert two.next() == {"op": "leader", "identity": "one"}
            one.process.send_signal(signal.SIGTERM)
            released = time.monotonic()
            assert one.rest()[-1] == {"op": "released"} and one.process.returncode == 0
            two.until("started")
            assert time.monotonic() - released < 4
            two.process.send_signal(signal.SIGTERM)
            two.rest()
    lease = api.request("GET", LEASE.format(namespace))[1]["spec"]
    assert lease.get("holderIdentity", "") == "" and lease["leaseDurationSeconds"] == 1


def test_lease_is_lost_when_the_server_hangs(api, namespace):
    """The API server is stopped (SIGSTOP): requests hang, and the leader gives up at its deadline."""
    with Driver(api, "lease", namespace=namespace, identity="one", **FAST) as one:
        one.until("started")
        time.sleep(0.5)
        server = api._processes["kube-apiserver"]
        server.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            line = one.next()
            took = time.monotonic() - stopped
        finally:
            server.send_signal(signal.SIGCONT)
        assert line["op"] == "lost" and "could not be renewed" in line["reason"]
        assert 1.5 < took < 2.3, took
        assert one.rest() == [] and one.process.returncode == 1


def test_lease_is_lost_when_taken(api, namespace):
    with Driver(api, "lease", namespace=namespace, identity="one", **FAST) as one:
        one.until("started")
        assert api.patch(LEASE.format(namespace), {"spec": {"holderIdentity": "thief"}})[0] == 200
        assert one.next() == {"op": "lost", "reason": 'the lease is held by "thief"'}


def test_only_one_leads(api, namespace):
    """Five candidates, three of them killed one after the other: never two leaders at a time."""
    drivers = [Driver(api, "lease", namespace=namespace, identity=f"n{i}", **FAST) for i in range(5)]
    try:
        for _ in range(3):
            leaders, deadline = [], time.monotonic() + 20
            while not leaders:
                assert time.monotonic() < deadline
                time.sleep(0.05)
                for d in drivers:
                    while not d.lines.empty():
                        if d.lines.get()["op"] == "started":
                            leaders.append(d)
            time.sleep(1)
            assert not any(line["op"] == "started" for d in drivers for line in list(d.lines.queue))
            assert len(leaders) == 1
            leaders[0].process.kill()
            leaders[0].process.wait()
            drivers.remove(leaders[0])
    finally:
        for d in drivers:
            d.process.kill()
            d.process.wait()


def test_event_series(api, namespace):
    thing = put(api, namespace, "thing")
    code, lines = run(api, "events", namespace=namespace, name="thing", uid=thing["metadata"]["uid"], count=12, series_ms=200, note="x" * 2000)
    assert code == 0 and lines[-1]["created"] == 2 and 1 <= lines[-1]["patched"] <= 6, lines
    events = api.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")[1]["items"]
    by_reason = {e["reason"]: e for e in events}
    assert sorted(by_reason) == ["LeakFound", "Resolved"] and len(events) == 2
    leak = by_reason["LeakFound"]
    assert leak["series"]["count"] == 12 and leak["series"]["lastObservedTime"] > leak["eventTime"]
    assert leak["type"] == "Warning" and leak["action"] == "Report" and leak["note"] == "x" * 1024
    assert leak["reportingController"] == "gostat.dev/controller" and leak["reportingInstance"] == "test-0"
    assert leak["regarding"]["uid"] == thing["metadata"]["uid"] and leak["related"]["name"] == "web-1"
    assert "series" not in by_reason["Resolved"]
    described = api.kubectl("-n", namespace, "describe", "configmap", "thing").stdout
    assert "LeakFound" in described and "(x12 over" in described, described


def test_events_are_limited(api, namespace):
    """Nothing that one object does can flood the API server: 25 events, then one each 5 minutes."""
    code, lines = run(api, "events", namespace=namespace, name="absent", count=3, series_ms=10)
    assert code == 0 and lines[-1]["limited"] == 0
    bad = run(api, "events", namespace="no-such-namespace", name="absent", count=1)
    assert bad[0] == 1 and bad[1][-1]["dropped"] == 2
