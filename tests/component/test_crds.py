"""The CRDs on a real API server: what they refuse and with which words, what they accept, and what they default."""

import copy
import json
import pathlib
import re

import pytest

from apiserver import ApiServer, bin_dir_from_env
from crd_cases import (
    ACCEPTED,
    INCIDENT,
    INCIDENTS,
    INCIDENT_STATUS,
    MINIMAL,
    POLICIES,
    POLICY_STATUS,
    RESTART,
    SCALE_OUT,
    STATUS_REFUSED,
    VALID,
    actions,
    at,
    merge,
    notice,
    notify,
    window,
    windows,
)
from crd_refused import REFUSED

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "crds")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


@pytest.fixture
def stored(api):
    """Creates objects that are deleted after the test."""
    made = []

    def create(path, body):
        status, answer = api.request("POST", path, body)
        assert status == 201, answer
        made.append(f"{path}/{body['metadata']['name']}")
        return answer, made[-1]

    yield create
    for path in made:
        assert api.request("DELETE", path)[0] == 200


def says(answer, fragments):
    """The message holds all fragments, in this order; " ... " between them stands for the value, which it repeats."""
    pattern = ".*".join(re.escape(part) for part in fragments.split(" ... "))
    assert re.search(pattern, answer["message"], re.DOTALL), f"{fragments!r} not in: {answer['message']}"


def dry_run(api, path, body):
    return api.request("POST", f"{path}?dryRun=All&fieldValidation=Strict", body)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(api, name):
    patch, fragment = REFUSED[name]
    status, answer = dry_run(api, POLICIES, merge(VALID, {"spec": patch}))
    assert status in (400, 422), answer
    says(answer, fragment)


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(api, name):
    status, answer = dry_run(api, POLICIES, merge(VALID, {"spec": ACCEPTED[name]}))
    assert status == 201, answer["message"]


def test_defaults(api):
    status, answer = dry_run(api, POLICIES, MINIMAL)
    assert status == 201, answer
    assert answer["spec"] == {
        "mode": "Observe",
        "allowHostNetwork": False,
        "suspend": False,
        "selector": {"matchLabels": {"app": "payments"}},
        "endpoint": {"scheme": "HTTP", "pprof": {"port": 6060, "path": "/debug/pprof"}},
        "sampling": {"intervalSeconds": 5, "timeoutSeconds": 2, "profileIntervalSeconds": 300},
        "detection": {
            "growth": {"enabled": True, "periods": 3, "percentPerMinute": 15},
            "surge": {"enabled": True, "goroutines": 5000, "percent": 30, "windowSeconds": 300},
            "blocked": {"enabled": True, "goroutines": 100},
            "floor": {"enabled": True, "windowSeconds": 120, "windows": 4},
            "baseline": {"enabled": True, "staticGoroutines": 2000, "samples": 30, "percentile": 90},
            "tolerance": {"class": "Payment"},
            "resources": {
                **{"enabled": True, "cpuPercent": 90, "cpuForSeconds": 180},
                **{"goroutines": 5000, "heapInuseBytes": 536870912},
            },
            "leakProfile": "Auto",
        },
    }


def test_defaults_of_the_optional_parts(api):
    status, answer = dry_run(
        api,
        POLICIES,
        merge(
            VALID,
            {
                "spec": {
                    **at("snapshot.s3", {"prefix": None, "caSecretRef": {"name": "ca"}}),
                    **actions(SCALE_OUT, {"type": "Replace", "replace": {}}, {"type": "Evict", "evict": {}}, RESTART),
                    **notify(notice()),
                }
            },
        ),
    )
    assert status == 201, answer
    spec = answer["spec"]
    assert spec["endpoint"]["metrics"] == {"port": "metrics", "path": "/metrics"}
    assert spec["snapshot"] == {
        "profiles": ["Goroutine", "GoroutineLeak"],
        "cpuSeconds": 120,
        "traceSeconds": 5,
        "fullDumpMaxGoroutines": 5000,
        "retention": {"highDays": 7, "mediumDays": 3, "lowDays": 1, "maxBytes": 10737418240},
        "s3": {
            "endpoint": "https://s3.example.com",
            "region": "us-east-1",
            "bucket": "gostat",
            "addressing": "Path",
            "credentialsSecretRef": {"name": "gostat-s3"},
            "caSecretRef": {"name": "ca", "key": "ca.crt"},
            "presignSeconds": 86400,
        },
    }
    assert spec["healing"] == {
        "minGrade": "Probable",
        "actions": [
            {
                "type": "ScaleOut",
                "scaleOut": {"step": 1, "maxReplicas": 10, "holdSeconds": 600, "maxHoldSeconds": 7200},
            },
            {"type": "Replace", "replace": {"maxPods": 1, "readySeconds": 30}},
            {"type": "Evict", "evict": {"maxPods": 1}},
            {"type": "Restart"},
        ],
        "limits": {
            **{"cooldownSeconds": 600, "maxActionsPerHour": 4},
            **{"minAvailablePercent": 75, "maxAddedReplicas": 5},
        },
    }
    assert spec["notify"] == [{**notice(), "minSeverity": "Low"}]


def test_defaults_of_windows(api):
    status, answer = dry_run(api, POLICIES, merge(VALID, {"spec": windows(window())}))
    assert status == 201, answer
    assert answer["spec"]["healing"]["windows"] == [{**window(), "timeZone": "UTC"}]


def test_resource_incident(api):
    status, answer = dry_run(api, INCIDENTS, merge(INCIDENT, {"spec": {"type": "Resource"}}))
    assert status == 201, answer


@pytest.mark.parametrize(
    "path, body, whole", [(POLICIES, VALID, POLICY_STATUS), (INCIDENTS, INCIDENT, INCIDENT_STATUS)]
)
def test_status_is_a_subresource(api, stored, path, body, whole):
    made, where = stored(path, merge(body, {"status": whole}))
    assert "status" not in made  # not through the object itself
    generation = made["metadata"]["generation"]
    status, answer = api.patch(f"{where}/status", {"status": whole, "spec": {"mode": "Observe"}})
    assert status == 200, answer
    assert answer["spec"] == made["spec"]  # and nothing else through the status
    assert answer["metadata"]["generation"] == generation
    expected = copy.deepcopy(whole)
    expected.pop("resolutionTime", None)  # null in a merge patch deletes
    assert answer["status"] == expected  # nothing pruned
    status, answer = api.patch(where, {"status": {"openIncidents": 9, "podCount": 9}})
    assert status == 200 and answer["status"] == expected


@pytest.mark.parametrize("name", STATUS_REFUSED)
def test_status_refused(api, stored, name):
    path, keys, value, fragment = STATUS_REFUSED[name]
    body, whole = (VALID, POLICY_STATUS) if path == POLICIES else (INCIDENT, INCIDENT_STATUS)
    whole = copy.deepcopy(whole)
    place = whole
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    _, where = stored(path, body)
    status, answer = api.patch(f"{where}/status", {"status": whole})
    assert status == 422, answer
    says(answer, fragment)


@pytest.mark.parametrize(
    "patch",
    [
        {"workloadRef": {"name": "other"}},
        {"workloadRef": {"uid": "u9"}},
        {"workloadRef": {"kind": "StatefulSet"}},
    ],
)
def test_incident_spec_is_immutable(api, stored, patch):
    _, where = stored(INCIDENTS, INCIDENT)
    status, answer = api.patch(where, {"spec": patch})
    assert status == 422, answer
    assert "spec: Invalid value: spec is immutable" in answer["message"]
    assert api.patch(where, {"metadata": {"labels": {"seen": "yes"}}})[0] == 200


@pytest.mark.parametrize(
    "patch, fragment",
    [
        ({"type": "MemoryLeak"}, "spec.type: Unsupported value"),
        ({"workloadRef": {"uid": None}}, "spec.workloadRef.uid: Required value"),
        ({"workloadRef": {"name": ""}}, "spec.workloadRef.name: Invalid value"),
        ({"workloadRef": None}, "spec.workloadRef: Required value"),
    ],
)
def test_incident_refused(api, patch, fragment):
    status, answer = dry_run(api, INCIDENTS, merge(INCIDENT, {"spec": patch}))
    assert status == 422, answer
    says(answer, fragment)


def test_columns_short_names_and_category(api, stored):
    _, policy = stored(POLICIES, VALID)
    _, incident = stored(INCIDENTS, INCIDENT)
    assert api.patch(f"{policy}/status", {"status": POLICY_STATUS})[0] == 200
    assert api.patch(f"{incident}/status", {"status": INCIDENT_STATUS})[0] == 200

    def table(kind):
        return [re.split(r"\s{2,}", line.strip()) for line in api.kubectl("get", kind).stdout.splitlines()]

    head, row = table("gsp")
    assert head == ["NAME", "MODE", "PODS", "LEAKING", "INCIDENTS", "AGE"]
    assert row[:5] == ["payments", "Enforce", "6", "2", "1"]
    head, row = table("gsi")
    assert head == ["NAME", "WORKLOAD", "GRADE", "SEVERITY", "GOROUTINES", "LEAF FUNCTION", "PHASE", "AGE"]
    assert row[:7] == [
        *[
            "payments-3fa94c07be",
            "payments",
            "Proven",
            "High",
            "4800",
            "shop/payments.(*pool).acquire",
            "Open",
        ]
    ]
    names = api.kubectl("get", "gostat", "-o", "name").stdout.split()
    assert names == ["gostatincident.gostat.dev/payments-3fa94c07be", "gostatpolicy.gostat.dev/payments"]


def test_every_field_is_described_and_bounded(api):
    """Each property of spec and status says what it means; numbers, texts and lists have bounds."""
    _, crds = api.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    missing = []

    def walk(path, schema):
        kind = schema.get("type")
        fixed = "enum" in schema or schema.get("format") == "date-time"
        if kind == "integer" and "minimum" not in schema:
            missing.append(f"{path}: minimum")
        if kind == "integer" and ".spec" in path and "maximum" not in schema:
            missing.append(f"{path}: maximum")
        if kind == "string" and not fixed and "maxLength" not in schema:
            missing.append(f"{path}: maxLength")
        if kind == "array" and "maxItems" not in schema:
            missing.append(f"{path}: maxItems")
        if "additionalProperties" in schema:
            if "maxProperties" not in schema:
                missing.append(f"{path}: maxProperties")
            walk(f"{path}[]", schema["additionalProperties"])
        if "items" in schema:
            walk(f"{path}[]", schema["items"])
        for name, part in schema.get("properties", {}).items():
            if not part.get("description"):
                missing.append(f"{path}.{name}: description")
            walk(f"{path}.{name}", part)

    for crd in crds["items"]:
        properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        for part in ("spec", "status"):
            walk(f"{crd['spec']['names']['kind']}.{part}", properties[part])
    assert len(crds["items"]) == 2
    assert missing == []


def test_kubectl_shows_the_reason(api):
    """What a user sees when applying a policy that breaks two rules."""
    bad = merge(VALID, {"spec": {"snapshot": None, "sampling": {"timeoutSeconds": 9}}})
    done = api.kubectl("apply", "-f", "-", stdin=json.dumps(bad), check=False)
    assert done.returncode == 1
    assert "spec.snapshot: Required value: mode Enforce needs snapshot.s3" in done.stderr
    assert "spec.sampling.timeoutSeconds: Invalid value" in done.stderr
