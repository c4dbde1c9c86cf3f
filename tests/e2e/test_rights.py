"""No request was forbidden, and none was made that is not granted; and which rights were used, for hack/test.sh to add up
over its stages: what none of them needed is not to be granted."""

import json
import os
import pathlib
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Which rights it holds is asked before an action is planned; system:basic-user lets everybody ask that of himself.
ANYBODYS = {("create", "authorization.k8s.io", "selfsubjectaccessreviews")}


def granted():
    """(verb, group, resource) of all that manifests/ and tests/rights grant the controller."""
    files = [ROOT / "manifests/rights/rbac.yaml", ROOT / "manifests/rights/rbac-metrics.yaml", ROOT / "tests/rights/leases.yaml"]
    found = set()
    for file in [*files, *(ROOT / "manifests/actions").glob("rbac-*.yaml")]:
        for o in yaml.safe_load_all(file.read_text()):
            for rule in o.get("rules", []):
                for verb in rule["verbs"]:
                    found |= {(verb, group, resource) for group in rule.get("apiGroups", []) for resource in rule.get("resources", [])}
    return found


def judge(world, report, stage, users=None, always=()):
    """always: users of which nothing may be refused in world.outages either."""
    entries = [e for user in users for e in world.audit.entries(user=user)] if users else world.audit.entries()
    assert entries, "gostat has asked for nothing: run the other tests too"
    # An API server that starts refuses all until it has read its roles.
    refused = [
        e
        for e in entries
        if (e.forbidden or e.code == 401)
        and (e.user in always or not any(begin <= e.begin <= end for begin, end in world.outages))
    ]
    assert refused == []
    used = {(e.verb, e.group, e.resource) for e in entries} - ANYBODYS
    assert used <= granted(), used - granted()
    report(f"rights used: {len(used)} of {len(granted())}")
    if os.environ.get("GOSTAT_RIGHTS"):
        pathlib.Path(os.environ["GOSTAT_RIGHTS"], stage).write_text(json.dumps(sorted(used)))


def test_least_rights(world, alone, report):
    judge(world, report, "e2e")


@pytest.mark.heal
def test_least_rights_of_healing(world, alone, report):
    judge(world, report, "heal")


def main():
    """usage: test_rights.py DIR   what its files, one a stage, say was used, against what is granted"""
    used = {tuple(right) for f in pathlib.Path(sys.argv[1]).iterdir() for right in json.loads(f.read_text())}
    for right in sorted(granted() - used):
        print("granted, and used by no test:", " ".join(right))
    print(f"{len(granted() & used)} passed, {len(granted() - used)} failed")
    return 1 if granted() - used else 0


if __name__ == "__main__":
    sys.exit(main())
