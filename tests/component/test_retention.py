"""What gostat controller keeps in the object store, and what it deletes: a real API server and S3 server, no pods.

controller_world.py and test_s3.py say what it needs.
"""

import datetime
import subprocess
import time

import pytest

from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import BUCKET, ROOT, S3, Controller, Space, until
from test_s3 import command_line

NOW = datetime.datetime.now(datetime.timezone.utc)
BIG = 600 << 10  # two of them are over the maxBytes of 1 MiB


def snapshot(days, pod, kind="goroutine", suffix=".pb.gz", workload="pay", incident="pay-0a1b"):
    at = (NOW - datetime.timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")
    return f"{workload}/{incident}/{at}-{pod}-{kind}{suffix}"


GOES = [
    snapshot(8, "old-0"),
    snapshot(8, "old-0", suffix=".json"),
    snapshot(8, "old-1", "trace", ".trace"),
    snapshot(8, "old-2", "fulldump", ".txt"),
    snapshot(9, "alone-0", suffix=".json"),
    snapshot(8, "old-0", workload="other", incident="other-2c3d"),
    snapshot(6.5, "older-0", "heap"),  # by bytes
    snapshot(6.5, "older-0", "heap", ".json"),
    snapshot(8, "unknown-0", incident="pay-ffff"),
]
STAYS = [
    snapshot(1, "newer-0", "heap"),
    snapshot(6, "week-0"),  # by the longer retention of the two
    snapshot(6.9, "unknown-1", incident="pay-ffff"),  # nobody knows of what: not by bytes
    snapshot(0.5, "young-0", suffix=".json", workload="x"),
    "audit/policy/20200101T000000Z-a-goroutine.json",
    "audit/policy/00000000000000000001-00000000000000000003-20260101T000001Z.jsonl",
    "pay/pay-0a1b/notes.txt",
    "pay/pay-0a1b/20200101T000000Z-p-goroutine.exe",
    "pay/20200101T000000Z-p-goroutine.pb.gz",
    "pay/deep/pay-0a1b/20200101T000000Z-p-goroutine.pb.gz",
]
BIG_ONES = {snapshot(6.5, "older-0", "heap"), snapshot(1, "newer-0", "heap")}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "tests/rights")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


def write(s3, key, size):
    file = s3.root / BUCKET / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)


def killed_upload(s3, tmp_path, key):
    (tmp_path / "body").write_bytes(b"x" * (11 << 20))
    options = {"bucket": BUCKET, "body": tmp_path / "body", "stop": "hang"}
    argv, env = command_line(s3, "upload", [key], options)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout.readline() == "hanging\n"
        process.kill()


def resolved_incident(space, name):
    meta = {"name": name, "labels": {"gostat.dev/pattern": "0a1b0a1b"}}
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "pay", "uid": "u-1"}
    kind = {"apiVersion": "gostat.dev/v1alpha1", "kind": "GostatIncident"}
    space.post(space.incidents_path, {**kind, "metadata": meta, "spec": {"type": "Resource", "workloadRef": ref}})
    now = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"phase": "Resolved", "grade": "Suspected", "severity": "High", "startTime": now, "resolutionTime": now}
    space.patch(f"{space.incidents_path}/{name}/status", {"status": status})


def kept(s3):
    """The keys in the namespace's place, without its prefix."""
    base = s3.root / BUCKET / "test/kept"
    return {str(p.relative_to(base)) for p in base.rglob("*") if p.is_file()}


def uploads(s3):
    return [u for u in s3.list_uploads(BUCKET, "").iter() if u.tag.endswith("}Upload") or u.tag == "Upload"]


def test_retention(api, tmp_path):
    """Old and too much evidence goes, with its metadata; nothing else in the bucket does. Two policies share one place:
    the longer retention holds, and what they keep is counted once. An upload that a killed controller left is aborted,
    somebody else's is not."""
    with S3(tmp_path / "s3") as s3:
        for key in GOES + STAYS:
            write(s3, f"test/kept/{key}", BIG if key in BIG_ONES else 100)
        others = ["test/kept2/" + snapshot(99, "p"), "test/" + snapshot(99, "p"), "kept/" + snapshot(99, "p")]
        for key in others:
            write(s3, key, 10)
        killed_upload(s3, tmp_path, "test/kept/pay/pay-0a1b/20260101T000000Z-p-cpu.pb.gz")
        killed_upload(s3, tmp_path, "test/foreign/x")
        killed_upload(s3, tmp_path, "test/kept/backup/x.tar")
        assert len(uploads(s3)) == 3
        time.sleep(1.1)  # the store tells whole seconds
        space = Space(api, s3, "kept", tmp_path)
        space.secret()
        resolved_incident(space, "pay-0a1b")
        controller = Controller(api, tmp_path / "controller", "--namespace", "kept")
        try:
            keeps = {"highDays": 7, "mediumDays": 3, "lowDays": 1, "maxBytes": 1 << 20}
            for app, retention in {"pay": keeps, "other": {**keeps, "highDays": 5, "mediumDays": 2}}.items():
                space.policy(app, mode="Observe", snapshot={"s3": space.s3_spec(), "retention": retention})
            controller.start().wait_ready()
            until(
                lambda: f"{kept(s3)} {controller.log[-2000:]}",
                lambda: not kept(s3) & set(GOES),
                120,
            )
            until(lambda: controller.log[-2000:], lambda: len(uploads(s3)) == 2, 20)
            until(lambda: controller.log[-2000:], lambda: "looked after stored evidence" in controller.log, 20)
            assert kept(s3) == set(STAYS)
            for key in others:
                assert (s3.root / BUCKET / key).is_file()
            metrics = controller.get(controller.metrics_address, "/metrics")[1]
            assert "\ngostat_evidence_deleted_total 7\n" in metrics
            assert f"\ngostat_evidence_stored_bytes {BIG + 300}\n" in metrics
            time.sleep(35)  # the other policy's turn has come, too
            assert kept(s3) == set(STAYS)
            assert controller.log.count("looked after stored evidence") == 1
            assert controller.end() == 0, controller.log
        finally:
            space.close()
            controller.process.kill()
            controller.process.wait()
