"""The evidence of gostat watch, the real binary, from a real Go program: all kinds, as Go's own tools read them.

GOSTAT_BIN and GOSTAT_WORKLOADS: as for test_watch.py.
"""

import datetime
import hashlib
import json
import re
import subprocess
import threading
import urllib.request

import pytest

from test_watch import Program, Watch

POLICY = """
apiVersion: gostat.dev/v1alpha1
kind: GostatPolicy
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  endpoint: {pprof: {port: 6060}}
  sampling: {intervalSeconds: 1, timeoutSeconds: 1, profileIntervalSeconds: 10}
  snapshot: {profiles: [Goroutine, GoroutineLeak, Heap, CPU, Trace], cpuSeconds: 2, traceSeconds: 1}
"""
ENDINGS = {
    "Goroutine": "-goroutine.pb.gz",
    "GoroutineLeak": "-goroutineleak.pb.gz",
    "FullDump": "-fulldump.txt",
    "Heap": "-heap.pb.gz",
    "CPU": "-cpu.pb.gz",
    "Trace": "-trace.trace",
}
BUSY_S = 6


def profile_cpu(address, seconds, started):
    request = urllib.request.Request(f"http://{address}/debug/pprof/profile?seconds={seconds}")
    started.set()
    urllib.request.urlopen(request, timeout=seconds + 10).read()


class Run:
    """A leaky program, and a watch that keeps evidence of it."""

    def __init__(self, directory, seconds):
        self.program = Program("leaky", RATE="20")
        self.times = {}  # of the newest of each kind
        self.evidence = directory / "evidence"
        policy = directory / "policy.yaml"
        policy.write_text(POLICY)
        arguments = ("-o", "json", "-f", policy, "--for", seconds, "--evidence", self.evidence)
        self.watch = Watch(*arguments, f"shop={self.program.address}")

    def pieces(self):
        """{kind: [(file, metadata)]}; each file is what its metadata says."""
        found = {}
        for path in sorted((self.evidence / "local" / "shop").rglob("*.json")):
            metadata = json.loads(path.read_text())
            file = path.with_name(path.name.removesuffix(".json") + re.search(r"\..*", ENDINGS[metadata["kind"]])[0])
            assert file.name.endswith(ENDINGS[metadata["kind"]])
            assert metadata["bytes"] == file.stat().st_size > 0
            assert metadata["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
            assert metadata["pod"] == self.program.address and metadata["goroutines"] > 0
            found.setdefault(metadata["kind"], []).append(file)
            self.times[metadata["kind"]] = datetime.datetime.fromisoformat(metadata["time"])
        return found

    def close(self):
        self.watch.close()
        self.program.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One undisturbed, and one whose CPU somebody else profiles when gostat wants to: both at once."""
    plain = Run(tmp_path_factory.mktemp("plain"), "15s")
    busy = Run(tmp_path_factory.mktemp("busy"), "28s")
    started = threading.Event()
    profiler = threading.Thread(target=profile_cpu, args=(busy.program.address, BUSY_S, started))
    busy.watch.wait_for('"event":"incident"', 20)
    profiler.start()
    yield plain, busy
    profiler.join()
    plain.close()
    busy.close()


def check(run):
    assert run.watch.wait() == 1
    assert run.watch.stderr == ""
    pieces = run.pieces()
    assert set(pieces) == set(ENDINGS)
    assert all(len(pieces[k]) == 1 for k in ("Heap", "CPU", "Trace", "FullDump"))
    left = [p for p in (run.evidence / "local").rglob("*") if p.is_file()]
    assert len(left) == 2 * sum(map(len, pieces.values())), "nothing temporary is left"
    return pieces


def tool(*arguments):
    command = ["go", "tool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_all_kinds(runs):
    pieces = check(runs[0])
    assert "inuse_space" in tool("pprof", "-raw", pieces["Heap"][0])
    assert re.search(r"Duration: [12]", tool("pprof", "-top", pieces["CPU"][0]))
    assert "main.(*orders).publish" in tool("pprof", "-top", "-cum", pieces["Goroutine"][0])
    assert "main.(*orders).publish" in pieces["FullDump"][0].read_text()
    assert pieces["Trace"][0].read_bytes().startswith(b"go 1.")
    assert "M=" in tool("trace", "-d=parsed", pieces["Trace"][0])


def test_a_busy_cpu_is_profiled_later(runs):
    """Go answers 500 while somebody else profiles the CPU."""
    pieces = check(runs[1])
    assert (runs[1].times["CPU"] - runs[1].times["Trace"]).total_seconds() > BUSY_S
    assert re.search(r"Duration: [12]", tool("pprof", "-top", pieces["CPU"][0]))
