"""Objects for test_crds.py: valid ones, and tables of what to change in them."""

POLICIES = "/apis/gostat.dev/v1alpha1/namespaces/default/gostatpolicies"
INCIDENTS = "/apis/gostat.dev/v1alpha1/namespaces/default/gostatincidents"

S3 = {
    "endpoint": "https://s3.example.com",
    "bucket": "gostat",
    "prefix": "prod",
    "credentialsSecretRef": {"name": "gostat-s3"},
}
VALID = {
    "apiVersion": "gostat.dev/v1alpha1",
    "kind": "GostatPolicy",
    "metadata": {"name": "payments"},
    "spec": {
        "mode": "Enforce",
        "selector": {"matchLabels": {"app": "payments"}},
        "endpoint": {"pprof": {"port": 6060}, "metrics": {"port": "metrics"}},
        "snapshot": {"s3": S3},
        "healing": {"actions": [{"type": "ScaleOut", "scaleOut": {"maxReplicas": 10}}]},
    },
}
MINIMAL = {
    **VALID,
    "spec": {"selector": {"matchLabels": {"app": "payments"}}, "endpoint": {"pprof": {"port": 6060}}},
}
INCIDENT = {
    "apiVersion": "gostat.dev/v1alpha1",
    "kind": "GostatIncident",
    "metadata": {"name": "payments-3fa94c07be"},
    "spec": {
        "type": "GoroutineLeak",
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payments", "uid": "u1"},
    },
}


def merge(value, patch):
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    value = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            value.pop(key, None)
        else:
            value[key] = merge(value.get(key), part)
    return value


def at(path, value):
    """at("a.b", 1) is {"a": {"b": 1}}."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def expression(**fields):
    return {"selector": {"matchLabels": None, "matchExpressions": [fields]}}


def actions(*items):
    return at("healing.actions", list(items))


def s3(**fields):
    return at("snapshot.s3", fields)


SCALE_OUT = {"type": "ScaleOut", "scaleOut": {"maxReplicas": 10}}

# name: patch to the valid spec
ACCEPTED = {
    "as it is": {},
    "observe without s3": {"mode": "Observe", "snapshot": None},
    "dry run without s3": {"mode": "DryRun", "snapshot": {"s3": None}},
    "suspended": {"suspend": True},
    "expressions only": expression(key="example.com/tier", operator="In", values=["a", "b"]),
    "exists": expression(key="app", operator="Exists"),
    "does not exist": expression(key="app", operator="DoesNotExist", values=[]),
    "label value empty": at("selector.matchLabels.app", ""),
    "no metrics": at("endpoint.metrics", None),
    "ports 1 and 65535": at("endpoint", {"pprof": {"port": 1}, "metrics": {"port": 65535}}),
    "port names": at("endpoint", {"pprof": {"port": "http-pprof-6060"}, "metrics": {"port": "m"}}),
    "path at the root": at("endpoint.metrics.path", "/metrics"),
    "interval 1": at("sampling", {"intervalSeconds": 1, "timeoutSeconds": 1}),
    "interval 300": merge(at("sampling.intervalSeconds", 300), at("detection.floor.windowSeconds", 300)),
    "interval above a floor window that is off": merge(
        at("sampling.intervalSeconds", 121), at("detection.floor.enabled", False)
    ),
    "interval above a window that is off": merge(
        at("sampling.intervalSeconds", 61), at("detection.surge", {"enabled": False, "windowSeconds": 60})
    ),
    "timeout equals interval": at("sampling", {"intervalSeconds": 60, "timeoutSeconds": 60}),
    "rules at their least": at(
        "detection",
        {
            "growth": {"periods": 2, "percentPerMinute": 1},
            "surge": {"goroutines": 1, "percent": 1, "windowSeconds": 30},
            "blocked": {"goroutines": 1},
            "floor": {"windowSeconds": 5, "windows": 2},
            "baseline": {"staticGoroutines": 1, "samples": 5, "percentile": 50},
            "tolerance": {"class": "Custom", "permille": 0},
            "leakProfile": "Never",
        },
    ),
    "rules at their most": at(
        "detection",
        {
            "growth": {"periods": 15, "percentPerMinute": 1000},
            "surge": {"goroutines": 10000000, "percent": 1000, "windowSeconds": 3600},
            "blocked": {"goroutines": 10000000},
            "floor": {"windowSeconds": 3600, "windows": 8},
            "baseline": {"staticGoroutines": 1000000000, "samples": 30, "percentile": 99},
            "tolerance": {"class": "Custom", "permille": 1000},
            "leakProfile": "Auto",
        },
    ),
    "a window of 1 second": merge(
        at("sampling", {"intervalSeconds": 1, "timeoutSeconds": 1}), at("detection.floor.windowSeconds", 1)
    ),
    "classes by name": at("detection.tolerance.class", "Search"),
    "permille as its class has it": at("detection.tolerance", {"class": "Cache", "permille": 50}),
    "permille as the default class has it": at("detection.tolerance.permille", 20),
    "permille of Login": at("detection.tolerance", {"class": "Login", "permille": 5}),
    "permille of Search": at("detection.tolerance", {"class": "Search", "permille": 5}),
    "only the leak profile": at("snapshot.profiles", ["GoroutineLeak"]),
    "no full dumps": at("snapshot.fullDumpMaxGoroutines", 0),
    "full dumps at their most": at("snapshot.fullDumpMaxGoroutines", 100000),
    "s3 over http with a port": s3(endpoint="http://127.0.0.1:7070"),
    "s3 at an IPv6 address": s3(endpoint="https://[fd00::1]:65535"),
    "s3 by virtual host": s3(addressing="VirtualHost"),
    "bucket of 3": s3(bucket="abc"),
    "bucket of 63": s3(bucket="a" * 63),
    "no prefix": s3(prefix=None),
    "prefix of two parts": s3(prefix="prod/eu-1"),
    "ca": s3(caSecretRef={"name": "gostat-s3"}),
    "healing without actions": {"healing": {"actions": []}},
    "observe with actions": {"mode": "Observe"},
    "four actions": actions(*[SCALE_OUT] * 4),
    "suspected is enough": at("healing.minGrade", "Suspected"),
    "proven only": at("healing.minGrade", "Proven"),
}


def condition(name, **fields):
    return {
        **{"type": name, "status": "True", "reason": "SiteGrows", "message": "m", "observedGeneration": 1},
        **{"lastTransitionTime": "2026-01-01T00:00:00Z", **fields},
    }


POLICY_STATUS = {
    "observedGeneration": 1,
    "conditions": [condition("Ready"), condition("Leaking")],
    "targets": {"matched": 6, "sampled": 5, "unreachable": 1, "leaking": 2},
    "openIncidents": 1,
    "healing": {
        "workloads": [
            {
                **{"kind": "Deployment", "name": "payments", "uid": "u1", "incident": "payments-3fa94c07be"},
                **{"actionTimes": ["2026-01-01T00:00:00Z"], "addedReplicas": 1, "scaledTo": 7},
                "pending": {
                    **{"id": "a1", "incident": "payments-3fa94c07be", "type": "ScaleOut", "step": "Intended"},
                    **{"from": 6, "to": 7, "previous": {}},
                },
            }
        ]
    },
}
INCIDENT_STATUS = {
    "policyRef": {"name": "payments", "uid": "u2"},
    "conditions": [condition("Resolved", status="False"), condition("EvidenceStored")],
    **{"phase": "Open", "grade": "Proven", "gradeReasons": ["SiteGrows", "LeakProfile", "LeakProfileGrows"]},
    **{"severity": "High", "score": "0.82", "revision": "6c7d9dc87b"},
    **{"startTime": "2026-01-01T00:00:00Z", "detectionTime": "2026-01-01T00:00:20Z"},
    **{"localizationTime": "2026-01-01T00:00:28Z", "resolutionTime": None, "occurrences": 1, "podCount": 1},
    "pods": [{"name": "payments-6c7d9dc87b-kxqh2", "goroutines": 5321, "leaking": 4800}],
    "patterns": [
        {
            **{"id": "p3fa94c07be", "count": 4800, "state": "chan send", "labels": {"route": "/pay"}},
            **{"boundary": "Communication", "risk": "High", "score": "1.00"},
            "labelSets": [{"count": 4000, "labels": {"route": "/pay"}}, {"count": 800, "labels": {}}],
            "createdBy": "shop/payments.(*Server).Pay",
            "leafFunction": "shop/payments.(*pool).acquire",
            "entryFunction": "shop/payments.(*Server).Pay.func1",
            "keyFrames": ["shop/payments.(*pool).acquire payments/pool.go:41"],
        }
    ],
    "evidence": [
        {
            **{
                "kind": "Goroutine",
                "pod": "payments-6c7d9dc87b-kxqh2",
                "key": "prod/x.pb.gz",
                "sha256": "0" * 64,
            },
            **{"bytes": 18233, "time": "2026-01-01T00:00:26.123456Z"},
        }
    ],
    "actions": [
        {
            **{"id": "a1", "type": "ScaleOut", "dryRun": False, "from": 6, "to": 7, "reason": ""},
            **{"time": "2026-01-01T00:00:29Z", "outcome": "Succeeded"},
        }
    ],
}

# name: (path, where in the whole status, the value put there, fragment)
STATUS_REFUSED = {
    "pending step": (
        POLICIES,
        ["healing", "workloads", 0, "pending", "step"],
        "Guessed",
        "step: Unsupported value",
    ),
    "added below 0": (
        POLICIES,
        ["healing", "workloads", 0, "addedReplicas"],
        -1,
        "addedReplicas: Invalid value",
    ),
    "action time": (
        POLICIES,
        ["healing", "workloads", 0, "actionTimes", 0],
        "now",
        "actionTimes[0]: Invalid value",
    ),
    "65 workloads": (
        POLICIES,
        ["healing", "workloads"],
        [{"kind": "Deployment", "name": "a", "uid": f"u{i}"} for i in range(65)],
        "status.healing.workloads: Too many",
    ),
    "a condition twice": (
        POLICIES,
        ["conditions", 1, "type"],
        "Ready",
        "status.conditions[1]: Duplicate value",
    ),
    "grade": (INCIDENTS, ["grade"], "Certain", "status.grade: Unsupported value"),
    "score a number": (INCIDENTS, ["score"], 0.82, "status.score: Invalid value"),
    "score of one digit": (INCIDENTS, ["score"], "0.8", "status.score: Invalid value"),
    "score above 1": (INCIDENTS, ["score"], "1.01", "status.score: Invalid value"),
    "revision too long": (INCIDENTS, ["revision"], "a" * 64, "status.revision: Too long"),
    "boundary": (
        INCIDENTS,
        ["patterns", 0, "boundary"],
        "Wall",
        "status.patterns[0].boundary: Unsupported value",
    ),
    "risk": (INCIDENTS, ["patterns", 0, "risk"], "P0", "status.patterns[0].risk: Unsupported value"),
    "score of a pattern": (
        INCIDENTS,
        ["patterns", 0, "score"],
        "0,82",
        "status.patterns[0].score: Invalid value",
    ),
    "creator too long": (
        INCIDENTS,
        ["patterns", 0, "createdBy"],
        "f" * 1025,
        "status.patterns[0].createdBy: Too long",
    ),
    "4 label sets": (
        INCIDENTS,
        ["patterns", 0, "labelSets"],
        [{"count": 1, "labels": {}}] * 4,
        "status.patterns[0].labelSets: Too many",
    ),
    "label set without count": (
        INCIDENTS,
        ["patterns", 0, "labelSets", 0],
        {"labels": {}},
        "status.patterns[0].labelSets[0].count: Required value",
    ),
    "label set of 17": (
        INCIDENTS,
        ["patterns", 0, "labelSets", 0, "labels"],
        {f"l{i}": "x" for i in range(17)},
        "status.patterns[0].labelSets[0].labels: Too many",
    ),
    "evidence kind": (
        INCIDENTS,
        ["evidence", 0, "kind"],
        "FullDump",
        "status.evidence[0].kind: Unsupported value",
    ),
    "severity": (INCIDENTS, ["severity"], "Bad", "status.severity: Unsupported value"),
    "outcome": (
        INCIDENTS,
        ["actions", 0, "outcome"],
        "Ineffective",
        "status.actions[0].outcome: Unsupported value",
    ),
    "checksum": (INCIDENTS, ["evidence", 0, "sha256"], "F" * 64, "status.evidence[0].sha256: Invalid value"),
    "21 pods": (INCIDENTS, ["pods"], [{"name": "p"}] * 21, "status.pods: Too many"),
    "11 patterns": (
        INCIDENTS,
        ["patterns"],
        [{"id": "p", "leafFunction": "f"}] * 11,
        "status.patterns: Too many",
    ),
}
