#!/usr/bin/env python3
"""usage: rendered.py VALUES.yaml RENDERED.yaml

What no schema says of the chart's objects: the program takes each command line, foreign templates come through as they are,
with rbac.namespaces nothing is granted for the whole cluster."""

import json
import os
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "charts/gostat/files"
GOSTAT = os.environ.get("GOSTAT_BIN", ROOT / "build/dev/gostat")
complaints = []


def complain(o, what):
    complaints.append(f"{o['kind']} {o['metadata']['name']}: {what}")


def check_command(o, pod):
    """--help is the last to be looked at: a flag or a value that is wrong is refused before."""
    for container in pod["containers"]:
        args = [a.replace("$(GOSTAT_SERVICE_HOST)", "127.0.0.1") for a in container["args"]]
        done = subprocess.run([GOSTAT, *args, "--help"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            complain(o, f"gostat {' '.join(args)}: {done.stderr.strip()}")


def check(o, namespaces):
    kind = o["kind"]
    if kind == "Pod":
        check_command(o, o["spec"])
    elif kind in ("Deployment", "Job"):
        check_command(o, o["spec"]["template"]["spec"])
    elif kind == "PrometheusRule" and o["spec"] != yaml.safe_load((FILES / "rules.prometheus.yaml").read_text()):
        complain(o, "is not files/rules.prometheus.yaml")
    elif kind == "ConfigMap":
        if json.loads(o["data"]["gostat.json"]) != json.loads((FILES / "dashboard.json").read_text()):
            complain(o, "is not files/dashboard.json")
    elif kind.startswith("ClusterRole") and namespaces:
        complain(o, "with rbac.namespaces there must be none")
    elif kind in ("Role", "RoleBinding") and o["metadata"]["namespace"] not in [*namespaces, "gostat-system"]:
        complain(o, f"is in {o['metadata']['namespace']}")


def main():
    values = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())
    objects = [o for o in yaml.safe_load_all(pathlib.Path(sys.argv[2]).read_text()) if o]
    namespaces = values.get("rbac", {}).get("namespaces", [])
    for o in objects:
        check(o, namespaces)
    for namespace in namespaces:
        for role in ("gostat", "gostat-pods", "gostat-restart", "gostat-scale"):
            for kind in ("Role", "RoleBinding"):
                wanted = (kind, namespace, role)
                if wanted not in [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]:
                    complaints.append(f"no {kind} {role} in {namespace}")
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)


main()
