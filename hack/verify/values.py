#!/usr/bin/env python3
"""usage: values.py HELM CHART

Each value of the chart is obeyed: ci/everything.yaml sets every one of them away from its default, but for those that
exclude each other, and without any one of these lines something else is rendered."""

import copy
import os
import pathlib
import subprocess
import sys
import tempfile

import yaml

HELM, CHART = sys.argv[1:]
# Set in other files of ci/, or the same by default because the line is about something that is on anyway.
ELSEWHERE = {
    ("rbac", "namespaces"), ("rbac", "create"), ("serviceAccount", "create"), ("metrics", "secure"), ("uninstall", "undo"),
    ("podDisruptionBudget", "enabled"), ("networkPolicy", "enabled"), ("crds", "enabled"), ("image", "tag"),
}  # fmt: skip
# Maps that are one value.
WHOLE = ("annotations", "labels", "resources", "nodeSelector", "affinity", "podAnnotations", "podLabels")


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and key not in WHOLE:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def rendered(values):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        yaml.safe_dump(values, f)
        f.flush()
        command = [HELM, "template", "gostat", CHART, "--namespace", "gostat-system", "--values", f.name]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout


def without(values, path):
    out = copy.deepcopy(values)
    at = out
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return out


def main():
    chart = pathlib.Path(CHART)
    known = set(leaves(yaml.safe_load((chart / "values.yaml").read_text())))
    values = yaml.safe_load((chart / "ci/everything.yaml").read_text())
    complaints = [f"not set: {'.'.join(p)}" for p in sorted(known - set(leaves(values)) - ELSEWHERE)]
    everything = rendered(values)
    for path in leaves(values):
        if path not in ELSEWHERE and rendered(without(values, path)) == everything:
            complaints.append(f"changes nothing: {'.'.join(path)}")
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)


main()
