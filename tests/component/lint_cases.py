"""Policies made by changing one field of a whole one in every way that its schema knows a limit for."""

import copy

from crd_cases import EVICT, HMAC, REPLACE, RESTART, SCALE_OUT, VALID, merge, notice, s3, window

# Every field of the schema is in one of these.
WHOLE = [
    merge(
        VALID,
        {
            "spec": {
                "suspend": False,
                "allowHostNetwork": False,
                "selector": {
                    "matchLabels": {"app": "payments"},
                    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a"]}],
                },
                "endpoint": {
                    "scheme": "HTTPS",
                    "tls": {
                        **{"caSecretRef": {"name": "ca", "key": "ca.crt"}, "clientCertSecretRef": {"name": "gostat"}},
                        **{"serverName": "payments.example.com", "insecureSkipVerify": False},
                    },
                    "authorization": {"bearerTokenSecretRef": {"name": "gostat", "key": "token"}},
                    "pprof": {"port": 6060, "path": "/debug/pprof"},
                    "metrics": {"port": "metrics", "path": "/metrics"},
                },
                "sampling": {"intervalSeconds": 5, "timeoutSeconds": 2, "profileIntervalSeconds": 300},
                "detection": {
                    "growth": {"enabled": True, "periods": 3, "percentPerMinute": 15},
                    "surge": {"enabled": True, "goroutines": 5000, "percent": 30, "windowSeconds": 300},
                    "blocked": {"enabled": True, "goroutines": 100},
                    "floor": {"enabled": True, "windowSeconds": 300, "windows": 4},
                    "baseline": {"enabled": True, "staticGoroutines": 2000, "samples": 30, "percentile": 90},
                    "tolerance": {"class": "Custom", "permille": 20},
                    "resources": {
                        **{"enabled": True, "cpuPercent": 90, "cpuForSeconds": 180},
                        **{"goroutines": 5000, "heapInuseBytes": 536870912},
                    },
                    "leakProfile": "Auto",
                },
                "snapshot": {
                    **{"profiles": ["Goroutine", "Heap"], "cpuSeconds": 120, "traceSeconds": 5},
                    "fullDumpMaxGoroutines": 5000,
                    "retention": {"highDays": 7, "mediumDays": 3, "lowDays": 1, "maxBytes": 10737418240},
                    **s3(
                        region="us-east-1",
                        addressing="Path",
                        caSecretRef={"name": "ca", "key": "ca.crt"},
                        serverSideEncryption="aws:kms",
                        kmsKeyId="k",
                        presignSeconds=86400,
                    )["snapshot"],
                },
                "healing": {
                    "minGrade": "Probable",
                    "actions": [
                        merge(SCALE_OUT, {"scaleOut": {"step": 1, "holdSeconds": 600, "maxHoldSeconds": 7200}}),
                        REPLACE,
                        EVICT,
                        RESTART,
                    ],
                    "limits": {
                        **{"cooldownSeconds": 600, "maxActionsPerHour": 4},
                        **{"minAvailablePercent": 75, "maxAddedReplicas": 5},
                    },
                    "windows": [window(timeZone="UTC")],
                },
                "notify": [notice(type="Webhook", minSeverity="Low", hmacSecretRef=HMAC)],
            }
        },
    ),
    merge(VALID, {"spec": {"endpoint": {"authorization": {"basicAuthSecretRef": {"name": "gostat"}}}}}),
]

NAMES = ["", "A", "-a", "a-", "a.b", "a..b", "a" * 253, "a" * 254, "a_b", "ä", 7, None]
LABELS = ["", "a b", "a" * 63, "a" * 64, "-a", "a_b.c", 1, True, None]
KEYS = ["a", "", "a b", "a/b", "A/b", "a.b/c", "/a", "a/", "a/b/c", "a" * 64, "b" * 253 + "/a", "b" * 254 + "/a", "-a"]


def _values(schema):
    """What a field might hold, right or wrong."""
    if "enum" in schema:
        return [*schema["enum"], schema["enum"][0].lower(), "", 1]
    if schema.get("x-kubernetes-int-or-string"):
        return [0, 1, 65535, 65536, -1, "a", "6060", "A", "", "a" * 15, "a" * 16, 1.5, True, [], {}]
    kind = schema["type"]
    if kind == "integer":
        low, high = schema.get("minimum", 0), schema.get("maximum", 2**31)
        return [low - 1, low, high, high + 1, low + 0.5, 2**63, "5", True, [], {}]
    if kind == "boolean":
        return [True, False, "true", "", 0, []]
    if kind == "string":
        most = schema.get("maxLength", 1 << 10)
        texts = ["", "a", "A", "a b", "a\n", "ä", "a" * most, "a" * (most + 1), "ä" * most, "/a", "a/", "a//b", "a..b"]
        return [*texts, "10.0.0.1", ".a", "-", "a-b", 5, 1.5, True, [], {}]
    return ["x", 5, True, {} if kind == "array" else []]


def _set(policy, path, value):
    changed = copy.deepcopy(policy)
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


def _walk(policy, schema, value, path, seen):
    """(path, what it is changed to; ... for: taken away) of all that is in this value."""
    seen.add(".".join(str(p) for p in path if isinstance(p, str)))
    if path != ["spec"]:
        yield from ((path, v) for v in [..., None, *_values(schema)])
    if isinstance(value, dict):
        yield [*path, "bogus"], 1
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from _walk(policy, part, value[name], [*path, name], seen)
        for name in value if "additionalProperties" in schema else ():
            yield from _walk(policy, schema["additionalProperties"], value[name], [*path, name], seen)
        if "maxProperties" in schema:
            yield path, {f"l{i}": "x" for i in range(schema["maxProperties"] + 1)}
            yield from ((path, {key: "x"}) for key in KEYS)
    if isinstance(value, list):
        yield path, []
        yield path, value + value[:1]
        yield path, value[:1] * (schema["maxItems"] + 1)
        yield path, [*value, None]
        for i, item in enumerate(value):
            yield from _walk(policy, schema["items"], item, [*path, i], seen)


def paths(schema, path=""):
    """All fields of a schema, by name."""
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from paths(part, f"{path}.{name}")
    if "items" in schema:
        yield from paths(schema["items"], path)


def mutations(schema):
    """[(what was changed, policy)] and the fields that were."""
    made, seen = [], set()
    for whole in WHOLE:
        for path, value in _walk(whole, schema, whole["spec"], ["spec"], seen):
            shown = "nothing" if value is ... else repr(value)[:60]
            try:
                made.append((f"{path}: {shown}", _set(whole, path, value)))
            except KeyError:  # there is none to take away
                pass
    return made, seen


def metadata_mutations():
    made = []
    for name in NAMES:
        made.append((f"name: {name!r}"[:80], merge(VALID, {"metadata": {"name": name}})))
        made.append((f"generateName: {name!r}"[:80], merge(VALID, {"metadata": {"name": None, "generateName": name}})))
    for value in LABELS:
        for field in ("labels", "annotations"):
            policy = copy.deepcopy(VALID)
            policy["metadata"][field] = {"a": value}
            made.append((f"{field}: {value!r}"[:80], policy))
    for key in KEYS:
        for field in ("labels", "annotations"):
            made.append((f"{field} key {key!r}"[:80], merge(VALID, {"metadata": {field: {key: "x"}}})))
    for size in (262143, 262144):
        made.append((f"annotation of {size}", merge(VALID, {"metadata": {"annotations": {"a": "x" * size}}})))
    for field, value in (("bogus", 1), ("labels", []), ("annotations", "x"), ("name", ["a"]), ("uid", "u")):
        made.append((f"metadata.{field}: {value!r}", merge(VALID, {"metadata": {field: value}})))
    for field, value in (("spec", None), ("spec", "x"), ("spec", []), ("bogus", 1), ("status", {"bogus": 1}), ("status", {})):
        made.append((f"{field}: {value!r}", merge(VALID, {field: value})))
    made.append(("status.openIncidents: a text", merge(VALID, {"status": {"openIncidents": "x"}})))
    return made
