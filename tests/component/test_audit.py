"""The audit log of gostat controller between the policy's status, a file and the object store: a real API server and S3
server, no pods. What decisions there are is tested in tests/e2e.

controller_world.py says what it needs.
"""

import hashlib
import json
import subprocess

import pytest

from apiserver import ApiServer
from apiserver import bin_dir_from_env as kubernetes_dir
from controller_world import GOSTAT, ROOT, S3, Controller, Space, condition, until

UNKNOWN_ZONE = {"name": "night", "effect": "Allow", "schedule": "0 2 * * *", "durationMinutes": 60, "timeZone": "Mars/Olympus"}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(kubernetes_dir(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "tests/rights")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


def chain(policy, n):
    """The lines that an earlier controller has committed, and status as it left it."""
    lines, head = [], ""
    for seq in range(1, n + 1):
        line = {
            "schema": "gostat.dev/audit/v1",
            "seq": seq,
            "previous": head,
            "time": f"2026-01-01T00:00:{seq:02}Z",
            "decision": "Refuse",
            "policy": {k: policy["metadata"][k] for k in ("namespace", "name", "uid")},
            "refusal": "Cooldown",
        }
        lines.append(json.dumps(line, separators=(",", ":")))
        head = "sha256:" + hashlib.sha256(lines[-1].encode()).hexdigest()
    return lines, {"auditHead": head, "auditSequence": n, "auditTail": lines}


def waiting(controller):
    for line in controller.get(controller.metrics_address, "/metrics")[1].splitlines():
        if line.startswith("gostat_audit_waiting "):
            return float(line.split()[1])
    return None


def verify(*words):
    return subprocess.run([GOSTAT, "audit", "verify", *map(str, words)], capture_output=True, text=True, timeout=30)


def test_takeover(api, tmp_path):
    """Lines that stand in the status go to the file at once and to the store once it is there; only then they leave."""
    log = tmp_path / "audit.log"
    with S3(tmp_path / "s3") as s3:
        s3.stop()
        space = Space(api, s3, "audited", tmp_path)
        space.secret()
        policy = space.policy("pay", mode="Observe")
        lines, status = chain(policy, 3)
        text = "".join(line + "\n" for line in lines)
        space.patch(space.policy_path("pay") + "/status", {"status": status})
        space.policy("zone", mode="Observe", healing={"windows": [UNKNOWN_ZONE]})
        controller = Controller(api, tmp_path / "controller", "--namespace", "audited", "--audit-log", str(log))
        try:
            controller.start().wait_ready()
            until(lambda: controller.log[-2000:], lambda: log.exists() and log.read_text() == text, 20)
            until(lambda: controller.log[-2000:], lambda: "cannot store lines of the audit log" in controller.log, 20)
            assert waiting(controller) == 3
            ready = condition(space.get_policy("zone"), "Ready")
            assert ready["reason"] == "Invalid"
            assert ready["message"].startswith("spec.healing.windows[0].timeZone: must be an IANA name"), ready
            assert space.get_policy("pay")["status"]["auditTail"] == lines

            s3.start()
            key = f"test/audited/audit/pay/{1:020}-{3:020}-20260101T000001Z.jsonl"
            until(lambda: controller.log[-2000:], lambda: s3.objects("audited").get(key) == text.encode(), 90)
            until(lambda: controller.log[-2000:], lambda: waiting(controller) == 0, 20)
            until(
                lambda: space.get_policy("pay")["status"],
                lambda: not space.get_policy("pay")["status"].get("auditTail"),
                60,
            )
            left = space.get_policy("pay")["status"]
            assert left["auditHead"] == status["auditHead"] and left["auditSequence"] == 3
            assert controller.end() == 0, controller.log
            controller.start().wait_ready()  # nothing is written twice that need not be
            assert controller.end() == 0, controller.log
            assert log.read_text() == text
        finally:
            space.close()
            controller.process.kill()
            controller.process.wait()
        batch = tmp_path / "batch.jsonl"
        batch.write_bytes(s3.objects("audited")[key])
        good = verify("--head", status["auditHead"], log, batch)
        assert (good.returncode, good.stdout) == (0, "6 lines, 1 chains, 3 repeated, 0 findings\n"), good
        log.write_text(text.replace("Cooldown", "cooldown", 1))
        assert verify(log).returncode == 1
        assert verify(log, batch).returncode == 1
