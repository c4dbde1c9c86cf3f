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


def window(**fields):
    """A whole window with these fields changed; None takes one away."""
    whole = {"name": "freeze", "effect": "Deny", "schedule": "0 20 * * 5", "durationMinutes": 600}
    return {key: value for key, value in {**whole, **fields}.items() if value is not None}


def windows(*items):
    return at("healing.windows", list(items))


def tls(**fields):
    return at("endpoint", {"scheme": "HTTPS", "tls": fields})


def authorization(**fields):
    return at("endpoint.authorization", fields)


def schedule(text):
    return windows(window(schedule=text))


def notice(**fields):
    """A whole destination with these fields changed; None takes one away."""
    whole = {"name": "oncall", "type": "WeCom", "urlSecretRef": {"name": "alerts", "key": "wecom"}}
    return {key: value for key, value in {**whole, **fields}.items() if value is not None}


def notify(*items):
    return {"notify": list(items)}


SCALE_OUT = {"type": "ScaleOut", "scaleOut": {"maxReplicas": 10}}
REPLACE = {"type": "Replace", "replace": {"maxPods": 2, "readySeconds": 0}}
EVICT = {"type": "Evict", "evict": {"maxPods": 8}}
RESTART = {"type": "Restart"}
HMAC = {"name": "alerts", "key": "hmac"}
BEARER = {"name": "pods", "key": "token"}
BASIC = {"name": "pods"}

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
    "https": at("endpoint.scheme", "HTTPS"),
    "https, tls empty": tls(),
    "all of tls": tls(
        caSecretRef={"name": "ca", "key": "roots.pem"},
        serverName="pods.shop.svc",
        clientCertSecretRef={"name": "client"},
        insecureSkipVerify=False,
    ),
    "insecure with a name": tls(insecureSkipVerify=True, serverName="a"),
    "a token over https": merge(tls(), authorization(bearerTokenSecretRef=BEARER)),
    "a password over http": authorization(basicAuthSecretRef=BASIC),
    "on the host's network": {"allowHostNetwork": True},
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
            "resources": {"cpuPercent": 0, "cpuForSeconds": 10, "goroutines": 0, "heapInuseBytes": 0},
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
            "resources": {
                **{"cpuPercent": 1000, "cpuForSeconds": 3600, "goroutines": 10000000},
                **{"heapInuseBytes": 2**50, "enabled": False},
            },
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
    "all profiles": at(
        "snapshot", {"profiles": ["Trace", "CPU", "Heap", "GoroutineLeak", "Goroutine"], "cpuSeconds": 600}
    ),
    "heap only": at("snapshot.profiles", ["Heap"]),
    "no leak profile, but others": merge(
        at("snapshot.profiles", ["GoroutineLeak", "CPU"]), at("detection.leakProfile", "Never")
    ),
    "only traces, dry run": merge({"mode": "DryRun"}, at("snapshot.profiles", ["Trace"])),
    "seconds at their least": at("snapshot", {"cpuSeconds": 1, "traceSeconds": 1}),
    "a trace of a minute": at("snapshot.traceSeconds", 60),
    "retention of a day": at("snapshot.retention", {"highDays": 1, "mediumDays": 1, "maxBytes": 2**20}),
    "retention of ten years": at(
        "snapshot.retention", {"highDays": 3650, "mediumDays": 3650, "lowDays": 3650, "maxBytes": 2**50}
    ),
    "encrypted": s3(serverSideEncryption="AES256"),
    "encrypted by the bucket's key": s3(serverSideEncryption="aws:kms"),
    "encrypted by a key": s3(
        serverSideEncryption="aws:kms", kmsKeyId="arn:aws:kms:us-east-1:123456789012:key/0f0f-1"
    ),
    "links of a minute": s3(presignSeconds=60),
    "links of a week": s3(presignSeconds=604800),
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
    "four actions": actions(SCALE_OUT, REPLACE, EVICT, RESTART),
    "actions by their types": actions({"type": "Replace"}, {"type": "Evict"}, {"type": "Restart"}),
    "holds equal": actions(merge(SCALE_OUT, at("scaleOut", {"holdSeconds": 30, "maxHoldSeconds": 30}))),
    "holds of a day": actions(merge(SCALE_OUT, at("scaleOut", {"holdSeconds": 86400, "maxHoldSeconds": 86400}))),
    "step as maxReplicas": actions(merge(SCALE_OUT, at("scaleOut.step", 10))),
    "limits at their least": at(
        "healing.limits", {"cooldownSeconds": 1, "maxActionsPerHour": 1, "minAvailablePercent": 0, "maxAddedReplicas": 1}
    ),
    "limits at their most": at(
        "healing.limits",
        {"cooldownSeconds": 86400, "maxActionsPerHour": 60, "minAvailablePercent": 100, "maxAddedReplicas": 1000},
    ),
    "eight windows": windows(*[window(name=f"w{i}") for i in range(8)]),
    "a window of each effect": windows(window(), window(name="night", effect="Allow", timeZone="Asia/Shanghai")),
    "a window of a minute": windows(window(durationMinutes=1, timeZone="Etc/GMT+8")),
    "a window of a week": windows(window(durationMinutes=10080, timeZone="America/Argentina/Buenos_Aires")),
    "schedule of names": schedule("0 9 1-7 JAN,mar-Jun MON-FRI"),
    "schedule of steps": schedule("*/15 0-23/2 1,15 */3 0,7"),
    "schedule of the last values": schedule("59 23 31 12 6"),
    "schedule with zeros and blanks": schedule("05  08 01\t02 *"),
    "eight destinations": notify(*[notice(name=f"n{i}") for i in range(8)]),
    "a destination of each type": notify(
        notice(minSeverity="P0"),
        notice(name="slack", type="Slack", minSeverity="High"),
        notice(name="hook", type="Webhook", hmacSecretRef=HMAC),
        notice(name="plain-hook", type="Webhook", minSeverity="Low"),
        notice(name="am", type="Alertmanager", minSeverity="Medium"),
    ),
    "suspected is enough": at("healing.minGrade", "Suspected"),
    "proven only": at("healing.minGrade", "Proven"),
}


def condition(name, **fields):
    return {
        **{"type": name, "status": "True", "reason": "SiteGrows", "message": "m", "observedGeneration": 1},
        **{"lastTransitionTime": "2026-01-01T00:00:00Z", **fields},
    }


PENDING = {
    **{"id": "a1", "incident": "payments-3fa94c07be", "type": "Replace", "step": "Marking", "from": 6, "to": 7},
    **{"autoscaler": "payments", "minAvailable": 5, "readySeconds": 30, "growth": -40, "reason": "no pod got Ready"},
    **{"begunTime": "2026-01-01T00:00:00Z", "stepTime": "2026-01-01T00:00:31Z"},
    "victims": [
        {"name": "payments-6c7d9dc87b-kxqh2", "uid": "p1", "hadCost": True, "cost": -100},
        {"name": "payments-6c7d9dc87b-zzzzz", "uid": "p2", "hadCost": False},
    ],
}
POLICY_STATUS = {
    "observedGeneration": 1,
    "conditions": [condition("Ready"), condition("Leaking")],
    "targets": {"matched": 6, "sampled": 5, "unreachable": 1, "leaking": 2},
    "openIncidents": 1,
    "healing": {
        "workloads": [
            {
                **{"apiVersion": "apps/v1", "kind": "Deployment", "name": "payments", "uid": "u1"},
                **{"incident": "payments-3fa94c07be", "actionTimes": ["2026-01-01T00:00:00Z"]},
                **{"lastFailed": True, "addedReplicas": 1, "scaledTo": 7, "autoscaler": "payments", "growth": 3600, "judged": True},
                **{"scaledTime": "2026-01-01T00:00:00Z", "pending": PENDING},
            }
        ]
    },
    "auditHead": "sha256:" + "0f" * 32,
    "auditSequence": 12,
    "auditTail": ['{"schema":"gostat.dev/audit/v1","seq":12}'],
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
            **{"time": "2026-01-01T00:00:29Z", "outcome": "Ineffective"},
        },
        {
            **{"id": "a2", "type": "Replace", "dryRun": False, "from": 6, "to": 7, "reason": ""},
            **{"time": "2026-01-01T00:10:29Z", "outcome": "Succeeded", "pods": ["payments-6c7d9dc87b-kxqh2"]},
        },
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
    "pending type": (
        POLICIES,
        ["healing", "workloads", 0, "pending", "type"],
        "Guess",
        "type: Unsupported value",
    ),
    "nine victims": (
        POLICIES,
        ["healing", "workloads", 0, "pending", "victims"],
        [{"name": "p", "uid": "u"}] * 9,
        "pending.victims: Too many",
    ),
    "victim without uid": (
        POLICIES,
        ["healing", "workloads", 0, "pending", "victims", 0],
        {"name": "p"},
        "pending.victims[0].uid: Required value",
    ),
    "time of a step": (
        POLICIES,
        ["healing", "workloads", 0, "pending", "stepTime"],
        "now",
        "pending.stepTime: Invalid value",
    ),
    "audit head": (POLICIES, ["auditHead"], "sha256:" + "F0" * 32, "status.auditHead: Invalid value"),
    "audit sequence": (POLICIES, ["auditSequence"], -1, "status.auditSequence: Invalid value"),
    "17 audit lines": (POLICIES, ["auditTail"], ["{}"] * 17, "status.auditTail: Too many"),
    "audit line too long": (POLICIES, ["auditTail", 0], "a" * 2048, "status.auditTail[0]: Too long"),
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
        "Mutex",
        "status.evidence[0].kind: Unsupported value",
    ),
    "severity": (INCIDENTS, ["severity"], "Bad", "status.severity: Unsupported value"),
    "outcome": (
        INCIDENTS,
        ["actions", 0, "outcome"],
        "Useless",
        "status.actions[0].outcome: Unsupported value",
    ),
    "action": (INCIDENTS, ["actions", 0, "type"], "Delete", "status.actions[0].type: Unsupported value"),
    "nine pods of an action": (INCIDENTS, ["actions", 1, "pods"], ["p"] * 9, "status.actions[1].pods: Too many"),
    "checksum": (INCIDENTS, ["evidence", 0, "sha256"], "F" * 64, "status.evidence[0].sha256: Invalid value"),
    "21 pods": (INCIDENTS, ["pods"], [{"name": "p"}] * 21, "status.pods: Too many"),
    "11 patterns": (
        INCIDENTS,
        ["patterns"],
        [{"id": "p", "leafFunction": "f"}] * 11,
        "status.patterns: Too many",
    ),
}
