"""gostat policy lint says of a policy what the API server and the controller say of it.

Every case of crd_cases.py and crd_refused.py, and every field of a whole policy changed in every way that its schema
knows a limit for (lint_cases.py), goes to both; so do policies that the API server takes and the controller refuses.
GOSTAT_BIN: the binary. GOSTAT_BIN_DIR: etcd, kube-apiserver and kubectl.
"""

import concurrent.futures
import json
import pathlib
import subprocess

import pytest

from apiserver import ApiServer, bin_dir_from_env
from controller_world import GOSTAT, ROOT, Controller, condition, until
from crd_cases import ACCEPTED, POLICIES, VALID, merge, schedule, window, windows
from crd_refused import REFUSED
from lint_cases import metadata_mutations, mutations, paths

# Taken by the API server, and refused by the controller.
NEVER_IN_FORCE = {
    "a day that no month has": schedule("0 0 30 2 *"),
    "a day that these months do not have": schedule("0 0 31 4,6,9,11 *"),
    "an unknown time zone": windows(window(timeZone="Mars/Olympus")),
    "a time zone that is a directory": windows(window(timeZone="America")),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "manifests")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


def run(*args, stdin=None):
    return subprocess.run(
        [GOSTAT, "policy", "lint", *args], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def lint(policies, directory, prefix=""):
    """{name: [finding]} of {name: policy}; prefix makes YAML of it."""
    files = {}
    for i, (name, policy) in enumerate(policies.items()):
        file = pathlib.Path(directory) / f"{i}.json"
        file.write_text(prefix + json.dumps(policy))
        files[str(file)] = name
    done = run("-o", "json", *files)
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert answer["schema"] == "gostat.dev/lint/v1" and answer["policies"] == len(policies)
    found = {name: [] for name in policies}
    for f in answer["findings"]:
        found[files[f["file"]]].append(f)
    return found


def errors(findings):
    return [f for f in findings if f["level"] == "error"]


def verdicts(api, policies):
    """{name: the API server's message, "" where it takes it}."""

    def ask(item):
        name, policy = item
        status, answer = api.request("POST", f"{POLICIES}?dryRun=All&fieldValidation=Strict", policy)
        assert status in (201, 400, 422), (name, answer)
        return name, "" if status == 201 else answer["message"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(pool.map(ask, policies.items()))


def refused_by_controller(api, policies, directory):
    """{name: what the policy's condition Ready says of it, "" where it is not Invalid}; the API server takes them all."""
    names = {f"p{i}": name for i, name in enumerate(policies)}
    controller = Controller(api, pathlib.Path(directory) / "controller").start()
    try:
        for key, name in names.items():
            status, answer = api.request("POST", POLICIES, merge(policies[name], {"metadata": {"name": key}}))
            assert status == 201, answer

        def ready():
            items = api.request("GET", POLICIES)[1]["items"]
            reasons = {i["metadata"]["name"]: condition(i, "Ready") for i in items}
            return reasons if all(c["reason"] for c in reasons.values()) else None

        reasons = until(lambda: controller.log[-2000:], ready, 60)
        assert controller.end() == 0
    finally:
        if controller.process.poll() is None:
            controller.process.kill()
        assert api.request("DELETE", POLICIES)[0] == 200
    return {name: reasons[key]["message"] if reasons[key]["reason"] == "Invalid" else "" for key, name in names.items()}


def differences(api, policies, tmp_path):
    """Between lint, and the API server with the controller behind it, which is asked only where lint says more."""
    said = verdicts(api, policies)
    found = {name: errors(f) for name, f in lint(policies, tmp_path).items()}
    as_yaml = {name: errors(f) for name, f in lint(policies, tmp_path, prefix="# YAML\n").items()}
    stricter = {name: policy for name, policy in policies.items() if found[name] and not said[name]}
    said |= refused_by_controller(api, stricter, tmp_path) if stricter else {}
    different = []
    for name in policies:
        if bool(found[name]) != bool(said[name]):
            different.append(f"{name}: the API server: {said[name] or 'fine'}; lint: {found[name] or 'fine'}")
        told = [{(f["field"], f["message"]) for f in x[name]} for x in (found, as_yaml)]
        if told[0] != told[1]:
            different.append(f"{name}: as JSON {told[0]}, as YAML {told[1]}")
    return different


def test_the_cases_of_the_crd(api, tmp_path):
    policies = {f"accepted: {k}": merge(VALID, {"spec": v}) for k, v in ACCEPTED.items()}
    policies |= {f"refused: {k}": merge(VALID, {"spec": v[0]}) for k, v in REFUSED.items()}
    assert differences(api, policies, tmp_path) == []


def test_every_field_at_its_limits(api, tmp_path):
    _, crd = api.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gostatpolicies.gostat.dev")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    made, seen = mutations(schema)
    assert sorted(set(paths(schema, "spec")) - seen) == []  # a field that is new belongs into lint_cases.WHOLE
    assert len(made) > 1000
    assert "\n".join(differences(api, dict(made), tmp_path)) == ""


def test_metadata(api, tmp_path):
    assert differences(api, dict(metadata_mutations()), tmp_path) == []


def test_the_controller_takes_what_lint_takes(api, tmp_path):
    """All that the API server takes, in a real controller: Invalid is what lint finds wrong, in the same words."""
    policies = {name: merge(VALID, {"spec": patch}) for name, patch in {**ACCEPTED, **NEVER_IN_FORCE}.items()}
    found = lint(policies, tmp_path)
    refused = refused_by_controller(api, policies, tmp_path)
    assert {name for name, why in refused.items() if why} == set(NEVER_IN_FORCE)
    for name, why in refused.items():
        first = (errors(found[name]) or [None])[0]
        assert why == (f"{first['field']}: {first['message']}" if first else ""), name


POLICY = """\
apiVersion: gostat.dev/v1alpha1
kind: GostatPolicy
metadata:
  name: payments
spec:
  selector:
    matchLabels: {app: payments}
  endpoint:
    pprof: {port: 6060}
"""


def test_lines_and_columns(tmp_path):
    """Of what is wrong in a document of several, by fields, keys, items, and what is missing."""
    file = tmp_path / "policies.yaml"
    file.write_text(
        POLICY
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n---\n"
        + POLICY.replace("6060", '"6060"').replace("  name: payments\n", "  labels: {a: 1}\n")
        + "  samplin: {}\n  sampling:\n    intervalSeconds: 0\n  suspend: no\n"
        + "---\nitems: [\n"
    )
    done = run(str(file))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{file}:17:1: metadata.name: is missing, and required; add it",
        f"{file}:18:15: metadata.labels[a]: must be text, got the number 1; put it in quotes",
        f"{file}:24:3: spec.samplin: no such field; did you mean sampling?",
        f"{file}:26:22: spec.sampling.intervalSeconds: must be 1 to 300, got 0",
        f"{file}:27:12: kubectl reads this word or number in another way than most (YAML 1.1: yes is true, 010 is 8); "
        "write true, false or a plain number, or put it in quotes",
        f'{file}:27:12: spec.suspend: must be true or false, got the text "no"; write it without quotes',
        f"{file}:30:1: did not find expected node content",
    ]
    assert done.stderr == "gostat policy lint: 2 policies, 7 errors, 0 warnings; 1 other object was skipped\n"


def test_rules_over_several_fields_have_places_too(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY + "  sampling: {intervalSeconds: 1}\n")
    assert run(str(file)).stdout.startswith(f"{file}:10:3: spec.sampling.timeoutSeconds: (2 if left out) must be at most")
    file.write_text(POLICY.replace("6060", '"6060"'))
    assert run(str(file)).stdout.startswith(f"{file}:9:13: spec.endpoint.pprof.port: must be a number from 1 to 65535")


def test_warnings(tmp_path):
    """What is allowed, and does not do what it says; it counts with --strict."""
    file = tmp_path / "policy.yaml"
    file.write_text(
        POLICY
        + """\
  detection: {leakProfile: Never}
  healing:
    minGrade: Proven
    actions:
    - type: ScaleOut
      scaleOut: {step: 9, maxReplicas: 10}
    - type: Evict
    limits: {cooldownSeconds: 1800, maxActionsPerHour: 10, minAvailablePercent: 100}
    windows:
    - {name: nights, effect: Allow, schedule: 0 1 * * *, durationMinutes: 60}
    - {name: always, effect: Deny, schedule: 0 0 * * *, durationMinutes: 1440}
"""
    )
    done = run(str(file))
    assert (done.returncode, run("--strict", str(file)).returncode) == (0, 1)
    lines = [line.removeprefix(f"{file}:") for line in done.stdout.splitlines()]
    assert [line.partition(": warning: ")[0] for line in lines] == ["12:5", "15:18", "16:7", "17:37", "18:5"]
    assert [line.split(": ")[2] for line in lines] == [
        "spec.healing.minGrade",
        "spec.healing.actions[0].scaleOut.step",
        "spec.healing.actions[1]",
        "spec.healing.limits.maxActionsPerHour",
        "spec.healing.windows",
    ]


def test_lists_stdin_and_other_objects():
    policies = {"apiVersion": "v1", "kind": "List", "items": [VALID, merge(VALID, {"spec": {"mode": "Act"}})]}
    done = run("-", stdin=json.dumps(policies))
    assert done.returncode == 1 and "stdin:1:" in done.stdout and done.stdout.count("\n") == 1
    other = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    assert run("-", stdin=other).returncode == 0
    done = run("--strict", "-", stdin=other)
    assert done.returncode == 1
    assert done.stdout == "stdin:2:1: kind: is a Service, no GostatPolicy: --strict takes nothing else; name other files\n"
    misspelled = POLICY.replace("GostatPolicy", "GostatPolcy")
    assert run("-", stdin=misspelled).stdout == "stdin:2:1: kind: must be GostatPolicy\n"


def test_exit_codes(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    assert run(str(file)).returncode == 0
    done = run(str(file), str(tmp_path / "missing.yaml"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"gostat policy lint: open {tmp_path}/missing.yaml: No such file or directory\n")
    for args in ([], ["--bogus", str(file)], ["-o", "xml", str(file)]):
        done = run(*args)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, args
