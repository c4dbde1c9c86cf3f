"""A policy in A reaches nothing of B, whatever is written into any of its fields that takes a name, URL or selector."""

import time

import kubernetes
import yaml
from world import GROUP, ROOT, VERSION

CRD = yaml.safe_load((ROOT / "crds/gostat.dev_gostatpolicies.yaml").read_text())
SPEC = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
# What an attacker writes where a name is wanted, {b} being the other namespace and {s} its Secret.
NAMES = ("{b}/{s}", "../../{b}/secrets/{s}", "..%2f..%2f{b}%2fsecrets%2f{s}", "{s}?fieldSelector=x", "{s}.{b}", "{b}:{s}")
PREFIXES = ("../{b}", "{b}/", "/{b}", "x/../../{b}", "..", "%2e%2e/{b}", "{b}", "x//{b}", ".")
SELECTORS = (
    {"matchLabels": {"kubernetes.io/metadata.name": "{b}"}},
    {"matchLabels": {"app": "payments"}, "matchExpressions": [{"key": "namespace", "operator": "In", "values": ["{b}"]}]},
    {"matchExpressions": [{"key": "nothing", "operator": "DoesNotExist"}]},
)


def strings(schema, path=()):
    """Every string field below spec that takes what one may choose: its path, with 0 for the item of a list."""
    kind = schema.get("type")
    if kind == "object":
        for name, below in schema.get("properties", {}).items():
            yield from strings(below, (*path, name))
    elif kind == "array":
        yield from strings(schema["items"], (*path, 0))
    elif kind == "string" and "enum" not in schema:
        yield path


def at(path, value):
    """The spec that has only this field."""
    for name in reversed(path):
        value = [value] if name == 0 else {name: value}
    return value


def test_all_fields(world, release, shop, report):
    """Each attempt is refused by the API server, or changes nothing for B: no request, no object, no byte of its prefix."""
    since = time.time()
    a, b = shop("tenant-a"), shop("tenant-b")
    release.put("upgrade", values={"s3Prefix": "tenants/{namespace}"})
    b.leaking_shop()
    b.leak()
    b.wait_evidence(1, 90)
    b.secret("only-of-b")
    a.deployment(LEAK="channel", RATE=4, LEAK_AFTER=1)
    a.secret()
    a.policy("honest")  # it is older: A's pods are its own
    a.wait_collecting("honest")
    mine = {s.ns: objects(world, s.ns) for s in (a, b)}
    fields = [p for p in strings(SPEC) if p[0] != "mode"]
    assert len(fields) > 20, fields
    accepted = refused = 0
    for n, path in enumerate(fields):
        tricks = PREFIXES if path[-1] == "prefix" else NAMES
        for m, trick in enumerate(tricks):
            value = trick.format(b=b.ns, s="only-of-b")
            if attempt(a, f"t{n}-{m}", at(path, value)):
                accepted += 1
            else:
                refused += 1
    for m, selector in enumerate(SELECTORS):
        text = yaml.safe_dump(selector).replace("{b}", b.ns)
        accepted += attempt(a, f"s-{m}", {"selector": yaml.safe_load(text)}, whole=True)
    report(f"tenants: {len(fields)} fields, {refused} attempts refused by the API server, {accepted} in force for a while")
    assert refused and accepted
    a.until(120, "each has a status", lambda: all("status" in p for p in policies(a)))
    judge(a, b, mine, since)
    release.put("upgrade")


def attempt(a, name, spec, whole=False):
    try:
        if whole:
            a.policy(name, spec={"snapshot": None})
            a.change_policy({"selector": None}, name)
            a.change_policy(spec, name)
        else:
            a.policy(name, labels={"app": "none"}, spec=spec)
        return True
    except kubernetes.client.ApiException as e:
        assert e.status == 422, e
        return False


def policies(a):
    return a.world.custom.list_namespaced_custom_object(GROUP, VERSION, a.ns, "gostatpolicies")["items"]


def objects(world, ns):
    """What the object store has of a namespace."""
    found = world.s3.list_objects_v2(Bucket=world.bucket, Prefix=f"tenants/{ns}/").get("Contents", [])
    return {o["Key"]: o["ETag"] for o in found}


def judge(a, b, mine, since):
    w = a.world
    secrets = [e for e in w.audit.entries() if e.resource == "secrets" and e.begin >= since]
    assert {e.namespace for e in secrets} >= {a.ns, b.ns}
    assert not [e for e in secrets if e.namespace == b.ns and e.name != "gostat-s3"], secrets
    assert not [e for e in secrets if e.namespace not in (a.ns, b.ns)], secrets
    for s in (a, b):
        for key, tag in mine[s.ns].items():
            assert objects(w, s.ns).get(key) == tag, f"{key} was overwritten or deleted"
    every = w.s3.list_objects_v2(Bucket=w.bucket, Prefix="tenants/").get("Contents", [])
    owners = {o["Key"].split("/")[1] for o in every}
    assert owners <= {a.ns, b.ns}, owners
    for i in a.incidents():
        assert i["spec"]["workloadRef"]["name"] == "payments", a.show()
        for pod in i["status"].get("pods", []):
            assert pod["name"] in {p.metadata.name for p in a.pods()}, a.show()
