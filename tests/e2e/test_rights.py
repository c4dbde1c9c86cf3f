"""Over the whole run: no request was forbidden, and which rights were not needed."""

import pathlib

import pytest
import yaml

MANIFEST = pathlib.Path(__file__).resolve().parents[2] / "manifests/rbac.yaml"
# Granted for what neither stage does, or only sometimes: incidents older than their retention; an incident whose creation
# was not answered (found to exist, and read); an Event that repeats; owners of ReplicaSets.
NOT_PLAYED = {
    ("get", "apps", "replicasets/scale"), ("patch", "apps", "replicasets/scale"),
    ("get", "apps", "statefulsets/scale"), ("patch", "apps", "statefulsets/scale"),
    ("delete", "gostat.dev", "gostatincidents"), ("get", "gostat.dev", "gostatincidents"),
    ("patch", "events.k8s.io", "events"),
}  # fmt: skip
# Only used by the stage heal.
OF_HEALING = {
    ("create", "", "pods/eviction"), ("patch", "", "pods"), ("patch", "apps", "deployments"),
    ("patch", "apps", "statefulsets"), ("patch", "apps", "daemonsets"), ("get", "apps", "statefulsets"),
    ("get", "apps", "daemonsets"), ("patch", "autoscaling", "horizontalpodautoscalers"),
}  # fmt: skip
# Restart of those is the same request as of a Deployment.
NOT_RESTARTED = {("patch", "apps", "statefulsets"), ("patch", "apps", "daemonsets")}


def granted():
    for o in yaml.safe_load_all(MANIFEST.read_text()):
        for rule in o.get("rules", []):
            for verb in rule["verbs"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        yield verb, group, resource


def test_least_rights(world, alone, request, report):
    judge(world, request, report, NOT_PLAYED | OF_HEALING)


@pytest.mark.heal
def test_least_rights_of_healing(world, alone, request, report):
    judge(world, request, report, NOT_PLAYED | NOT_RESTARTED)


def judge(world, request, report, allowed):
    entries = world.audit.entries()
    assert entries, "gostat has asked for nothing: run the other tests too"
    # An API server that starts refuses all until it has read its roles.
    refused = [
        e
        for e in entries
        if (e.forbidden or e.code == 401) and not any(begin <= e.begin <= end for begin, end in world.outages)
    ]
    assert refused == []
    used = {(e.verb, e.group, e.resource) for e in entries}
    assert used <= set(granted()), used - set(granted())
    unused = set(granted()) - used
    report(f"rights used: {len(used)}; granted and not used: {sorted(' '.join(r) for r in unused) or 'none'}")
    if len(request.session.items) < 20:
        pytest.skip("a part of the tests only: what is not needed cannot be told")
    assert unused <= allowed, unused - allowed
