"""What a policy must not hold, for test_crds.py, and with which words it is refused."""

from crd_cases import SCALE_OUT, actions, at, expression, merge, s3

# name: (patch to the valid spec, what the message must hold: the field, and what is wrong or would be right)
REFUSED = {
    "mode unknown": ({"mode": "Act"}, 'spec.mode: Unsupported value: "Act": supported values: "Observe"'),
    "enforce without snapshot": (
        {"snapshot": None},
        "spec.snapshot: Required value: mode Enforce needs snapshot.s3",
    ),
    "enforce without s3": (
        {"snapshot": {"s3": None}},
        "spec.snapshot: Required value: mode Enforce needs snapshot.s3",
    ),
    "suspend not a boolean": ({"suspend": "yes"}, "spec.suspend: Invalid value"),
    "no selector": ({"selector": None}, "spec.selector: Required value"),
    "selector empty": (
        {"selector": {"matchLabels": None}},
        "spec.selector: Invalid value: selector must not be empty",
    ),
    "matchLabels empty": (
        {"selector": {"matchLabels": {"app": None}}},
        "spec.selector: Invalid value: selector must not",
    ),
    "label value": (
        at("selector.matchLabels.app", "pay ments"),
        "spec.selector.matchLabels[app]: Invalid value",
    ),
    "label value too long": (
        at("selector.matchLabels.app", "a" * 64),
        "spec.selector.matchLabels.app: Too long",
    ),
    "label key": (
        at("selector.matchLabels", {"a b": "x"}),
        "spec.selector.matchLabels: Invalid value: each key of",
    ),
    "too many labels": (
        at("selector.matchLabels", {f"l{i}": "x" for i in range(16)}),
        "spec.selector.matchLabels: Too many",
    ),
    "operator unknown": (expression(key="app", operator="Like", values=["x"]), "operator: Unsupported value"),
    "In without values": (
        expression(key="app", operator="In"),
        "matchExpressions[0].values: Invalid value: operator In",
    ),
    "NotIn, values empty": (
        expression(key="app", operator="NotIn", values=[]),
        "values: Invalid value: operator In or",
    ),
    "Exists with values": (
        expression(key="app", operator="Exists", values=["x"]),
        "values: Invalid value: operator Ex",
    ),
    "DoesNotExist with values": (
        expression(key="app", operator="DoesNotExist", values=["x"]),
        "takes no values",
    ),
    "expression key": (
        expression(key="-app", operator="Exists"),
        "matchExpressions[0].key: Invalid value ... key must be",
    ),
    "expression without operator": (expression(key="app"), "matchExpressions[0].operator: Required value"),
    "no endpoint": ({"endpoint": None}, "spec.endpoint: Required value"),
    "no pprof": (at("endpoint.pprof", None), "spec.endpoint.pprof: Required value"),
    "no port": (at("endpoint.pprof.port", None), "spec.endpoint.pprof.port: Required value"),
    "scheme of a later release": (at("endpoint.scheme", "HTTPS"), "spec.endpoint.scheme: Unsupported value"),
    "port 0": (
        at("endpoint.pprof.port", 0),
        "spec.endpoint.pprof.port: Invalid value ... port must be a number from 1",
    ),
    "port 65536": (
        at("endpoint.pprof.port", 65536),
        "spec.endpoint.pprof.port: Invalid value ... port must be",
    ),
    "port -1": (
        at("endpoint.metrics.port", -1),
        "spec.endpoint.metrics.port: Invalid value ... port must be",
    ),
    "port number as text": (
        at("endpoint.pprof.port", "6060"),
        "spec.endpoint.pprof.port: Invalid value ... port must be",
    ),
    "port name in upper case": (
        at("endpoint.pprof.port", "PPROF"),
        "spec.endpoint.pprof.port: Invalid value ... port",
    ),
    "port name with --": (
        at("endpoint.pprof.port", "a--b"),
        "spec.endpoint.pprof.port: Invalid value ... port must be",
    ),
    "port name too long": (at("endpoint.pprof.port", "a" * 16), "spec.endpoint.pprof.port: Too long"),
    "port a fraction": (at("endpoint.pprof.port", 60.5), "spec.endpoint.pprof.port: Invalid value"),
    "path relative": (
        at("endpoint.pprof.path", "debug"),
        "spec.endpoint.pprof.path: Invalid value ... path must begin",
    ),
    "path with ..": (
        at("endpoint.pprof.path", "/a/../b"),
        "spec.endpoint.pprof.path: Invalid value ... path must begin",
    ),
    "path with query": (
        at("endpoint.metrics.path", "/m?x=1"),
        "spec.endpoint.metrics.path: Invalid value ... path must",
    ),
    "path ends with /": (
        at("endpoint.pprof.path", "/debug/"),
        "spec.endpoint.pprof.path: Invalid value ... path must",
    ),
    "path with newline": (
        at("endpoint.pprof.path", "/debug\n"),
        "spec.endpoint.pprof.path: Invalid value ... path must",
    ),
    "path too long": (at("endpoint.pprof.path", "/" + "a" * 256), "spec.endpoint.pprof.path: Too long"),
    "interval 0": (
        at("sampling.intervalSeconds", 0),
        "spec.sampling.intervalSeconds: Invalid value: 0: spec.sampling",
    ),
    "interval 301": (
        at("sampling.intervalSeconds", 301),
        "spec.sampling.intervalSeconds: Invalid value: 301",
    ),
    "interval a fraction": (
        at("sampling.intervalSeconds", 0.5),
        "spec.sampling.intervalSeconds: Invalid value",
    ),
    "interval a text": (at("sampling.intervalSeconds", "5"), "spec.sampling.intervalSeconds: Invalid value"),
    "timeout above interval": (
        at("sampling", {"intervalSeconds": 5, "timeoutSeconds": 6}),
        "spec.sampling.timeoutSeconds: Invalid value: sampling.timeoutSeconds (2 if left out) must be at most",
    ),
    "interval below default timeout": (
        at("sampling.intervalSeconds", 1),
        "spec.sampling.timeoutSeconds: Invalid value",
    ),
    "timeout 0": (at("sampling.timeoutSeconds", 0), "spec.sampling.timeoutSeconds: Invalid value: 0"),
    "timeout 61": (
        at("sampling", {"intervalSeconds": 100, "timeoutSeconds": 61}),
        "spec.sampling.timeoutSeconds: Invalid value: 61",
    ),
    "profile interval 9": (
        at("sampling.profileIntervalSeconds", 9),
        "spec.sampling.profileIntervalSeconds: Invalid",
    ),
    "profile interval too long": (
        at("sampling.profileIntervalSeconds", 86401),
        "spec.sampling.profileIntervalSeconds",
    ),
    "growth periods 1": (
        at("detection.growth.periods", 1),
        "spec.detection.growth.periods: Invalid value: 1",
    ),
    "growth periods 16": (
        at("detection.growth.periods", 16),
        "spec.detection.growth.periods: Invalid value: 16",
    ),
    "growth pace 0": (
        at("detection.growth.percentPerMinute", 0),
        "spec.detection.growth.percentPerMinute: Invalid",
    ),
    "growth pace 1001": (
        at("detection.growth.percentPerMinute", 1001),
        "spec.detection.growth.percentPerMinute",
    ),
    "growth enabled": (at("detection.growth.enabled", 1), "spec.detection.growth.enabled: Invalid value"),
    "surge goroutines 0": (
        at("detection.surge.goroutines", 0),
        "spec.detection.surge.goroutines: Invalid value: 0",
    ),
    "surge goroutines too many": (
        at("detection.surge.goroutines", 10000001),
        "spec.detection.surge.goroutines",
    ),
    "surge percent 0": (at("detection.surge.percent", 0), "spec.detection.surge.percent: Invalid value: 0"),
    "surge percent 1001": (
        at("detection.surge.percent", 1001),
        "spec.detection.surge.percent: Invalid value: 1001",
    ),
    "surge window 29": (
        at("detection.surge.windowSeconds", 29),
        "spec.detection.surge.windowSeconds: Invalid value",
    ),
    "surge window 3601": (
        at("detection.surge.windowSeconds", 3601),
        "spec.detection.surge.windowSeconds: Invalid",
    ),
    "surge window below interval": (
        merge(at("sampling.intervalSeconds", 61), at("detection.surge.windowSeconds", 60)),
        "spec.detection.surge.windowSeconds: Invalid value: detection.surge.windowSeconds (300 if left out) must be",
    ),
    "blocked 0": (
        at("detection.blocked.goroutines", 0),
        "spec.detection.blocked.goroutines: Invalid value: 0",
    ),
    "floor window 0": (
        at("detection.floor.windowSeconds", 0),
        "spec.detection.floor.windowSeconds: Invalid value: 0",
    ),
    "floor window 3601": (
        at("detection.floor.windowSeconds", 3601),
        "spec.detection.floor.windowSeconds: Invalid value: 3601",
    ),
    "floor window below interval": (
        merge(at("sampling.intervalSeconds", 61), at("detection.floor.windowSeconds", 60)),
        "spec.detection.floor.windowSeconds: Invalid value: detection.floor.windowSeconds (120 if left out) must be at "
        "least sampling.intervalSeconds, or a window holds no sample: raise it, or lower the interval",
    ),
    "default floor window below interval": (
        at("sampling.intervalSeconds", 121),
        "spec.detection.floor.windowSeconds: Invalid value",
    ),
    "one floor window": (at("detection.floor.windows", 1), "spec.detection.floor.windows: Invalid value: 1"),
    "nine floor windows": (at("detection.floor.windows", 9), "spec.detection.floor.windows: Invalid value: 9"),
    "floor enabled": (at("detection.floor.enabled", 1), "spec.detection.floor.enabled: Invalid value"),
    "baseline limit 0": (
        at("detection.baseline.staticGoroutines", 0),
        "spec.detection.baseline.staticGoroutines: Invalid value: 0",
    ),
    "baseline limit too high": (
        at("detection.baseline.staticGoroutines", 1000000001),
        "spec.detection.baseline.staticGoroutines: Invalid value: 1000000001",
    ),
    "four samples": (
        at("detection.baseline.samples", 4),
        "spec.detection.baseline.samples: Invalid value: 4",
    ),
    "31 samples": (
        at("detection.baseline.samples", 31),
        "spec.detection.baseline.samples: Invalid value: 31",
    ),
    "percentile 49": (
        at("detection.baseline.percentile", 49),
        "spec.detection.baseline.percentile: Invalid value: 49",
    ),
    "percentile 100": (
        at("detection.baseline.percentile", 100),
        "spec.detection.baseline.percentile: Invalid value: 100",
    ),
    "baseline enabled": (
        at("detection.baseline.enabled", "no"),
        "spec.detection.baseline.enabled: Invalid value",
    ),
    "class": (
        at("detection.tolerance.class", "Shop"),
        'spec.detection.tolerance.class: Unsupported value: "Shop": supported values: "Payment", "Cache"',
    ),
    "permille -1": (
        at("detection.tolerance.permille", -1),
        "spec.detection.tolerance.permille: Invalid value: -1",
    ),
    "permille 1001": (
        at("detection.tolerance", {"class": "Custom", "permille": 1001}),
        "spec.detection.tolerance.permille: Invalid value: 1001",
    ),
    "Custom without permille": (
        at("detection.tolerance.class", "Custom"),
        "spec.detection.tolerance.permille: Required value: detection.tolerance.permille is required with class "
        "Custom: for example permille: 20",
    ),
    "permille of another class": (
        at("detection.tolerance.permille", 50),
        "spec.detection.tolerance.permille: Invalid value: detection.tolerance.permille is for class Custom, the other "
        "classes have their own (Payment 20, Cache 50, Login and Search 5): leave it out, or set class to Custom",
    ),
    "permille of Payment with Cache": (
        at("detection.tolerance", {"class": "Cache", "permille": 20}),
        "spec.detection.tolerance.permille: Invalid value: detection.tolerance.permille is for class Custom",
    ),
    "permille 0 with Login": (
        at("detection.tolerance", {"class": "Login", "permille": 0}),
        "spec.detection.tolerance.permille: Invalid value: detection.tolerance.permille is for class Custom",
    ),
    "leak profile": (
        at("detection.leakProfile", "Always"),
        'spec.detection.leakProfile: Unsupported value: "Always": supported values: "Auto", "Never"',
    ),
    "rule of a later release": (at("detection.resources", {}), 'unknown field "spec.detection.resources"'),
    "no profiles": (at("snapshot.profiles", []), "spec.snapshot.profiles: Invalid value"),
    "profile of a later release": (
        at("snapshot.profiles", ["Heap"]),
        "spec.snapshot.profiles[0]: Unsupported value",
    ),
    "profile twice": (
        at("snapshot.profiles", ["Goroutine", "Goroutine"]),
        "spec.snapshot.profiles[1]: Duplicate value",
    ),
    "three profiles": (
        at("snapshot.profiles", ["Goroutine", "GoroutineLeak", "Goroutine"]),
        "spec.snapshot.profiles: Too many: 3: must have at most 2",
    ),
    "full dump -1": (
        at("snapshot.fullDumpMaxGoroutines", -1),
        "spec.snapshot.fullDumpMaxGoroutines: Invalid value: -1",
    ),
    "full dump too large": (
        at("snapshot.fullDumpMaxGoroutines", 100001),
        "spec.snapshot.fullDumpMaxGoroutines: Invalid value: 100001",
    ),
    "no s3 endpoint": (s3(endpoint=None), "spec.snapshot.s3.endpoint: Required value"),
    "no bucket": (s3(bucket=None), "spec.snapshot.s3.bucket: Required value"),
    "no credentials": (
        s3(credentialsSecretRef=None),
        "spec.snapshot.s3.credentialsSecretRef: Required value",
    ),
    "credentials without name": (
        s3(credentialsSecretRef={"name": None}),
        "credentialsSecretRef.name: Required value",
    ),
    "s3 endpoint without scheme": (
        s3(endpoint="s3.example.com"),
        "s3.endpoint: Invalid value ... endpoint must be http",
    ),
    "s3 endpoint ftp": (
        s3(endpoint="ftp://s3.example.com"),
        "s3.endpoint: Invalid value ... endpoint must be http",
    ),
    "s3 endpoint with user": (
        s3(endpoint="https://a:b@s3.example.com"),
        "s3.endpoint: Invalid value ... endpoint must",
    ),
    "s3 endpoint with path": (
        s3(endpoint="https://s3.example.com/x"),
        "s3.endpoint: Invalid value ... endpoint must be",
    ),
    "s3 endpoint with query": (
        s3(endpoint="https://s3.example.com?x=1"),
        "s3.endpoint: Invalid value ... endpoint must",
    ),
    "s3 endpoint with / at the end": (
        s3(endpoint="https://s3.example.com/"),
        "s3.endpoint: Invalid value ... endpoint",
    ),
    "s3 endpoint with fragment": (
        s3(endpoint="https://s3.example.com#x"),
        "s3.endpoint: Invalid value ... endpoint must",
    ),
    "s3 endpoint with newline": (
        s3(endpoint="https://s3.example.com\n"),
        "s3.endpoint: Invalid value ... endpoint must",
    ),
    "s3 endpoint, port 65536": (
        s3(endpoint="https://s3.example.com:65536"),
        "s3.endpoint: Invalid value ... endpoint",
    ),
    "s3 endpoint without host": (s3(endpoint="https://"), "s3.endpoint: Invalid value ... endpoint must be"),
    "region": (s3(region="us east"), "spec.snapshot.s3.region: Invalid value ... region must be"),
    "region too long": (s3(region="a" * 64), "spec.snapshot.s3.region: Too long"),
    "s3 endpoint too long": (s3(endpoint="https://" + "a" * 249), "spec.snapshot.s3.endpoint: Too long"),
    "bucket too short": (s3(bucket="ab"), "spec.snapshot.s3.bucket: Invalid value"),
    "bucket too long": (s3(bucket="a" * 64), "spec.snapshot.s3.bucket: Too long"),
    "bucket in upper case": (
        s3(bucket="Gostat"),
        "spec.snapshot.s3.bucket: Invalid value ... bucket must be 3 to 63",
    ),
    "bucket with _": (s3(bucket="go_stat"), "spec.snapshot.s3.bucket: Invalid value ... bucket must be"),
    "bucket an address": (s3(bucket="10.0.0.1"), "spec.snapshot.s3.bucket: Invalid value ... bucket must be"),
    "bucket with ..": (s3(bucket="a..b"), "spec.snapshot.s3.bucket: Invalid value ... bucket must be"),
    "bucket ends with -": (s3(bucket="gostat-"), "spec.snapshot.s3.bucket: Invalid value ... bucket must be"),
    "prefix with leading /": (
        s3(prefix="/prod"),
        "spec.snapshot.s3.prefix: Invalid value ... prefix must be",
    ),
    "prefix with trailing /": (
        s3(prefix="prod/"),
        "spec.snapshot.s3.prefix: Invalid value ... prefix must be",
    ),
    "prefix with ..": (s3(prefix="prod/../x"), "spec.snapshot.s3.prefix: Invalid value ... prefix must be"),
    "prefix with //": (s3(prefix="prod//x"), "spec.snapshot.s3.prefix: Invalid value ... prefix must be"),
    "prefix with blank": (s3(prefix="pro d"), "spec.snapshot.s3.prefix: Invalid value ... prefix must be"),
    "prefix empty": (s3(prefix=""), "spec.snapshot.s3.prefix: Invalid value"),
    "prefix too long": (s3(prefix="a" * 257), "spec.snapshot.s3.prefix: Too long"),
    "addressing": (s3(addressing="Host"), "spec.snapshot.s3.addressing: Unsupported value"),
    "virtual host of an address": (
        s3(addressing="VirtualHost", endpoint="http://127.0.0.1:9000"),
        "spec.snapshot.s3.addressing: Invalid value: addressing VirtualHost puts the bucket before the host",
    ),
    "virtual host, dotted bucket": (
        s3(addressing="VirtualHost", bucket="go.stat"),
        "spec.snapshot.s3.addressing: Invalid value: addressing VirtualHost over https needs a bucket without",
    ),
    "secret name": (
        s3(credentialsSecretRef={"name": "A"}),
        "credentialsSecretRef.name: Invalid value ... name must be a",
    ),
    "CA key": (
        s3(caSecretRef={"name": "ca", "key": "a/b"}),
        "s3.caSecretRef.key: Invalid value ... key must be",
    ),
    "retention of a later release": (at("snapshot.retention", {}), 'unknown field "spec.snapshot.retention"'),
    "grade": (
        at("healing.minGrade", "Certain"),
        'spec.healing.minGrade: Unsupported value: "Certain": supported values: "Suspected", "Probable", "Proven"',
    ),
    "action of a later release": (
        actions({"type": "Evict"}),
        "spec.healing.actions[0].type: Unsupported value",
    ),
    "action without type": (
        actions({"scaleOut": {"maxReplicas": 3}}),
        "spec.healing.actions[0].type: Required value",
    ),
    "action without settings": (
        actions({"type": "ScaleOut"}),
        "actions[0].scaleOut: Invalid value: scaleOut is required",
    ),
    "second action without settings": (
        actions(SCALE_OUT, {"type": "ScaleOut"}),
        "spec.healing.actions[1].scaleOut",
    ),
    "five actions": (actions(*[SCALE_OUT] * 5), "spec.healing.actions: Too many: 5: must have at most 4"),
    "no maxReplicas": (
        actions(merge(SCALE_OUT, at("scaleOut.maxReplicas", None))),
        "maxReplicas: Required value",
    ),
    "maxReplicas 0": (
        actions(merge(SCALE_OUT, at("scaleOut.maxReplicas", 0))),
        "scaleOut.maxReplicas: Invalid value: 0",
    ),
    "step 0": (
        actions(merge(SCALE_OUT, at("scaleOut.step", 0))),
        "actions[0].scaleOut.step: Invalid value: 0",
    ),
    "step 101": (
        actions(merge(SCALE_OUT, at("scaleOut.step", 101))),
        "actions[0].scaleOut.step: Invalid value: 101",
    ),
    "hold of a later release": (
        actions(merge(SCALE_OUT, at("scaleOut.holdSeconds", 600))),
        'unknown field "spec.healing.actions[0].scaleOut.holdSeconds"',
    ),
    "cooldown 0": (
        at("healing.limits.cooldownSeconds", 0),
        "spec.healing.limits.cooldownSeconds: Invalid value: 0",
    ),
    "cooldown too long": (
        at("healing.limits.cooldownSeconds", 86401),
        "spec.healing.limits.cooldownSeconds: Invalid",
    ),
    "tls of a later release": (at("endpoint.tls", {}), 'unknown field "spec.endpoint.tls"'),
}
