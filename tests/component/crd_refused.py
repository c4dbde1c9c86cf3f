"""What a policy must not hold, for test_crds.py, and with which words it is refused."""

from crd_cases import (
    BASIC,
    BEARER,
    EVICT,
    HMAC,
    REPLACE,
    RESTART,
    SCALE_OUT,
    actions,
    at,
    authorization,
    expression,
    merge,
    notice,
    notify,
    s3,
    schedule,
    tls,
    window,
    windows,
)


def scale_out(**fields):
    return actions(merge(SCALE_OUT, {"scaleOut": fields}))


def resources(**fields):
    return at("detection.resources", fields)


TLS = "spec.endpoint.tls"
AUTHORIZATION = "spec.endpoint.authorization"
RESOURCES = "spec.detection.resources"
RETENTION = "spec.snapshot.retention"
ACTION = "spec.healing.actions[0]"
LIMITS = "spec.healing.limits"
WINDOW = "spec.healing.windows[0]"
SCHEDULE = WINDOW + ".schedule: Invalid value ... schedule must have five fields: minute (0-59)"
NOTIFY = "spec.notify[0]"

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
    "scheme unknown": (at("endpoint.scheme", "GRPC"), 'spec.endpoint.scheme: Unsupported value: "GRPC"'),
    "tls without scheme": (
        at("endpoint.tls", {}),
        "spec.endpoint.tls: Invalid value ... tls is for scheme HTTPS: set scheme to HTTPS, or leave tls out",
    ),
    "CA and insecure": (
        tls(caSecretRef={"name": "ca"}, insecureSkipVerify=True),
        TLS + ".insecureSkipVerify: Invalid value ... insecureSkipVerify contradicts caSecretRef, since no certificate is",
    ),
    "insecure no boolean": (tls(insecureSkipVerify="yes"), TLS + ".insecureSkipVerify: Invalid value"),
    "CA without name": (tls(caSecretRef={"key": "k"}), TLS + ".caSecretRef.name: Required value"),
    "CA of another namespace": (
        tls(caSecretRef={"name": "kube-system/ca"}),
        TLS + ".caSecretRef.name: Invalid value ... name must be a Secret's name",
    ),
    "CA's key": (
        tls(caSecretRef={"name": "ca", "key": "a b"}),
        TLS + ".caSecretRef.key: Invalid value ... key must be a Secret's key",
    ),
    "a namespace": (
        tls(caSecretRef={"name": "ca", "namespace": "kube-system"}),
        'unknown field "spec.endpoint.tls.caSecretRef.namespace"',
    ),
    "server name with a port": (
        tls(serverName="a:443"),
        TLS + ".serverName: Invalid value ... serverName must be a DNS name: lower-case letters, digits, '-' and '.'",
    ),
    "server name empty": (tls(serverName=""), TLS + ".serverName: Invalid value ... serverName must be a DNS name"),
    "server name for any": (tls(serverName="*.shop"), TLS + ".serverName: Invalid value ... serverName must be a DNS"),
    "server name too long": (tls(serverName="a" * 254), TLS + ".serverName: Too long"),
    "client certificate": (
        tls(clientCertSecretRef={"name": "A"}),
        TLS + ".clientCertSecretRef.name: Invalid value ... name must be a Secret's name",
    ),
    "client certificate's key": (
        tls(clientCertSecretRef={"name": "a", "key": "k"}),
        'unknown field "spec.endpoint.tls.clientCertSecretRef.key"',
    ),
    "authorization empty": (
        authorization(),
        AUTHORIZATION + ": Invalid value ... authorization must have exactly one of bearerTokenSecretRef and basicAuth",
    ),
    "token and password": (
        authorization(bearerTokenSecretRef=BEARER, basicAuthSecretRef=BASIC),
        AUTHORIZATION + ": Invalid value ... authorization must have exactly one of",
    ),
    "token without key": (
        authorization(bearerTokenSecretRef={"name": "a"}),
        AUTHORIZATION + ".bearerTokenSecretRef.key: Required value",
    ),
    "token's Secret": (
        authorization(bearerTokenSecretRef={"name": "../a", "key": "k"}),
        AUTHORIZATION + ".bearerTokenSecretRef.name: Invalid value ... name must be a Secret's name",
    ),
    "token's key": (
        authorization(bearerTokenSecretRef={"name": "a", "key": ""}),
        AUTHORIZATION + ".bearerTokenSecretRef.key: Invalid value ... key must be a Secret's key",
    ),
    "password's Secret": (
        authorization(basicAuthSecretRef={"name": ""}),
        AUTHORIZATION + ".basicAuthSecretRef.name: Invalid value ... name must be a Secret's name",
    ),
    "host network no boolean": ({"allowHostNetwork": "yes"}, "spec.allowHostNetwork: Invalid value"),
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
    "no profiles": (at("snapshot.profiles", []), "spec.snapshot.profiles: Invalid value"),
    "profile unknown": (
        at("snapshot.profiles", ["FullDump"]),
        'spec.snapshot.profiles[0]: Unsupported value: "FullDump": supported values: "Goroutine", "GoroutineLeak", "Heap", "CPU", "Trace"',
    ),
    "profile twice": (
        at("snapshot.profiles", ["Goroutine", "Goroutine"]),
        "spec.snapshot.profiles[1]: Duplicate value",
    ),
    "six profiles": (
        at("snapshot.profiles", ["Goroutine", "GoroutineLeak", "Heap", "CPU", "Trace", "Heap"]),
        "spec.snapshot.profiles: Too many: 6: must have at most 5",
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
    "cpuPercent": (resources(cpuPercent=1001), RESOURCES + ".cpuPercent: Invalid value: 1001"),
    "cpuPercent below 0": (resources(cpuPercent=-1), RESOURCES + ".cpuPercent: Invalid value: -1"),
    "cpuForSeconds 9": (resources(cpuForSeconds=9), RESOURCES + ".cpuForSeconds: Invalid value: 9"),
    "cpuForSeconds 3601": (resources(cpuForSeconds=3601), RESOURCES + ".cpuForSeconds: Invalid value: 3601"),
    "goroutines of resources": (resources(goroutines=-1), RESOURCES + ".goroutines: Invalid value: -1"),
    "heapInuseBytes": (resources(heapInuseBytes=-1), RESOURCES + ".heapInuseBytes: Invalid value: -1"),
    "heapInuseBytes a quantity": (
        resources(heapInuseBytes="512Mi"),
        RESOURCES + '.heapInuseBytes: Invalid value: "string"',
    ),
    "a rule of resources that is none": (resources(memory=1), f'unknown field "{RESOURCES}.memory"'),
    "only traces are kept": (
        at("snapshot.profiles", ["Trace"]),
        "spec.snapshot.profiles: Invalid value ... must name, in mode Enforce, one that can be had of every incident",
    ),
    "only leak profiles, never asked for": (
        merge(at("snapshot.profiles", ["GoroutineLeak", "Trace"]), at("detection.leakProfile", "Never")),
        "spec.snapshot.profiles: Invalid value ... GoroutineLeak with detection.leakProfile Auto",
    ),
    "cpuSeconds 0": (at("snapshot.cpuSeconds", 0), "spec.snapshot.cpuSeconds: Invalid value: 0"),
    "cpuSeconds 601": (at("snapshot.cpuSeconds", 601), "spec.snapshot.cpuSeconds: Invalid value: 601"),
    "traceSeconds 0": (at("snapshot.traceSeconds", 0), "spec.snapshot.traceSeconds: Invalid value: 0"),
    "traceSeconds 61": (at("snapshot.traceSeconds", 61), "spec.snapshot.traceSeconds: Invalid value: 61"),
    "highDays 0": (at("snapshot.retention.highDays", 0), RETENTION + ".highDays: Invalid value: 0"),
    "highDays 3651": (at("snapshot.retention.highDays", 3651), RETENTION + ".highDays: Invalid value: 3651"),
    "highDays below the default of mediumDays": (
        at("snapshot.retention.highDays", 2),
        RETENTION + ": Invalid value: snapshot.retention.highDays (7 if left out) must be at least mediumDays (3)",
    ),
    "lowDays above mediumDays": (
        at("snapshot.retention.lowDays", 4),
        RETENTION + ": Invalid value: snapshot.retention.highDays ... at least lowDays (1)",
    ),
    "maxBytes": (at("snapshot.retention.maxBytes", 1048575), RETENTION + ".maxBytes: Invalid value: 1048575"),
    "encryption unknown": (
        s3(serverSideEncryption="aws:kms:dsse"),
        's3.serverSideEncryption: Unsupported value: "aws:kms:dsse": supported values: "AES256", "aws:kms"',
    ),
    "key without encryption": (
        s3(kmsKeyId="k"),
        "s3.kmsKeyId: Invalid value: kmsKeyId is for serverSideEncryption aws:kms: set that",
    ),
    "key with AES256": (s3(serverSideEncryption="AES256", kmsKeyId="k"), "s3.kmsKeyId: Invalid value: kmsKeyId is for"),
    "key with a line end": (
        s3(serverSideEncryption="aws:kms", kmsKeyId="k\nx: y"),
        "s3.kmsKeyId: Invalid value ... kmsKeyId must be a key's id, alias or ARN",
    ),
    "key empty": (s3(serverSideEncryption="aws:kms", kmsKeyId=""), "s3.kmsKeyId: Invalid value"),
    "key too long": (s3(serverSideEncryption="aws:kms", kmsKeyId="k" * 256), "s3.kmsKeyId: Too long"),
    "presignSeconds 59": (s3(presignSeconds=59), "s3.presignSeconds: Invalid value: 59"),
    "presignSeconds above a week": (s3(presignSeconds=604801), "s3.presignSeconds: Invalid value: 604801"),
    "grade": (
        at("healing.minGrade", "Certain"),
        'spec.healing.minGrade: Unsupported value: "Certain": supported values: "Suspected", "Probable", "Proven"',
    ),
    "action unknown": (
        actions({"type": "Delete"}),
        ACTION + '.type: Unsupported value: "Delete": supported values: "ScaleOut", "Replace", "Evict", "Restart"',
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
        actions(REPLACE, {"type": "ScaleOut"}),
        "spec.healing.actions[1].scaleOut",
    ),
    "an action twice": (
        actions(SCALE_OUT, EVICT, RESTART, {"type": "Evict"}),
        "spec.healing.actions: Invalid value: actions must not give a type twice",
    ),
    "scaleOut with Restart": (
        actions({**SCALE_OUT, "type": "Restart"}),
        ACTION + ".scaleOut: Invalid value: scaleOut is required with type ScaleOut, and with no other",
    ),
    "replace with Evict": (
        actions({**REPLACE, "type": "Evict"}),
        ACTION + ".replace: Invalid value: replace is for type Replace only: remove it",
    ),
    "evict with ScaleOut": (
        actions({**SCALE_OUT, **EVICT, "type": "ScaleOut"}),
        ACTION + ".evict: Invalid value: evict is for type Evict only: remove it",
    ),
    "restart has no settings": (
        actions({"type": "Restart", "restart": {}}),
        f'unknown field "{ACTION}.restart"',
    ),
    "replace maxPods 0": (
        actions({"type": "Replace", "replace": {"maxPods": 0}}),
        ACTION + ".replace.maxPods: Invalid value: 0",
    ),
    "replace maxPods 9": (
        actions({"type": "Replace", "replace": {"maxPods": 9}}),
        ACTION + ".replace.maxPods: Invalid value: 9",
    ),
    "readySeconds": (
        actions({"type": "Replace", "replace": {"readySeconds": 3601}}),
        ACTION + ".replace.readySeconds: Invalid value: 3601",
    ),
    "evict maxPods": (
        actions({"type": "Evict", "evict": {"maxPods": 9}}),
        ACTION + ".evict.maxPods: Invalid value: 9",
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
    "maxReplicas below step": (
        scale_out(step=11),
        ACTION + ".scaleOut.maxReplicas: Invalid value: maxReplicas must be at least step",
    ),
    "holdSeconds 29": (scale_out(holdSeconds=29), ACTION + ".scaleOut.holdSeconds: Invalid value: 29"),
    "maxHoldSeconds above a day": (
        scale_out(maxHoldSeconds=86401),
        ACTION + ".scaleOut.maxHoldSeconds: Invalid value: 86401",
    ),
    "maxHoldSeconds below the default hold": (
        scale_out(maxHoldSeconds=599),
        ACTION + ".scaleOut.maxHoldSeconds: Invalid value: maxHoldSeconds (7200 if left out) must be at least holdSeconds",
    ),
    "holdSeconds above the default of the most": (
        scale_out(holdSeconds=7201),
        ACTION + ".scaleOut.maxHoldSeconds: Invalid value: maxHoldSeconds (7200 if left out)",
    ),
    "maxActionsPerHour 0": (at("healing.limits.maxActionsPerHour", 0), LIMITS + ".maxActionsPerHour: Invalid value: 0"),
    "maxActionsPerHour 61": (
        at("healing.limits.maxActionsPerHour", 61),
        LIMITS + ".maxActionsPerHour: Invalid value: 61",
    ),
    "minAvailablePercent": (
        at("healing.limits.minAvailablePercent", 101),
        LIMITS + ".minAvailablePercent: Invalid value: 101",
    ),
    "maxAddedReplicas 0": (at("healing.limits.maxAddedReplicas", 0), LIMITS + ".maxAddedReplicas: Invalid value: 0"),
    "maxAddedReplicas 1001": (
        at("healing.limits.maxAddedReplicas", 1001),
        LIMITS + ".maxAddedReplicas: Invalid value: 1001",
    ),
    "nine windows": (windows(*[window(name=f"w{i}") for i in range(9)]), "spec.healing.windows: Too many: 9"),
    "a window twice": (
        windows(window(), window(effect="Allow")),
        'spec.healing.windows[1]: Duplicate value: {"name":"freeze"}',
    ),
    "window without name": (windows(window(name=None)), WINDOW + ".name: Required value"),
    "window's name": (windows(window(name="Freeze!")), WINDOW + ".name: Invalid value ... name must be lower-case"),
    "window's name too long": (windows(window(name="a" * 64)), WINDOW + ".name: Too long"),
    "window without effect": (windows(window(effect=None)), WINDOW + ".effect: Required value"),
    "effect": (windows(window(effect="Forbid")), WINDOW + ".effect: Unsupported value"),
    "window without schedule": (windows(window(schedule=None)), WINDOW + ".schedule: Required value"),
    "window without duration": (windows(window(durationMinutes=None)), WINDOW + ".durationMinutes: Required value"),
    "duration 0": (windows(window(durationMinutes=0)), WINDOW + ".durationMinutes: Invalid value: 0"),
    "duration above a week": (windows(window(durationMinutes=10081)), WINDOW + ".durationMinutes: Invalid value: 10081"),
    "schedule empty": (schedule(""), SCHEDULE),
    "schedule of four fields": (schedule("0 20 * *"), SCHEDULE),
    "schedule of six fields": (schedule("0 0 20 * * 5"), SCHEDULE),
    "schedule by a word": (schedule("@daily"), SCHEDULE),
    "minute 60": (schedule("60 20 * * 5"), SCHEDULE),
    "hour 24": (schedule("0 24 * * 5"), SCHEDULE),
    "day 0": (schedule("0 20 0 * 5"), SCHEDULE),
    "day 32": (schedule("0 20 32 * 5"), SCHEDULE),
    "month 13": (schedule("0 20 * 13 5"), SCHEDULE),
    "month by a name that is none": (schedule("0 20 * MAI 5"), SCHEDULE),
    "day of week 8": (schedule("0 20 * * 8"), SCHEDULE),
    "step 0": (schedule("*/0 20 * * 5"), SCHEDULE),
    "range without end": (schedule("0 8- * * *"), SCHEDULE),
    "list without end": (schedule("0 8, * * *"), SCHEDULE),
    "schedule too long": (schedule("0,1" + ",1" * 50 + " * * * *"), WINDOW + ".schedule: Too long"),
    "time zone": (
        windows(window(timeZone="UTC; rm")),
        WINDOW + ".timeZone: Invalid value ... timeZone must be a name of the IANA time zone database",
    ),
    "time zone above": (windows(window(timeZone="../../etc/passwd")), WINDOW + ".timeZone: Invalid value"),
    "time zone a path": (windows(window(timeZone="/Europe/Paris")), WINDOW + ".timeZone: Invalid value"),
    "time zone empty": (windows(window(timeZone="")), WINDOW + ".timeZone: Invalid value"),
    "time zone too long": (windows(window(timeZone="a" * 65)), WINDOW + ".timeZone: Too long"),
    "nine destinations": (notify(*[notice(name=f"n{i}") for i in range(9)]), "spec.notify: Too many: 9"),
    "a destination twice": (notify(notice(), notice(type="Slack")), 'spec.notify[1]: Duplicate value: {"name":"oncall"}'),
    "destination's name": (notify(notice(name="-")), NOTIFY + ".name: Invalid value ... name must be lower-case"),
    "destination unknown": (
        notify(notice(type="Pager")),
        NOTIFY + '.type: Unsupported value: "Pager": supported values: "WeCom", "Slack", "Webhook", "Alertmanager"',
    ),
    "destination without URL": (notify(notice(urlSecretRef=None)), NOTIFY + ".urlSecretRef: Required value"),
    "URL without key": (
        notify(notice(urlSecretRef={"name": "alerts"})),
        NOTIFY + ".urlSecretRef.key: Required value",
    ),
    "URL in the policy": (notify(notice(url="https://x")), f'unknown field "{NOTIFY}.url"'),
    "secret of the URL": (
        notify(notice(urlSecretRef={"name": "A", "key": "k"})),
        NOTIFY + ".urlSecretRef.name: Invalid value ... name must be a Secret's name",
    ),
    "key of the URL": (
        notify(notice(urlSecretRef={"name": "a", "key": "a/b"})),
        NOTIFY + ".urlSecretRef.key: Invalid value ... key must be a Secret's key",
    ),
    "severity of a destination": (notify(notice(minSeverity="Severe")), NOTIFY + ".minSeverity: Unsupported value"),
    "signature to Slack": (
        notify(notice(type="Slack", hmacSecretRef=HMAC)),
        NOTIFY + ".hmacSecretRef: Invalid value: hmacSecretRef is for type Webhook only",
    ),
    "key of the signature": (
        notify(notice(type="Webhook", hmacSecretRef={"name": "a", "key": "a b"})),
        NOTIFY + ".hmacSecretRef.key: Invalid value ... key must be a Secret's key",
    ),
    "cooldown 0": (
        at("healing.limits.cooldownSeconds", 0),
        "spec.healing.limits.cooldownSeconds: Invalid value: 0",
    ),
    "cooldown too long": (
        at("healing.limits.cooldownSeconds", 86401),
        "spec.healing.limits.cooldownSeconds: Invalid",
    ),
}
