"""gostat watch, the real binary, against real Go programs.

GOSTAT_BIN: the binary (build/dev/gostat). GOSTAT_WORKLOADS: a directory with leaky and lively, as hack/workloads.sh
makes it. The long runs go on at the same time; the whole takes as long as the longest of them.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import urllib.request

import pytest

import bad_servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOSTAT = os.environ.get("GOSTAT_BIN") or str(ROOT / "build/dev/gostat")
WORKLOADS = pathlib.Path(os.environ.get("GOSTAT_WORKLOADS") or ROOT / "build/workloads")

LEAKS = {  # leaf, entry, state, route label: see tests/workloads/README.md
    "channel": ("main.(*orders).publish", "main.(*orders).accept.func1", "chan send", "/orders"),
    "lock": ("main.(*ledger).post", "main.(*ledger).settle.func1", "sync.Mutex.Lock", None),
    "cancel": ("main.(*session).watch", "main.(*session).run", "select", None),
    "io": ("main.(*prices).fetchQuote", "main.(*prices).refresh.func1", "IO wait", "/quotes"),
}
PROVEN = ("channel", "cancel")  # the runtime's leak profile names them; the others must rise through the windows
EVENTS = {"suspected", "graded", "incident", "resolved", "action", "refused"}
# Short windows: growth that load explains, as connections do that of "io", takes 12 of them to be Suspected and 36 to be
# Probable.
WINDOWS = """
apiVersion: gostat.dev/v1alpha1
kind: GostatPolicy
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  endpoint: {pprof: {port: 6060}, metrics: {port: 6060}}
  sampling: {intervalSeconds: 1, timeoutSeconds: 1, profileIntervalSeconds: 10}
  detection: {floor: {windowSeconds: 2, windows: 2}}
"""
ENFORCE = """
apiVersion: gostat.dev/v1alpha1
kind: GostatPolicy
metadata: {name: shop, namespace: shop}
spec:
  mode: Enforce
  selector: {matchLabels: {app: shop}}
  endpoint: {pprof: {port: 6060}}
  sampling: {intervalSeconds: 1, timeoutSeconds: 1, profileIntervalSeconds: 10}
  snapshot: {s3: {endpoint: "http://127.0.0.1:1", bucket: evidence, credentialsSecretRef: {name: s3}}}
  healing: {actions: [{type: ScaleOut, scaleOut: {maxReplicas: 5}}]}
"""


class Program:
    """A leaky or lively on a free port."""

    def __init__(self, name, host="127.0.0.1", **env):
        path = WORKLOADS / name
        if not path.is_file():
            raise RuntimeError(f"GOSTAT_WORKLOADS: {path} does not exist; run hack/workloads.sh {WORKLOADS}")
        self.process = subprocess.Popen(
            [path], env={"ADDR": f"{host}:0", **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"{name}: {line}{self.process.stdout.read()}")
        self.address = line.removeprefix("listening on ").strip()

    def post(self, path):
        request = urllib.request.Request(f"http://{self.address}{path}", method="POST")
        urllib.request.urlopen(request, timeout=5).read()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Watch:
    """A running gostat watch. lines: what it printed so far; wait(): the exit code."""

    def __init__(self, *args, **popen):
        self.process = subprocess.Popen(
            [GOSTAT, "watch", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen
        )
        self.lines, self.stderr = [], ""
        self.changed = threading.Condition()
        self._readers = [threading.Thread(target=self._out), threading.Thread(target=self._err)]
        for reader in self._readers:
            reader.start()

    def _out(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def _err(self):
        self.stderr = self.process.stderr.read()

    def wait_for(self, text, seconds):
        with self.changed:
            found = self.changed.wait_for(lambda: any(text in line for line in self.lines), seconds)
        assert found, f"no {text!r} in {seconds} s: {self.lines} {self.stderr}"

    def wait(self, seconds=120):
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join()
        return code

    def events(self, event=None, target=None):
        all_events = [json.loads(line) for line in self.lines]
        return [e for e in all_events if event in (None, e["event"]) and target in (None, e["target"])]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


def remove_when_made(directory):
    """Takes a directory away from under a watch that has just made it, and tried whether it can write there."""
    end = time.monotonic() + 5
    while True:
        try:
            directory.rmdir()
            return
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All long runs, begun together."""

    class World:
        pass

    w, parts = World(), []

    def start(kind, *args, **kwargs):
        parts.append(kind(*args, **kwargs))
        return parts[-1]

    try:
        w.evidence = tmp_path_factory.mktemp("watch") / "evidence"
        w.leaky = {kind: start(Program, "leaky", LEAK=kind) for kind in LEAKS}
        w.burst = start(Program, "lively", LIVELY="burst")
        w.leaks = start(
            Watch, "-o", "json", "--interval", 1, "--for", 24, "--evidence", w.evidence,
            *(p.address for p in w.leaky.values()), w.burst.address,
        )  # fmt: skip

        w.policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
        w.policy.write_text(ENFORCE)
        w.windows_policy = w.policy.with_name("windows.yaml")
        w.windows_policy.write_text(WINDOWS)
        w.windows = start(
            Watch, "-o", "json", "-f", w.windows_policy, "--for", 95, "--evidence", w.evidence,
            *(w.leaky[kind].address for kind in LEAKS if kind not in PROVEN), w.burst.address,
        )  # fmt: skip

        w.policy_evidence = tmp_path_factory.mktemp("policy") / "evidence"
        w.no_metrics = start(Program, "leaky", LEAK="channel", NO_METRICS="1")
        w.enforced = start(
            Watch, "-o", "json", "-f", w.policy, "--for", 28, "--evidence", w.policy_evidence,
            w.no_metrics.address, w.leaky["cancel"].address,
        )  # fmt: skip

        w.bad = {answer.__name__: start(bad_servers.BadServer, answer) for answer in bad_servers.ALL}
        w.beside = start(
            Watch, "-o", "text", "--interval", 1, "--for", 18, w.leaky["channel"].address,
            *(b.address for b in w.bad.values()),
        )  # fmt: skip

        w.replicas = [start(Program, "leaky", LEAK="cancel") for _ in range(2)]
        w.replicated = start(
            Watch, "-o", "json", "--interval", 1, "--for", 22, *(f"shop={p.address}" for p in w.replicas)
        )

        w.healing = start(Program, "leaky", LEAK="io")
        w.healed = start(Watch, "-o", "json", "-f", w.windows_policy, w.healing.address)

        lost = tmp_path_factory.mktemp("lost") / "evidence"
        w.lost = start(
            Watch, "-o", "json", "--interval", 1, "--for", 16, "--evidence", lost, w.leaky["cancel"].address
        )
        remove_when_made(lost)
        yield w
    finally:
        for part in reversed(parts):
            part.close()


def run(*args, stdin="", timeout=30):
    return subprocess.run(
        [GOSTAT, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


# ---- usage: nothing runs long ----

POLICY = "apiVersion: gostat.dev/v1alpha1\nkind: GostatPolicy\nmetadata: {name: p}\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "a subcommand is missing"),
        (["nope"], "no such subcommand: nope"),
        (["--nope"], "no such flag: --nope"),
        (["version", "x"], "version takes no argument: x"),
        (["help", "nope"], "no such subcommand: nope"),
        (["watch"], "a TARGET (host:port) is missing"),
        (["watch", "--nope", "a:1"], "no such flag: --nope"),
        (["watch", "-x", "a:1"], "no such flag: -x"),
        (["watch", "--help=1"], "--help takes no value"),
        (["watch", "a:1", "--for"], "--for needs a value"),
        (["watch", "--for", "0", "a:1"], '--for "0": want 1s to 366d'),
        (["watch", "--for", "-5", "a:1"], '--for "-5"'),
        (["watch", "--for", "5x", "a:1"], '--for "5x"'),
        (["watch", "--for", "367d", "a:1"], '--for "367d"'),
        (["watch", "--for", "99999999999999999999", "a:1"], "--for"),
        (["watch", "--interval", "0", "a:1"], '--interval "0": want 1 to 300 seconds'),
        (["watch", "--interval", "301", "a:1"], '--interval "301"'),
        (["watch", "--interval", "1500ms", "a:1"], "whole seconds"),
        (["watch", "--interval", "", "a:1"], "--interval"),
        (["watch", "-o", "xml", "a:1"], '-o "xml": want json, table or text'),
        (["watch", "--evidence", "", "a:1"], "--evidence: the directory's name is empty"),
        (["watch", "http://a:1"], 'TARGET "http://a:1": it is a URL'),
        (["watch", "a:1/metrics"], "it has a path"),
        (["watch", "a"], 'TARGET "a": the port is missing'),
        (["watch", "a:"], "the port is not a number from 1 to 65535"),
        (["watch", "a:0"], "the port is not a number from 1 to 65535"),
        (["watch", "a:65536"], "the port is not a number from 1 to 65535"),
        (["watch", "a:http"], "the port is not a number from 1 to 65535"),
        (["watch", ":80"], "neither an address nor a host name"),
        (["watch", "a b:80"], "neither an address nor a host name"),
        (["watch", "a@b:80"], "neither an address nor a host name"),
        (["watch", "::1:80"], "an IPv6 address needs brackets"),
        (["watch", "[::1]"], "the port is missing"),
        (["watch", "[::g]:80"], "not an IPv6 address"),
        (["watch", "[]:80"], "not an IPv6 address"),
        (["watch", "a" * 200 + ":80"], "longer than 200 characters"),
        (["watch", "a:1", "b:2", "a:1"], "it is given twice"),
        (["watch", "x=a:1", "y=a:1"], "it is given twice"),
        (["watch", "=a:1"], "the name before '=' has 1 to 63 of A-Z a-z 0-9"),
        (["watch", "n" * 64 + "=a:1"], "the name before '=' has 1 to 63 of A-Z a-z 0-9"),
        (["watch", "a/b=a:1"], "the name before '=' has 1 to 63 of A-Z a-z 0-9"),
        (["watch", "x=y=a:1"], "neither an address nor a host name"),
        (["watch", "-f", "/nowhere/policy.yaml", "a:1"], "open /nowhere/policy.yaml: No such file"),
        (["watch", "-f", "/", "a:1"], "read /: Is a directory"),
        (["watch", "--evidence", "/dev/null", "a:1"], "evidence directory /dev/null"),
        (["watch", "--evidence", "/proc/none", "a:1"], "evidence directory /proc/none"),
        (["watch", "--evidence", "/nowhere/a/b", "a:1"], "evidence directory /nowhere/a/b: No such file"),
    ],
)
def test_usage_error(args, message):
    done = run(*args)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1, "one line"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{", "policy stdin: YAML: line 2"),
        ("spec: [", "line"),
        ("a: 1\na: 2\n", "comes twice"),
        ("spec: {}\n", "apiVersion: must be gostat.dev/v1alpha1"),
        (POLICY, "spec"),
        (POLICY + "spec: {mode: Maybe}\n", "spec.mode"),
        (POLICY + "spec: {nope: 1}\n", "nope"),
        (POLICY + "spec: {sampling: {intervalSeconds: 0}}\n", "spec.sampling.intervalSeconds"),
        (POLICY + "spec: {sampling: {intervalSeconds: '5'}}\n", "spec.sampling.intervalSeconds"),
        (POLICY + "spec: {detection: {growth: {periods: 16}}}\n", "spec.detection.growth.periods"),
        (POLICY + "spec: {mode: Enforce}\n", "spec.snapshot.s3"),
        (POLICY + "spec: {suspend: true}\n", "spec.suspend is true"),
        (POLICY + "spec: {endpoint: {pprof: {port: 1}, tls: {}}}\n", "spec.endpoint.tls: is for scheme HTTPS"),
        (
            POLICY + "spec: {endpoint: {pprof: {port: 1}, scheme: HTTPS, tls: {caSecretRef: {name: a}}}}\n",
            "spec.endpoint.tls.caSecretRef: watch has no Secrets",
        ),
        (
            POLICY + "spec: {endpoint: {pprof: {port: 1}, authorization: {basicAuthSecretRef: {name: a}}}}\n",
            "spec.endpoint.authorization.basicAuthSecretRef: watch has no Secrets",
        ),
        ("x" * (1 << 20) + "yz", "longer than 1048576 bytes"),
    ],
)
def test_invalid_policy(policy, message):
    done = run("watch", "-f", "-", "a:1", stdin=policy)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_interval_beyond_the_surge_window():
    policy = POLICY + "spec: {detection: {surge: {windowSeconds: 30}}}\n"
    done = run("watch", "-f", "-", "--interval", "31", "a:1", stdin=policy)
    assert (done.returncode, "--interval 31" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--help"], ["controller", "watch", "version"]),
        (["help"], ["controller", "watch", "version"]),
        (["watch", "--help"], ["TARGET", "NAME=host:port", "--evidence", "1 to 300 s", "exit codes", "Probable", "%/min"]),
        (["help", "watch"], ["--interval", "exit codes", "max(first, 1)", '"pattern"']),
        (["version"], ["gostat "]),
        (["--version"], ["gostat "]),
        (["controller", "--help"], ["--kubeconfig"]),
    ],
)
def test_help(args, words):
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, "")
    for word in words:
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


# ---- short runs ----


def test_policy_as_json_and_a_healthy_program(world):
    policy = {
        "apiVersion": "gostat.dev/v1alpha1",
        "kind": "GostatPolicy",
        "spec": {"sampling": {"intervalSeconds": 1, "timeoutSeconds": 1}},
    }
    done = run("watch", "-o", "json", "-f", "-", "--for", "2s", world.burst.address, stdin=json.dumps(policy))
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_reached():
    target = f"127.0.0.1:{free_port()}"
    done = run("watch", "-o", "json", "--interval", 1, "--for", 2, target)
    assert done.returncode == 2
    assert f"{target}: never reached: GET http://{target}/metrics: " in done.stderr
    assert done.stdout == ""


def test_one_of_two_reached(world):
    target = f"127.0.0.1:{free_port()}"
    done = run("watch", "-o", "json", "--interval", 1, "--for", 2, world.burst.address, target)
    assert done.returncode == 0
    assert [line.split()[2] for line in done.stderr.splitlines()] == [target + ":"]


def test_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    program = Program("lively", host="[::1]", LIVELY="burst")
    try:
        done = run("watch", "-o", "json", "--interval", 1, "--for", 2, program.address)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        program.close()


def test_no_pprof_is_not_nothing_found():
    def metrics_only(connection):
        request = connection.recv(65536)
        body = b"go_goroutines 7\n" if b"/metrics" in request else b""
        status = b"200 OK" if body else b"404 Not Found"
        connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))

    server = bad_servers.BadServer(metrics_only)
    done = run("watch", "-o", "json", "--interval", 1, "--for", 4, server.address)
    server.close()
    assert done.returncode == 2
    assert "no target gave a goroutine profile" in done.stderr


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_quiet_run(world, signo):
    watch = Watch("-o", "json", "--interval", 1, world.burst.address)
    time.sleep(1.5)
    watch.process.send_signal(signo)
    assert watch.wait(5) == 0
    assert watch.stderr == ""


def test_reader_that_goes_away(world):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [GOSTAT, "watch", "-o", "json", "--interval", "1", world.leaky["channel"].address],
        stdout=write, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write)
    try:
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (0, "")


def test_output_that_cannot_be_written(world):
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            [GOSTAT, "watch", "-o", "json", "--interval", "1", world.leaky["channel"].address],
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (2, "gostat watch: write to stdout: No space left on device\n")


# ---- the live table ----


class Terminal:
    """gostat watch on a terminal of its own."""

    def __init__(self, rows, columns, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", NO_COLOR="1")
            os.execv(GOSTAT, ["gostat", "watch", *map(str, args)])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = b""

    def read(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.output += os.read(self.fd, 65536)
                except OSError:
                    return
        return

    def frames(self):
        """The screens that were drawn, as lists of lines without escape sequences."""
        return [
            [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip("\r") for line in frame.decode().split("\n")]
            for frame in self.output.split(b"\x1b[H")[1:]
        ]


def test_table(world):
    dead = f"127.0.0.1:{free_port()}"
    targets = [world.leaky["channel"].address, world.burst.address, dead]
    terminal = Terminal(12, 70, "--interval", 1, "--for", 4, *targets)
    terminal.read(8)
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert terminal.output.startswith(b"\x1b[?1049h\x1b[?25l"), "the other screen, no cursor"
    assert b"\x1b[?25h\x1b[?1049l" in terminal.output, "as it was before"
    frames = terminal.frames()
    assert 4 <= len(frames) <= 8, "one each second, and each change of size"
    frame = frames[-2]
    assert len(frame) <= 12
    assert max(map(len, frame)) <= 70
    assert frame[0].startswith("gostat watch: 3 targets, 0 leaking, 1 unreachable")
    assert frame[1].split()[:5] == ["TARGET", "GOROUTINES", "GROWTH", "STATE", "GRADE"]
    assert {line.split()[0] for line in frame[2:5]} == set(targets)
    counts = [line.split()[1] for line in frame[2:5]]
    assert counts[-1] == "-" and all(c.isdigit() for c in counts[:-1])
    assert counts[:-1] == sorted(counts[:-1], key=int, reverse=True)
    assert "unreachable" in frame[4]


def test_small_terminal(world):
    terminal = Terminal(6, 30, "--interval", 1, "--for", 2, *(p.address for p in world.leaky.values()))
    terminal.read(5)
    os.waitpid(terminal.pid, 0)
    frame = terminal.frames()[-2]
    assert max(map(len, frame)) <= 30
    assert len(frame) <= 6
    assert "and 2 more" in frame[4]


# ---- the long runs ----


def found(world, kind):
    """The watch that must have found this kind of leak, once it has ended."""
    watch = world.leaks if kind in PROVEN else world.windows
    assert watch.wait() == 1
    return watch


def check_pattern(event, kind):
    leaf, entry, state, route = LEAKS[kind]
    pattern = event["pattern"]
    assert (pattern["leafFunction"], pattern["entryFunction"], pattern["state"]) == (leaf, entry, state)
    assert pattern["labels"].get("route") == route
    assert pattern["count"] >= 3
    assert re.fullmatch("p[0-9a-f]{10}", pattern["id"])
    assert any(frame.startswith(leaf + " ") for frame in pattern["keyFrames"])


@pytest.mark.parametrize("kind", LEAKS)
def test_leak_is_named(world, kind):
    events = found(world, kind).events(target=world.leaky[kind].address)
    assert [e["event"] for e in events[:3]] == ["suspected", "graded", "incident"]
    assert [e["event"] for e in events].count("incident") == 1
    grades = [e["grade"] for e in events if e["event"] == "graded"]
    slow = ["Suspected", "Probable"]  # by windows; one look may show both
    assert grades in ({"lock": [slow, slow[1:]], "io": [slow]}.get(kind, [["Probable", "Proven"]])), grades
    assert events[2]["grade"] == events[1]["grade"] and events[0]["grade"] is None
    for e in events:
        fields = ["t", "event", "target", "incident", "grade", "podCount", "pattern", "patterns", "type", "reason"]
        assert list(e) == fields
        assert e["podCount"] == (None if e["event"] == "suspected" else 1)
        assert e["reason"]
    assert events[0]["pattern"] is None
    for e in events[1:]:
        check_pattern(e, kind)
    wanted = {"lock": "FloorRises, SiteGrows, IdsSurvive: ", "io": "FloorRises, SiteGrows, CountsSurvive: "}
    assert events[-1]["reason"].startswith(wanted.get(kind, "SiteGrows, LeakProfile, LeakProfileGrows: "))


def test_leaks_that_are_reachable_need_their_windows(world):
    """Nothing names them within seconds at the default windows, and nobody is told."""
    assert world.leaks.wait() == 1
    for kind in LEAKS:
        if kind not in PROVEN:
            assert {e["event"] for e in world.leaks.events(target=world.leaky[kind].address)} == {"suspected"}


def test_replicas_share_an_incident(world):
    assert world.replicated.wait() == 1
    assert world.replicated.stderr == ""
    (incident,) = world.replicated.events("incident")
    assert incident["target"] in {"shop", *(p.address for p in world.replicas)}
    assert incident["pattern"]["leafFunction"] == LEAKS["cancel"][0]
    assert {e["pattern"]["id"] for e in world.replicated.events("graded")} == {incident["pattern"]["id"]}
    assert max(e["podCount"] or 0 for e in world.replicated.events()) == 2


def test_every_line_is_an_event(world):
    assert world.leaks.wait() == 1
    assert {e["event"] for e in world.leaks.events()} <= EVENTS
    times = [e["t"] for e in world.leaks.events()]
    assert times == sorted(times)
    assert world.leaks.stderr == ""


def test_healthy_program_is_not_accused(world):
    for watch in (world.leaks, world.windows):
        assert watch.wait() == 1
        assert watch.events("incident", world.burst.address) == []


def test_evidence(world):
    """Each profile with its description; of what the leak profile has graded, that one too. go tool pprof reads both. The
    full dump is kept as it was read, where one was asked for once the incident was there."""
    for kind, program in world.leaky.items():
        found(world, kind)
        name = program.address.replace(":", "-")
        files = sorted(p for p in (world.evidence / "local" / name).rglob("*") if p.is_file())
        assert {p.suffix for p in files} <= {".gz", ".json", ".txt"}, "nothing temporary is left"
        dumps = [p for p in files if p.suffix != ".json"]
        assert len(dumps) * 2 == len(files)
        kinds = [re.fullmatch(rf"\d{{8}}T\d{{6}}Z-{re.escape(name)}-(\w+)\.(pb\.gz|txt)", p.name)[1] for p in dumps]
        assert set(kinds) - {"fulldump"} == ({"goroutine", "goroutineleak"} if kind in PROVEN else {"goroutine"})
        assert kinds.count("fulldump") <= 1
        for dump in dumps:
            check_dump(dump, program.address, LEAKS[kind][0])
        if "fulldump" in kinds:
            assert LEAKS[kind][0] in dumps[kinds.index("fulldump")].read_text()
        for dump in (dumps[kinds.index(k)] for k in set(kinds) - {"fulldump"}):
            top = subprocess.run(["go", "tool", "pprof", "-top", "-cum", dump], capture_output=True, text=True, check=True)
            assert LEAKS[kind][0] in top.stdout


def check_dump(dump, pod, leaf):
    assert re.fullmatch(rf"{re.escape(pod.replace(':', '-'))}-[0-9a-f]{{10}}", dump.parent.name)
    stem, ending = re.fullmatch(r"(.*-(\w+))\.(?:pb\.gz|txt)", dump.name).groups()
    metadata = json.loads(dump.with_name(stem + ".json").read_text())
    assert metadata["sha256"] == hashlib.sha256(dump.read_bytes()).hexdigest()
    assert metadata["bytes"] == dump.stat().st_size
    assert metadata["pod"] == pod
    assert metadata["kind"].lower() == ending
    assert metadata["patterns"][0]["leafFunction"] == leaf


def test_without_metrics(world):
    assert world.enforced.wait() == 1
    incidents = world.enforced.events("incident", world.no_metrics.address)
    assert [i["pattern"]["leafFunction"] for i in incidents] == [LEAKS["channel"][0]]
    assert world.enforced.stderr == "", "a /metrics that is a 404 is no failure"


def test_healing_is_refused(world):
    assert world.enforced.wait() == 1
    for target in (world.no_metrics.address, world.leaky["cancel"].address):
        refused = world.enforced.events("refused", target)
        assert [r["reason"] for r in refused] == ["NoCluster: there is no cluster to act on"]
        assert refused[0]["grade"] == "Probable"
    assert world.enforced.events("action") == []


def test_bad_servers_beside_a_leak(world):
    assert world.beside.wait() == 1
    text = "".join(world.beside.lines)
    assert f"Proven leak in {world.leaky['channel'].address}" in text
    assert LEAKS["channel"][0] in text
    unreached = {line.split()[2].removesuffix(":") for line in world.beside.stderr.splitlines()}
    assert unreached == {b.address for b in world.bad.values()}, world.beside.stderr
    assert "\x1b" not in world.beside.stderr + text
    for name, server in world.bad.items():
        assert 1 <= server.connections <= 30, f"{name}: a bounded request in each interval, and two profiles"


def test_bad_servers_do_not_delay_others(world):
    assert world.beside.wait() == 1
    incident = next(line for line in world.beside.lines if " incident " in line)
    assert float(incident.split()[0]) < 12


def test_evidence_that_cannot_be_kept(world):
    assert world.lost.wait() == 2
    assert "evidence was not kept: " in world.lost.stderr
    assert world.lost.events("incident")


def test_resolved_and_interrupted(world):
    world.healed.wait_for('"incident"', 40)
    world.healing.post("/leak?on=false")
    world.healing.post("/release")
    world.healed.wait_for('"resolved"', 100)
    world.healed.process.send_signal(signal.SIGINT)
    assert world.healed.wait(5) == 1, "a leak was found, whatever became of it"
    (resolved,) = world.healed.events("resolved")
    assert resolved["target"] == world.healing.address
    assert resolved["pattern"]["leafFunction"] == LEAKS["io"][0]
