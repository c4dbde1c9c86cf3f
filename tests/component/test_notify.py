"""Notifications of gostat controller, the real binary: to a real Alertmanager, to a webhook that verifies signatures, and to
stand-ins for Slack and WeCom that hold every payload to the services' published limits.

controller_world.py says what it needs; prometheus-alertmanager is Debian's package. One controller serves all scenarios,
which run at the same time, each in a namespace of its own; the restart comes last.
"""

import base64
import hashlib
import hmac
import http.server
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest

from apiserver import ApiServer, _die_with_parent, free_port
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import ROOT, S3, Controller, Parallel, Space, until

HMAC_KEY = "top secret"
URL_KEY = "SECRET-IN-THE-URL"
ANSWER = "WORDS-OF-THE-ANSWER"


def wecom_fault(body):
    """Limits: developer.work.weixin.qq.com, path 91770."""
    if set(body) != {"msgtype", "markdown"} or body["msgtype"] != "markdown" or set(body["markdown"]) != {"content"}:
        return f"no markdown message: {body}"
    content = body["markdown"]["content"]
    if not 0 < len(content.encode()) <= 4096:
        return f"content has {len(content.encode())} bytes"
    return None


def slack_fault(body):
    """Limits: docs.slack.dev, Block Kit; escapes: "Formatting message text"."""
    blocks = body.get("blocks", [])
    if not body.get("text") or not 0 < len(blocks) <= 50:
        return f"text {body.get('text')!r}, {len(blocks)} blocks"
    for block in blocks:
        text = block["text"]
        if block["type"] == "header":
            good = text["type"] == "plain_text" and 0 < len(text["text"]) <= 150
        else:
            good = block["type"] == "section" and text["type"] == "mrkdwn" and 0 < len(text["text"]) <= 3000
            links = re.sub(r"<https?://[^<>|]+\|[^<>|]+>", "", text["text"])
            good = good and not re.search(r"[<>]|&(?!amp;|lt;|gt;)", links)
        if not good:
            return f"block {block}"
    return None


def webhook_fault(headers, raw):
    """As a receiver would check it, with the key and a clock."""
    stamp, signature = headers.get("X-Gostat-Timestamp", ""), headers.get("X-Gostat-Signature", "")
    wanted = hmac.new(HMAC_KEY.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    if signature != f"sha256={wanted}":
        return f"signature {signature}, not {wanted}"
    return None if abs(int(stamp) - time.time()) < 60 else f"timestamp {stamp}"


class Services:
    """One server for all of them: POST /<service>/<namespace>…; what came, and what was wrong with it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._got = []
        self.faults = []
        self.refuse = {}  # path: answers that it gives first
        services = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, body = services.take(self.path.split("?")[0], self.headers, raw)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, service, namespace):
        return f"http://127.0.0.1:{self._server.server_address[1]}/{service}/{namespace}?key={URL_KEY}"

    def take(self, path, headers, raw):
        body = json.loads(raw)
        service = path.split("/")[1]
        fault = {
            "wecom": lambda: wecom_fault(body),
            "slack": lambda: slack_fault(body),
            "webhook": lambda: webhook_fault(headers, raw),
            "alerts": lambda: None,
            "unsigned": lambda: None,
        }[service]()
        with self._lock:
            if fault:
                self.faults.append(f"{path}: {fault}")
            if self.refuse.get(path):
                return self.refuse[path].pop(0)
            self._got.append((path, body))
        return 200, {}, b'{"errcode":0,"errmsg":"ok"}' if service == "wecom" else b"ok"

    def got(self, service, namespace):
        with self._lock:
            return [body for path, body in self._got if path == f"/{service}/{namespace}"]

    def titles(self, service, namespace):
        """The first line of each message."""
        bodies = self.got(service, namespace)
        if service == "slack":
            return [b["blocks"][0]["text"]["text"] for b in bodies]
        return [b["markdown"]["content"].split("\n")[0] for b in bodies]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Alertmanager:
    """Groups by namespace and workload, and tells services /alerts/all."""

    def __init__(self, directory, receiver):
        binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if not binary:
            raise RuntimeError("there is no prometheus-alertmanager; run hack/deps.sh test")
        config = {
            "route": {
                "receiver": "all",
                "group_by": ["namespace", "workload"],
                "group_wait": "1s",
                "group_interval": "2s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "all", "webhook_configs": [{"url": receiver, "send_resolved": True}]}],
        }
        path = directory / "alertmanager.yml"
        path.write_text(json.dumps(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        with open(directory / "alertmanager.log", "wb") as log:
            self.process = subprocess.Popen(
                [binary, f"--config.file={path}", f"--storage.path={directory / 'data'}", "--cluster.listen-address="]
                + [f"--web.listen-address={self.url.removeprefix('http://')}"],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
        until("Alertmanager is ready", self._ready, 20)

    def _ready(self):
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=2).status == 200
        except OSError:
            return False

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v2{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as r:
            return json.load(r)

    def alerts(self, namespace):
        return [a for a in self.ask("/alerts") if a["labels"]["namespace"] == namespace]

    def groups(self, namespace):
        return [g for g in self.ask("/alerts/groups") if g["labels"]["namespace"] == namespace]

    def silence(self, **labels):
        stamp = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))  # noqa: E731
        matchers = [{"name": k, "value": v, "isRegex": False, "isEqual": True} for k, v in labels.items()]
        body = {"matchers": matchers, "startsAt": stamp(0), "endsAt": stamp(3600), "createdBy": "test", "comment": "x"}
        return self.ask("/silences", body)["silenceID"]

    def close(self):
        self.process.kill()
        self.process.wait()


SERVICES = None  # set by the fixture, before any scenario begins
ALERTMANAGER = None
CONTROLLER = None
OPEN_SINCE = []  # when stays() was told of its incident


def entry(name, kind, secret="alerts", severity="Low", **more):
    return {"name": name, "type": kind, "urlSecretRef": {"name": secret, "key": name}, "minSeverity": severity, **more}


def destinations(space):
    """The Secrets, and spec.notify with one entry of each type."""
    urls = {s: SERVICES.url(s, space.name) for s in ("wecom", "slack", "webhook")}
    space.secret("alerts", {**urls, "hmac": HMAC_KEY, "alertmanager": ALERTMANAGER.url + "\n"})
    hmac_ref = {"hmacSecretRef": {"name": "alerts", "key": "hmac"}}
    return [
        entry("wecom", "WeCom"),
        entry("slack", "Slack"),
        entry("webhook", "Webhook", **hmac_ref),
        entry("alertmanager", "Alertmanager"),
    ]


def told_to_alertmanager(namespace):
    """The notifications that Alertmanager's own receiver got for a namespace: (status, number of alerts)."""
    got = [b for b in SERVICES.got("alerts", "all") if b["groupLabels"]["namespace"] == namespace]
    return [(b["status"], len(b["alerts"])) for b in got]


def everything(space):
    """Two pods leak: one incident, told once to everybody, graded, acted on, resolved; a try that WeCom and the webhook turn
    down is repeated, and what they say stays with them."""
    many = json.dumps({"errcode": 45009, "errmsg": ANSWER}).encode()
    SERVICES.refuse[f"/wecom/{space.name}"] = [(200, {}, many)]
    SERVICES.refuse[f"/webhook/{space.name}"] = [(429, {"Retry-After": "1"}, ANSWER.encode()), (503, {}, ANSWER.encode())]
    space.secret()
    notify = destinations(space)
    owner = space.workload("shop", replicas=2)
    programs = [space.leaky("shop", owner, f"shop-{n}") for n in range(2)]
    space.policy("shop", mode="DryRun", notify=notify)
    incident = space.wait_evidence("shop", 1, 60)
    name = incident["metadata"]["name"]
    webhook = lambda: SERVICES.got("webhook", space.name)  # noqa: E731
    first = until("the webhook is told", webhook, 60)[0]
    assert (first["schema"], first["event"], first["cluster"]) == ("gostat.dev/notice/v1", "opened", "test & <co>")
    assert first["workload"]["name"] == "shop" and first["incident"]["name"] == name
    assert "main." in first["incident"]["patterns"][0]["leafFunction"] and ".go:" in first["incident"]["openFirst"]
    with urllib.request.urlopen(first["evidenceUrl"], context=ssl.create_default_context(cafile=space.s3.ca), timeout=5) as r:
        digest = hashlib.sha256(r.read()).hexdigest()
    assert digest in [e["sha256"] for e in space.incidents("shop")[0]["status"]["evidence"]]
    until("what was decided is told", lambda: [b for b in webhook() if b["incident"]["lastAction"]], 60)
    for service in ("wecom", "slack"):
        until(f"{service} is told", lambda: SERVICES.got(service, space.name), 60)  # noqa: B023
    until("both pods are listed", lambda: space.incidents("shop")[0]["status"]["podCount"] == 2, 60)

    alerts = until("the alert is there", lambda: ALERTMANAGER.alerts(space.name), 30)
    assert len(alerts) == 1
    labels = {**alerts[0]["labels"]}
    assert labels.pop("severity") in ("Low", "Medium", "High", "P0")
    assert labels == {
        "alertname": "GoroutineLeak",
        "cluster": "test & <co>",
        "namespace": space.name,
        "workload": "shop",
        "kind": "Deployment",
        "incident": name,
        "policy": "shop",
    }
    assert alerts[0]["status"]["state"] == "active" and alerts[0]["startsAt"] <= alerts[0]["updatedAt"]
    groups = ALERTMANAGER.groups(space.name)
    assert [g["labels"] for g in groups] == [{"namespace": space.name, "workload": "shop"}]
    until("it is told on", lambda: ("firing", 1) in told_to_alertmanager(space.name), 20)

    for p in programs:
        p.fix()
    space.wait_incident("shop", lambda i: i["status"]["phase"] == "Resolved", "Resolved", 120)
    until("the webhook hears of the end", lambda: webhook()[-1]["event"] == "resolved", 20)
    until("the alert is gone", lambda: not ALERTMANAGER.alerts(space.name), 20)
    until("its end is told on", lambda: told_to_alertmanager(space.name)[-1][0] == "resolved", 20)
    until("WeCom hears of the end", lambda: "resolved" in SERVICES.titles("wecom", space.name)[-1], 20)
    until("Slack hears of the end", lambda: "resolved" in SERVICES.titles("slack", space.name)[-1], 20)
    events = [b["event"] for b in webhook()]
    assert events.count("opened") == 1 and events.count("resolved") == 1, events
    said = [(b["event"], b["text"]) for b in webhook()]
    assert len(said) == len(set(said)), said


def silenced(space):
    """A silence by label keeps the alert quiet, over all that is told of it later."""
    ALERTMANAGER.silence(namespace=space.name, workload="shop")
    space.secret()
    p = space.leaky("shop", space.workload("shop"))
    space.policy("shop", mode="DryRun", notify=destinations(space))
    space.wait_grade("shop", "Probable")
    first = until("the alert is there", lambda: ALERTMANAGER.alerts(space.name), 60)
    until("it is told again", lambda: ALERTMANAGER.alerts(space.name)[0]["updatedAt"] > first[0]["updatedAt"], 75)
    again = ALERTMANAGER.alerts(space.name)
    assert [a["status"]["state"] for a in again] == ["suppressed"]
    p.fix()
    space.wait_incident("shop", lambda i: i["status"]["phase"] == "Resolved", "Resolved", 120)
    until("the alert is gone", lambda: not ALERTMANAGER.alerts(space.name), 20)
    assert told_to_alertmanager(space.name) == []


def secret_comes_and_changes(space):
    """No Secret: the incident is found all the same, and one log line says so. Then there is one, then another URL."""
    space.secret()
    p = space.leaky("shop", space.workload("shop"))
    space.policy("shop", mode="Observe", notify=[entry("slack", "Slack"), entry("wecom", "WeCom", secret="unlabelled")])
    space.secret("unlabelled", {"wecom": SERVICES.url("wecom", space.name)}, usable=False)
    space.wait_grade("shop", "Probable")
    lines = lambda: [s for s in CONTROLLER.log.splitlines() if "a Secret cannot be used" in s and space.name in s]  # noqa: E731
    until("the log says so", lambda: len(lines()) == 2, 40)
    time.sleep(8)
    assert len(lines()) == 2 and "kubectl label secret unlabelled" in "".join(lines()), lines()
    ready = [c["status"] for c in space.get_policy("shop")["status"]["conditions"] if c["type"] == "Ready"]
    assert ready == ["True"]
    space.secret("alerts", {"slack": SERVICES.url("slack", space.name)})
    until("Slack is told", lambda: SERVICES.got("slack", space.name), 70)
    moved = {"slack": base64.b64encode(SERVICES.url("slack", space.name + "-moved").encode()).decode()}
    space.patch(f"/api/v1/namespaces/{space.name}/secrets/alerts", {"data": moved})
    p.fix()
    until("the end is told at the new place", lambda: SERVICES.got("slack", space.name + "-moved"), 120)
    assert "resolved" in SERVICES.titles("slack", space.name + "-moved")[-1]
    assert not SERVICES.got("wecom", space.name)


def not_severe_enough(space):
    """Below minSeverity nobody is told."""
    space.secret()
    notify = destinations(space)
    for e in notify[:2]:
        e["minSeverity"] = "P0"
    # No site has enough goroutines for the rule that makes it P0.
    space.leaky("shop", space.workload("shop"), RATE="2")
    space.policy("shop", mode="Observe", notify=notify, detection={"blocked": {"enabled": False}})
    space.wait_grade("shop", "Probable", 90)
    until("the webhook is told", lambda: SERVICES.got("webhook", space.name), 60)
    time.sleep(5)
    assert not SERVICES.got("slack", space.name) and not SERVICES.got("wecom", space.name)


def stays(space):
    """For the restart: an incident that is open."""
    space.secret()
    space.leaky("shop", space.workload("shop"))
    space.policy("shop", mode="Observe", notify=destinations(space))
    space.wait_grade("shop", "Probable")
    for service in ("wecom", "slack", "webhook"):
        until(f"{service} is told", lambda: SERVICES.got(service, space.name), 60)  # noqa: B023
    OPEN_SINCE.append(time.monotonic())
    until("the alert is there", lambda: ALERTMANAGER.alerts(space.name), 30)


SCENARIOS = [everything, silenced, secret_comes_and_changes, not_severe_enough, stays]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    global SERVICES, ALERTMANAGER, CONTROLLER
    SERVICES = Services()
    receiver = SERVICES.url("alerts", "all")
    ALERTMANAGER = Alertmanager(tmp_path_factory.mktemp("alertmanager"), receiver)
    try:
        with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as api:
            api.kubectl("apply", "-k", ROOT / "tests/rights")
            api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
            with S3(tmp_path_factory.mktemp("s3")) as s3:
                directory = tmp_path_factory.mktemp("controller")
                CONTROLLER = Controller(api, directory, "--cluster-name", "test & <co>").start()
                try:
                    CONTROLLER.wait_ready()
                    scenarios = Parallel(api, s3, SCENARIOS, tmp_path_factory.mktemp("scenarios"))
                    scenarios.api, scenarios.s3 = api, s3
                    yield scenarios
                    scenarios.wait_all()
                finally:
                    CONTROLLER.process.kill()
                    CONTROLLER.process.wait()
    finally:
        ALERTMANAGER.close()
        SERVICES.close()


@pytest.mark.parametrize("scenario", [s.__name__ for s in SCENARIOS])
def test_scenario(world, scenario):
    world.result(scenario)
    assert CONTROLLER.ready()


def test_limits_hold(world):
    """Over everything that was sent."""
    world.wait_all()
    assert SERVICES.faults == []


def test_metrics(world):
    world.wait_all()
    status, text = CONTROLLER.get(CONTROLLER.metrics_address, "/metrics")
    assert status == 200
    value = lambda t, o: float(re.search(rf'gostat_notifications_total{{type="{t}",outcome="{o}"}} (\S+)', text)[1])  # noqa: E731
    for kind in ("WeCom", "Slack", "Webhook", "Alertmanager"):
        assert value(kind, "sent") > 0 and value(kind, "given_up") == 0 and value(kind, "dropped") == 0, kind
    assert value("WeCom", "failed") >= 1 and value("Webhook", "failed") >= 2
    assert value("Slack", "no_secret") == 1 and value("WeCom", "no_secret") == 1
    assert "gostat_notifications_waiting " in text


def test_restart(world):
    """The incident that is open is told to Alertmanager again, and to nobody else: long enough after it was found."""
    world.wait_all()
    until("it is no recent one", lambda: time.monotonic() > OPEN_SINCE[0] + 125, 130)
    before = {s: len(SERVICES.got(s, "stays")) for s in ("wecom", "slack", "webhook")}
    told = ALERTMANAGER.alerts("stays")[0]["updatedAt"]
    assert CONTROLLER.end() == 0, CONTROLLER.log[-3000:]
    CONTROLLER.start().wait_ready()
    until("Alertmanager is told again", lambda: ALERTMANAGER.alerts("stays")[0]["updatedAt"] > told, 40)
    time.sleep(5)
    after = {s: SERVICES.got(s, "stays")[before[s] :] for s in before}
    assert len(ALERTMANAGER.alerts("stays")) == 1
    assert [b["event"] for b in after["webhook"] if b["event"] == "opened"] == [], after
    assert not [t for s in ("wecom", "slack") for t in SERVICES.titles(s, "stays")[before[s] :] if t.endswith("leak")], after


def test_restart_before_it_is_told(world, tmp_path):
    """What waited for its Secret is told by the next controller; without a link where the evidence that others wrote into the
    incident's status is none of it."""
    world.wait_all()
    space = Space(world.api, world.s3, "waits", tmp_path)
    try:
        space.secret()
        space.leaky("shop", space.workload("shop"))
        space.policy("shop", mode="Observe", notify=[entry("webhook", "Webhook")])
        evidence = space.wait_evidence("shop", 1, 60)["status"]["evidence"]
        assert CONTROLLER.end() == 0, CONTROLLER.log[-3000:]
        for e in evidence:
            e["key"] = e["key"].replace("/waits/", "/stays/")
            e["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))  # newer than any to come
        name = space.incidents("shop")[0]["metadata"]["name"]
        space.patch(f"{space.incidents_path}/{name}/status", {"status": {"evidence": evidence}})
        space.secret("alerts", {"webhook": SERVICES.url("unsigned", space.name)})
        CONTROLLER.start().wait_ready()
        first = until("it is told", lambda: SERVICES.got("unsigned", space.name), 60)[0]
        assert first["event"] == "opened" and not first.get("evidenceUrl"), first
    finally:
        space.close()


def test_nothing_leaks(world):
    """Last of all: no key of a URL, no signing key and no word of an answer in the log, and no lost memory."""
    assert CONTROLLER.end() == 0, CONTROLLER.log[-3000:]
    for secret in (URL_KEY, HMAC_KEY, ANSWER, "X-Amz-Signature"):
        assert secret not in CONTROLLER.log, secret
    assert "ERROR: LeakSanitizer" not in CONTROLLER.log and "runtime error" not in CONTROLLER.log
