"""gostat incidents, show and explain against a real API server, where all objects are what the test put there: what they
print in each form, what they end with, and what they say where something is missing."""

import copy
import json
import os
import pathlib
import re
import subprocess
import time

import pytest
import yaml

from apiserver import ApiServer, bin_dir_from_env
from controller_world import Space
from crd_cases import INCIDENT_STATUS

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOSTAT = os.environ.get("GOSTAT_BIN") or str(ROOT / "build/dev/gostat")
APIS = "/apis/gostat.dev/v1alpha1/namespaces"
ENV = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1"}


def run(*args, kubeconfig=None, program=GOSTAT, env=None):
    flags = ["--kubeconfig", str(kubeconfig)] if kubeconfig else []
    done = subprocess.run(
        [program, *map(str, args), *flags], capture_output=True, text=True, timeout=60, env={**ENV, **(env or {})}
    )
    assert done.returncode in range(6), done.stderr
    return done


class World:
    """Namespaces as teams have them. What the controller would write is written here."""

    def __init__(self, api, directory):
        self.api = api
        self.kubeconfig = api.admin_kubeconfig
        self.spaces = {ns: Space(api, None, ns, directory) for ns in ("shop", "bank", "empty")}

    def status(self, path, status):
        code, answer = self.api.patch(path + "/status", {"status": status})
        assert code == 200, answer

    def incident(self, ns, name, app="payments", kind="Deployment", uid="u1", what="GoroutineLeak", **status):
        """status=None: it has none yet."""
        ref = {"apiVersion": "apps/v1", "kind": kind, "name": app, "uid": uid}
        meta = {"name": name, "labels": {"gostat.dev/pattern": "p3fa94c07be"}}
        body = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatIncident", "metadata": meta}
        path = f"{APIS}/{ns}/gostatincidents"
        self.spaces[ns].post(path, {**body, "spec": {"type": what, "workloadRef": ref}})
        if status.get("status", {}) is not None:
            self.status(f"{path}/{name}", {**copy.deepcopy(INCIDENT_STATUS), **status})

    def policy(self, ns, name, status=None, **spec):
        body = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatPolicy", "metadata": {"name": name}}
        spec = {"selector": {"matchLabels": {"app": name}}, "endpoint": {"pprof": {"port": "http"}}, **spec}
        self.spaces[ns].post(f"{APIS}/{ns}/gostatpolicies", {**body, "spec": spec})
        if status:
            self.status(f"{APIS}/{ns}/gostatpolicies/{name}", status)

    def workload(self, ns, app, replicas=1):
        """A Deployment whose rollout is finished; what its pods name as their owner."""
        owner = self.spaces[ns].workload(app, replicas=replicas)
        path = f"/apis/apps/v1/namespaces/{ns}/deployments/{app}"
        made = self.spaces[ns].get(path)
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
        self.status(path, {"observedGeneration": made["metadata"]["generation"], **counts})
        self.status(f"/apis/apps/v1/namespaces/{ns}/replicasets/{app}-5d4f", {"replicas": replicas})
        return owner, made["metadata"]["uid"]

    def run(self, *args, **options):
        return run(*args, **{"kubeconfig": self.kubeconfig, **options})

    def ok(self, *args, **options):
        done = self.run(*args, **options)
        assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
        return done.stdout

    def json(self, *args, **options):
        """The document; that of -o yaml is the same."""
        document = json.loads(self.ok(*args, "-o", "json", **options))
        same = yaml.safe_load(self.ok(*args, "-o", "yaml", **options))
        for d in (document, same):
            forget_time(d)
        assert same == document
        return document


def forget_time(value):
    """Between two runs time goes by."""
    if isinstance(value, dict):
        value.pop("ageSeconds", None)
        if "message" in value:
            value["message"] = re.sub(r"another \d+ s", "another … s", value["message"])
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        forget_time(child)


def install(api):
    api.kubectl("apply", "-k", ROOT / "crds")
    api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")


REFUSED = {"id": "a3", "type": "ScaleOut", "dryRun": False, "from": 6, "to": 6, "time": "2026-01-01T00:20:00Z"}
REFUSED |= {"outcome": "Refused", "reason": "Cooldown: limits.cooldownSeconds is 600: another 60 s"}
S3 = {"endpoint": "https://s3.example.com", "bucket": "gostat", "prefix": "prod", "credentialsSecretRef": {"name": "s3"}}
EVICT = {"actions": [{"type": "Evict", "evict": {"maxPods": 1}}], "limits": {"minAvailablePercent": 50}}


def fill(w):
    shop = w.spaces["shop"]
    owner, uid = w.workload("shop", "payments", replicas=4)
    for k in range(4):
        shop.pod("payments", f"payments-{k}", "127.0.0.9", 8080, owner, host_network=k == 2)
        binding = {"metadata": {"name": f"payments-{k}"}, "target": {"kind": "Node", "name": "n1"}}
        shop.post(f"/api/v1/namespaces/shop/pods/payments-{k}/binding", binding)
    no_port = {"metadata": {"name": "payments-x", "labels": {"app": "payments"}, "ownerReferences": [owner]}}
    no_port["spec"] = {"containers": [{"name": "main", "image": "main"}]}
    shop.post("/api/v1/namespaces/shop/pods", no_port)
    starting = copy.deepcopy(no_port)
    starting["metadata"]["name"] = "payments-y"
    starting["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    shop.post("/api/v1/namespaces/shop/pods", starting)
    w.policy("shop", "payments", mode="Enforce", snapshot={"s3": S3}, healing=EVICT)
    leaking = [{"name": "payments-1", "goroutines": 5321, "leaking": 4800}]
    w.incident("shop", "payments-1", uid=uid, pods=leaking, revision=None, actions=[])
    w.incident("shop", "cache-1", "cache", severity="P0", actions=[REFUSED], policyRef={"name": "gone", "uid": "u3"})
    w.incident("shop", "old-1", "old", phase="Resolved", severity="P0", resolutionTime="2026-01-02T00:00:00Z")
    w.incident("shop", "new-1", "new", status=None)
    resource = {"gradeReasons": ["CpuHigh"], "grade": "Suspected", "patterns": [], "evidence": [], "actions": []}
    w.incident("bank", "cpu-1", "cpu", what="Resource", **resource)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as api:
        install(api)
        world = World(api, tmp_path_factory.mktemp("shop"))
        fill(world)
        yield world


# ---- incidents ----


def rows(text):
    """Lines of a table, by the columns of its heading: no cell of these holds three spaces."""
    lines = [re.split(r" {3,}", line.strip()) for line in text.splitlines()]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def test_incidents_in_order(world):
    table = rows(world.ok("incidents", "-n", "shop"))
    # the open ones first, the worst, then the newest; the one that nobody has looked at knows nothing yet
    assert [r["INCIDENT"] for r in table] == ["cache-1", "payments-1", "new-1", "old-1"]
    assert table[0] == {
        **{"INCIDENT": "cache-1", "WORKLOAD": "Deployment/cache", "GRADE": "Proven", "SEVERITY": "P0", "PHASE": "Open"},
        **{"PODS": "1", "GOROUTINES": "5321", "GROWTH": "+4800", "FUNCTION": "payments.(*pool).acquire"},
        **{"AGE": table[0]["AGE"], "LAST": "refused: Cooldown"},
    }
    assert table[2]["GRADE"] == table[2]["SEVERITY"] == table[2]["AGE"] == "-"
    assert table[3]["PHASE"] == "Resolved" and table[3]["LAST"] == "Replace Succeeded"


def test_incidents_of_all_namespaces(world):
    table = rows(world.ok("incidents", "-A"))
    assert [(r["NAMESPACE"], r["INCIDENT"]) for r in table if r["NAMESPACE"] == "bank"] == [("bank", "cpu-1")]
    assert len(table) == 5
    assert [r["FUNCTION"] for r in table if r["INCIDENT"] == "cpu-1"] == ["CpuHigh"]


@pytest.mark.parametrize(
    "flags, names",
    [
        (["--open"], ["cache-1", "payments-1", "new-1"]),
        (["--workload", "payments"], ["payments-1"]),
        (["-w", "old", "--open"], []),
    ],
)
def test_incidents_narrowed(world, flags, names):
    assert [i["name"] for i in world.json("incidents", "-n", "shop", *flags)["incidents"]] == names


def test_no_incidents(world):
    assert world.ok("incidents", "-n", "empty") == "no incidents in namespace empty\n"
    assert world.json("incidents", "-n", "empty") == {"schema": "gostat.dev/incidents/v1", "incidents": []}


def test_incidents_as_documents_agree_with_the_table(world):
    table = rows(world.ok("incidents", "-A"))
    for row, i in zip(table, world.json("incidents", "-A")["incidents"], strict=True):
        assert (row["NAMESPACE"], row["INCIDENT"]) == (i["namespace"], i["name"])
        assert row["WORKLOAD"] == f"{i['workload']['kind']}/{i['workload']['name']}"
        assert (row["GRADE"], row["SEVERITY"], row["PHASE"]) == (i["grade"] or "-", i["severity"] or "-", i["phase"] or "-")
        assert (row["PODS"], row["GOROUTINES"]) == (str(i["podCount"]), str(i["goroutines"]))
        assert (row["GROWTH"], row["FUNCTION"]) == (f"+{i['growth']}", i["function"].split("/")[-1] or "-")


def test_an_incident_that_cannot_be_read_hides_no_other(world):
    meta = {"name": "odd-1"}
    body = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatIncident", "metadata": meta}
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "odd", "uid": "u9"}
    world.spaces["empty"].post(f"{APIS}/empty/gostatincidents", {**body, "spec": {"type": "GoroutineLeak", "workloadRef": ref}})
    try:
        done = world.run("incidents", "-A")
        assert done.returncode == 0 and len(rows(done.stdout)) == 5
        assert done.stderr.startswith("gostat: incident odd-1 is left out: ") and done.stderr.count("\n") == 1
    finally:
        assert world.api.request("DELETE", f"{APIS}/empty/gostatincidents/odd-1")[0] == 200


# ---- show ----


def test_show_tells_what_a_person_needs(world):
    text = world.ok("show", "payments-1", "-n", "shop")
    for words in (
        "goroutine leak, 1 pod, +4800 goroutines",
        "severity   High, score 0.82",
        "policy     payments, mode Enforce",
        "Proven: the Go runtime itself says",
        "LeakProfileGrows: the runtime's leak profile names it again, with more goroutines",
        "waits in   shop/payments.(*pool).acquire payments/pool.go:41",
        "created by shop/payments.(*Server).Pay",
        "Communication: the other side of a channel does not come",
        "4000 with route=/pay",
        "s3://gostat/prod/x.pb.gz",
        "sha256 " + "0" * 64,
        "go tool pprof x.pb.gz",
        "aws --endpoint-url https://s3.example.com s3 cp",
        "gostat explain payments -n shop",
    ):
        assert words in text, text
    assert "\x1b" not in text


def test_show_as_a_document(world):
    i = world.json("show", "payments-1", "-n", "shop")
    assert (i["schema"], i["grade"], i["severity"], i["phase"]) == ("gostat.dev/incident/v1", "Proven", "High", "Open")
    assert [r["reason"] for r in i["gradeReasons"]] == ["SiteGrows", "LeakProfile", "LeakProfileGrows"]
    assert i["patterns"][0]["leafFunction"] == "shop/payments.(*pool).acquire"
    assert i["evidence"][0]["url"] == "s3://gostat/prod/x.pb.gz" and "link" not in i["evidence"][0]
    assert i["next"]


@pytest.mark.parametrize(
    "name, words",
    [
        ("cache-1", "Cooldown: limits.cooldownSeconds is 600: another 60 s"),
        ("cache-1", 'Healing: there is no policy "gone" in namespace shop'),
        ("new-1", "It was just made; ask again in a few seconds"),
        ("old-1", "No pod shows it any more"),
    ],
)
def test_show_of_others(world, name, words):
    assert words in world.ok("show", name, "-n", "shop")


def test_show_links_are_signed_with_the_policys_secret(world):
    done = world.run("show", "payments-1", "-n", "shop", "--links")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'gostat show: --links: no secrets "s3" in namespace shop\n'
    secret = world.spaces["shop"].secret("s3", {"accessKeyId": "AKIA", "secretAccessKey": "top-secret"}, usable=False)
    try:
        done = world.run("show", "payments-1", "-n", "shop", "--links")
        assert done.returncode == 1 and "lacks the label gostat.dev/usable=true" in done.stderr
        world.api.patch("/api/v1/namespaces/shop/secrets/s3", {"metadata": {"labels": {"gostat.dev/usable": "true"}}})
        text = world.ok("show", "payments-1", "-n", "shop", "--links")
        assert "https://s3.example.com/gostat/prod/x.pb.gz?X-Amz-Algorithm=AWS4-HMAC-SHA256" in text
        assert "links are good for 86400 s" in text and "top-secret" not in text
        link = json.loads(world.ok("show", "payments-1", "-n", "shop", "--links", "-o", "json"))["evidence"][0]["link"]
        assert "X-Amz-Credential=AKIA" in link
    finally:
        assert world.api.request("DELETE", f"/api/v1/namespaces/shop/secrets/{secret['metadata']['name']}")[0] == 200


# ---- explain ----


def test_explain_why_pods_are_not_sampled(world):
    x = world.json("explain", "payments", "-n", "shop")
    assert x["selector"] == "app=payments" and not x["seen"]
    (w,) = x["workloads"]
    assert (w["kind"], w["name"], w["pods"], w["sampled"]) == ("Deployment", "payments", 6, 3)
    assert {(n["pods"], n["why"], n["example"]) for n in w["notSampled"]} == {
        (1, "on the host's network", "payments-2"),
        (1, "no container port is what spec.endpoint says", "payments-x"),
        (1, "not Running yet, or without an address", "payments-y"),
    }
    assert x["secrets"] == [
        {
            **{"name": "s3", "field": "spec.snapshot.s3.credentialsSecretRef", "state": "Wrong"},
            "message": "there is no Secret s3 in namespace shop",
        }
    ]
    text = world.ok("explain", "payments", "-n", "shop")
    assert "6 pods of 1 workload, of which 3 can be sampled" in text
    assert "none has looked at this policy yet: is gostat running" in text


def test_explain_next_action(world):
    (i,) = world.json("explain", "payments", "-n", "shop")["incidents"]
    assert (i["name"], i["action"], i["next"], i["unknown"]) == ("payments-1", "Evict", "Evict of payments-1", "")
    assert [o["reason"] for o in i["inTheWay"]] == ["NoController", "Secret"]
    path = f"{APIS}/shop/gostatpolicies/payments"
    world.spaces["shop"].secret("s3", {"accessKeyId": "AKIA", "secretAccessKey": "top-secret"})
    world.status(path, {"observedGeneration": 1})
    try:
        x = world.json("explain", "payments", "-n", "shop")
        assert x["seen"] and x["secrets"][0]["state"] == "InOrder" and x["incidents"][0]["inTheWay"] == []
        text = world.ok("explain", "payments", "-n", "shop")
        assert "nothing stands in the way" in text and "top-secret" not in text
    finally:
        assert world.api.request("DELETE", "/api/v1/namespaces/shop/secrets/s3")[0] == 200
        code, answer = world.api.patch(path + "/status", {"status": None})
        assert code == 200, answer


def test_explain_a_budget_that_holds_an_eviction_up(world):
    path = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
    for name, app in (("others", "cache"), ("tight", "payments")):
        spec = {"minAvailable": "100%", "selector": {"matchLabels": {"app": app}}}
        world.spaces["shop"].post(path, {"metadata": {"name": name}, "spec": spec})
    try:  # nobody counts for them here: none allows any
        (i,) = world.json("explain", "payments", "-n", "shop")["incidents"]
        assert i["budget"] == "PodDisruptionBudget tight allows no disruption now: it would wait"
        assert i["budget"] in world.ok("explain", "payments", "-n", "shop")
        loose = {"disruptionsAllowed": 1, "currentHealthy": 4, "desiredHealthy": 3, "expectedPods": 4, "observedGeneration": 1}
        world.status(f"{path}/tight", loose)
        assert world.json("explain", "payments", "-n", "shop")["incidents"][0]["budget"] == ""
    finally:
        for name in ("others", "tight"):
            assert world.api.request("DELETE", f"{path}/{name}")[0] == 200


def test_explain_all_that_stands_in_the_way(world):
    now = time.gmtime(time.time() - 600)
    freeze = {"name": "freeze", "effect": "Deny", "schedule": f"{now.tm_min} {now.tm_hour} * * *", "durationMinutes": 60}
    healing = {**EVICT, "windows": [freeze], "minGrade": "Proven"}
    incident = world.spaces["shop"].get(f"{APIS}/shop/gostatincidents/payments-1")
    ref = incident["spec"]["workloadRef"]
    acted = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    done = {"kind": ref["kind"], "name": ref["name"], "uid": ref["uid"], "actionTimes": [acted]}
    ready = {"type": "Ready", "status": "False", "reason": "Overlap", "message": "6 of 6 pods", "observedGeneration": 1}
    ready["lastTransitionTime"] = acted
    world.policy("shop", "younger", mode="Observe", selector={"matchLabels": {"app": "payments"}}, healing=healing)
    path = f"{APIS}/shop/gostatpolicies/younger"
    world.status(path, {"observedGeneration": 1, "conditions": [ready], "healing": {"workloads": [done]}})
    world.status(f"{APIS}/shop/gostatincidents/payments-1", {"policyRef": {"name": "younger", "uid": "u"}, "grade": "Probable"})
    try:
        x = world.json("explain", "younger", "-n", "shop")
        (w,) = x["workloads"]
        assert (w["policy"], w["sampled"], w["notSampled"][0]["pods"]) == ("payments", 0, 6)
        (i,) = x["incidents"]
        ways = {o["reason"]: o for o in i["inTheWay"]}
        assert list(ways) == ["OtherPolicy", "ModeObserve", "GradeTooLow", "Cooldown", "DeniedByWindow"]
        assert i["next"] == "Evict of payments-1"
        assert ways["Cooldown"]["until"] > acted and ways["DeniedByWindow"]["until"] > acted and not ways["ModeObserve"]["until"]
        (c,) = x["conditions"]
        assert (c["reason"], "narrow spec.selector" in c["fix"]) == ("Overlap", True)
        text = world.ok("explain", "younger", "-n", "shop")
        assert "an older policy selects pods of this workload: payments" in text
        assert "closed until" in text and "by freeze" in text
    finally:
        world.status(f"{APIS}/shop/gostatincidents/payments-1", {"policyRef": {"name": "payments", "uid": "u2"}, "grade": "Proven"})
        assert world.api.request("DELETE", path)[0] == 200


# ---- what is missing, and how that is said ----


def test_a_user_without_rights(world):
    user = world.api.user_kubeconfig
    for args in (["incidents", "-n", "shop"], ["show", "payments-1", "-n", "shop"], ["explain", "payments", "-n", "shop"]):
        done = world.run(*args, kubeconfig=user)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1), done
        assert "in namespace shop: ask its administrator" in done.stderr
    done = world.run("incidents", "-A", kubeconfig=user)
    assert done.returncode == 5 and "name one that you may look into with -n" in done.stderr
    assert "you may not list gostatincidents.gostat.dev in all namespaces" in done.stderr


def test_a_user_with_some_rights(world):
    """May see pods, policies and incidents, and neither Secrets nor workloads."""
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["gostat.dev"], "resources": ["gostatpolicies", "gostatincidents"], "verbs": ["get", "list"]},
    ]
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop"
    world.spaces["shop"].post(f"{path}/roles", {"metadata": {"name": "some"}, "rules": rules})
    subject = {"kind": "User", "name": "user", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "some", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "some"}, "subjects": [subject], "roleRef": role}
    world.spaces["shop"].post(f"{path}/rolebindings", binding)
    user = world.api.user_kubeconfig
    try:
        for _ in range(50):  # the API server takes a moment to know
            if world.run("incidents", "-n", "shop", kubeconfig=user).returncode == 0:
                break
            time.sleep(0.2)
        x = world.json("explain", "payments", "-n", "shop", kubeconfig=user)
        assert x["secrets"][0]["state"] == "NotChecked"
        assert x["workloads"][0]["notSampled"][0]["why"].startswith("its workload cannot be told")
        assert "it depends on what you may not read" in x["incidents"][0]["unknown"]
        assert x["incidents"][0]["next"] == ""
        assert "Evidence" in world.ok("show", "payments-1", "-n", "shop", kubeconfig=user)
        done = world.run("show", "payments-1", "-n", "shop", "--links", kubeconfig=user)
        assert done.returncode == 5 and "--links: you may not get secrets in namespace shop" in done.stderr
    finally:
        assert world.api.request("DELETE", f"{path}/rolebindings/some")[0] == 200


def test_credentials_that_are_refused(world, tmp_path):
    config = json.loads(pathlib.Path(world.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": "expired"}
    (tmp_path / "config").write_text(json.dumps(config))
    done = world.run("incidents", "-n", "shop", kubeconfig=tmp_path / "config")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "refuses these credentials (401): log in again" in done.stderr


@pytest.mark.parametrize(
    "args, words",
    [
        (["--context", "nope"], "nope"),
        (["--kubeconfig", "/nowhere/config"], "/nowhere/config"),
        (["-o", "wide"], '-o "wide": want table, json or yaml'),
        (["--opened"], "no such flag: --opened"),
        (["-n"], "flag -n needs a value"),
        (["-n", "shop", "-A"], "-n and -A exclude each other"),
        (["--open=yes"], "flag --open=yes takes no value"),
        (["more"], '"more" is one argument too many'),
    ],
)
def test_wrong_command_lines(world, args, words):
    config = None if "--kubeconfig" in args else world.kubeconfig
    done = run("incidents", *args, kubeconfig=config) if args != ["-n"] else run("incidents", "-n")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert done.stderr.startswith("gostat incidents: ") and words in done.stderr


@pytest.mark.parametrize("command", ["show", "explain"])
def test_what_is_not_there(world, command):
    done = world.run(command, "nope", "-n", "shop")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert 'there is no ' in done.stderr and '"nope" in namespace shop' in done.stderr
    done = world.run(command)
    assert done.returncode == 2 and " is missing" in done.stderr


def test_no_api_server(world, tmp_path):
    config = json.loads(pathlib.Path(world.kubeconfig).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "config").write_text(json.dumps(config))
    began = time.monotonic()
    done = world.run("incidents", kubeconfig=tmp_path / "config")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and time.monotonic() - began < 15
    assert "cannot reach the API server https://127.0.0.1:1" in done.stderr


def test_an_api_server_that_cannot_be_trusted(world, tmp_path):
    config = json.loads(pathlib.Path(world.kubeconfig).read_text())
    del config["clusters"][0]["cluster"]["certificate-authority"]
    (tmp_path / "config").write_text(json.dumps(config))
    done = world.run("incidents", kubeconfig=tmp_path / "config")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "does certificate-authority of the kubeconfig belong to it?" in done.stderr


def test_an_exec_plugin_that_fails(world, tmp_path):
    config = json.loads(pathlib.Path(world.kubeconfig).read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/plugin", "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": plugin}
    (tmp_path / "config").write_text(json.dumps(config))
    done = world.run("incidents", kubeconfig=tmp_path / "config")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "/nowhere/plugin" in done.stderr


def test_no_crds(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("bare")) as api:
        for args in (["incidents", "-A"], ["show", "x"], ["explain", "x"]):
            done = run(*args, kubeconfig=api.admin_kubeconfig)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done
            assert "gostat's CRDs are not installed there" in done.stderr


# ---- as a plugin of kubectl ----


def test_called_by_kubectl(world, tmp_path):
    (tmp_path / "kubectl-gostat").symlink_to(pathlib.Path(GOSTAT).resolve())
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = run("gostat", "incidents", "-n", "shop", program=world.api.bin / "kubectl", env=path, kubeconfig=world.kubeconfig)
    assert done.returncode == 0 and "payments-1" in done.stdout
    files = (["watch", "--help"], ["analyze", "--help"], ["diff", "--help"], ["backtest", "--help"], ["audit", "--help"])
    for args in (["--help"], ["incidents", "--help"], ["help", "show"], *files):
        done = run(*args, program=tmp_path / "kubectl-gostat")
        assert done.returncode == 0 and "usage: kubectl gostat " in done.stdout, done
    done = run("incidents", "--nope", program=tmp_path / "kubectl-gostat")
    assert done.returncode == 2 and done.stderr.startswith("kubectl gostat incidents: ")


@pytest.mark.parametrize("command", ["incidents", "show", "explain"])
def test_help(command):
    done = run(command, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: gostat {command} ")
    for words in ("\nexamples:\n", "\nexit codes:\n", "--kubeconfig FILE", "-h, --help"):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120
