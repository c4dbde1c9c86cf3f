"""gostat backtest, the real binary: on CSV files, on a real Prometheus server with a month of samples, and on the samples
and profiles of a real Go program.

GOSTAT_BIN: the binary (build/dev/gostat). GOSTAT_WORKLOADS: a directory with leaky, as hack/workloads.sh makes it.
"""

import base64
import http.server
import json
import os
import pathlib
import random
import shlex
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOSTAT = os.environ.get("GOSTAT_BIN") or str(ROOT / "build/dev/gostat")
WORKLOADS = pathlib.Path(os.environ.get("GOSTAT_WORKLOADS") or ROOT / "build/workloads")
EVENTS = {"suspected", "graded", "incident", "resolved", "action", "refused"}
DAY = 86400
POLICY = """
apiVersion: gostat.dev/v1alpha1
kind: GostatPolicy
metadata: {name: shop, namespace: shop}
spec:
  mode: DryRun
  selector: {matchLabels: {app: shop}}
  endpoint: {pprof: {port: 6060}}
  detection: {floor: {windowSeconds: 30, windows: 2}}
  snapshot: {s3: {endpoint: "http://127.0.0.1:1", bucket: evidence, credentialsSecretRef: {name: s3}}}
  healing: {minGrade: Suspected, actions: [{type: ScaleOut, scaleOut: {maxReplicas: 5}}]}
"""


def backtest(*args, **kw):
    return subprocess.run(
        [GOSTAT, "backtest", *map(str, args)], capture_output=True, text=True, timeout=120, **kw
    )


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def csv_file(path, counts, step=5, header="t_seconds,go_goroutines"):
    path.write_text(header + "\n" + "".join(f"{k * step},{n}\n" for k, n in enumerate(counts)))
    return path


def flat(n, seed=1):
    noise = random.Random(seed)
    return [50 + noise.randint(0, 1) for _ in range(n)]


# Files


def test_a_leak_is_found_and_dated(tmp_path):
    series = csv_file(tmp_path / "shop.csv", [n + max(0, k - 360) for k, n in enumerate(flat(720))])
    found = backtest("--series", series)
    assert found.returncode == 1, found.stderr
    assert not found.stderr
    events = lines(found)
    assert {e["event"] for e in events} <= EVENTS
    assert set(events[0]) >= {"t", "event", "target", "grade", "pattern", "reason"}
    incidents = [e for e in events if e["event"] == "incident"]
    assert len(incidents) == 1 and incidents[0]["grade"] == "Suspected"
    assert 1800 < incidents[0]["t"] < 2700  # it began at 1800 s; four windows of 120 s, and what it takes to look
    assert [e["t"] for e in events] == sorted(e["t"] for e in events)


def test_nothing_is_found_where_nothing_leaks(tmp_path):
    quiet = backtest("--series", csv_file(tmp_path / "flat.csv", flat(17280)))
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_a_day_takes_under_a_second(tmp_path):
    series = csv_file(tmp_path / "day.csv", flat(DAY // 5))
    began = time.monotonic()
    assert backtest("--series", series).returncode == 0
    assert time.monotonic() - began < 1


def test_text_ends_with_a_summary(tmp_path):
    series = csv_file(tmp_path / "shop.csv", [n + max(0, k - 360) for k, n in enumerate(flat(720))])
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    text = backtest("-f", policy, "--series", series, "-o", "text")
    assert text.returncode == 1
    assert "  incident   shop  Suspected  FloorRises" in text.stdout
    tail = text.stdout[text.stdout.rindex("samples ") :]
    assert "samples     720 of 1 pod, over 3595 s\n" in tail
    assert "incidents   1, at worst Suspected\n" in tail
    assert "actions     none\nrefusals    1 EvidenceMissing\n" in tail  # there is no profile that could be stored
    assert "nothing is healed before evidence is stored" in text.stderr


def test_pods_are_told_apart(tmp_path):
    path, noise = tmp_path / "pods.csv", random.Random(1)
    with path.open("w") as f:
        f.write("pod,go_goroutines,t_seconds,comment\r\n")
        for k in range(720):
            for pod in range(3):
                f.write(f'"shop-{pod}",{50 + noise.randint(0, 1) + (k if pod == 1 else 0)},{k * 5},"a, b"\r\n')
    found = backtest("--series", path)
    assert found.returncode == 1
    assert {e["target"] for e in lines(found) if e["event"] == "incident"} == {"shop-1"}
    assert found.stderr == "gostat backtest: columns that are not looked at: comment\n"


@pytest.mark.parametrize("step, better", [(60, 60), (1800, 300)])
def test_sparse_samples_are_pointed_out(tmp_path, step, better):
    sparse = backtest("--series", csv_file(tmp_path / "sparse.csv", flat(100), step=step))
    assert sparse.returncode == 0
    assert f"samples are {step} s apart" in sparse.stderr and f"set it to {better}\n" in sparse.stderr


def test_a_profile_of_another_time_is_pointed_out(tmp_path):
    profile = ROOT / "tests/data/pprof/plain.pb.gz"
    told = backtest("--series", csv_file(tmp_path / "flat.csv", flat(100)), "--profile", f"1767225600={profile}")
    assert told.returncode == 0
    assert "1 of 1 --profile: T is not a time of the series, which goes from 0 to 495" in told.stderr


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "line 1: empty"),
        ("t_seconds\n1\n", "line 1: no column go_goroutines"),
        ("t_seconds,go_goroutines\n1,2\n0,2\n", 'line 3, column 1 (t_seconds): "0" is before'),
        ("t_seconds,go_goroutines\n1,\x1b[2J\n", 'line 2, column 2 (go_goroutines): "\\x1b[2J" is no such value'),
        ("t_seconds,go_goroutines\n1,\n", "the series has no sample with a count"),
        ("t_seconds,go_goroutines\n0,1\n99999999,1\n", "line 3: over 400 days after the first sample"),
    ],
)
def test_bad_series_on_stdin(text, expected):
    bad = backtest("--series", "-", input=text)
    assert bad.returncode == 2
    assert expected in bad.stderr and bad.stderr.count("\n") == 1


@pytest.mark.parametrize("args", [[], ["--series", "/nonexistent"], ["--prometheus", "http://a"], ["--foo"]])
def test_bad_command_lines(args):
    bad = backtest(*args)
    assert bad.returncode == 2
    assert bad.stderr.startswith("gostat backtest: ") and bad.stderr.count("\n") == 1


def test_help():
    told = backtest("--help")
    assert told.returncode == 0
    for flag in ("--series", "--profile", "--prometheus", "--query", "--bearer-token-file", "--replicas", "exit codes"):
        assert flag in told.stdout


def test_a_reader_that_goes_away_is_no_failure(tmp_path):
    series = csv_file(tmp_path / "shop.csv", [(k % 40) * 20 for k in range(17280)])
    shell = f"{shlex.quote(GOSTAT)} backtest --series {series} | head -n 1; exit ${{PIPESTATUS[0]}}"
    cut = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert cut.returncode in (0, 1) and not cut.stderr and cut.stdout.count("\n") == 1


# A real Go program: a tenth of a second of it is played as five


def test_profiles_name_the_leak(tmp_path):
    program = subprocess.Popen(
        [WORKLOADS / "leaky"],
        env={"ADDR": "127.0.0.1:0", "LEAK": "channel", "RATE": "20", "LEAK_AFTER": "3"},
        stdout=subprocess.PIPE,
        text=True,
    )
    rows, profiles = ["t_seconds,go_goroutines"], []
    try:
        address = program.stdout.readline().removeprefix("listening on ").strip()
        for k in range(150):
            began = time.monotonic()
            page = urllib.request.urlopen(f"http://{address}/metrics", timeout=5).read().decode()
            count = next(line.split()[1] for line in page.splitlines() if line.startswith("go_goroutines "))
            rows.append(f"{k * 5},{count}")
            if k % 3 == 0:
                path = tmp_path / f"{k * 5}.pb.gz"
                path.write_bytes(
                    urllib.request.urlopen(f"http://{address}/debug/pprof/goroutine", timeout=5).read()
                )
                profiles += ["--profile", f"{k * 5}={path}"]
            time.sleep(max(0, began + 0.1 - time.monotonic()))
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    series, policy = tmp_path / "leaky.csv", tmp_path / "policy.yaml"
    series.write_text("\n".join(rows))
    policy.write_text(POLICY)
    found = backtest("-f", policy, "--series", series, "--replicas", 4, *profiles)
    assert found.returncode == 1, found.stderr
    events = lines(found)
    incident = next(e for e in events if e["event"] == "incident")
    assert incident["pattern"]["leafFunction"] == "main.(*orders).publish"
    assert incident["t"] > 150
    assert any(e["grade"] == "Probable" for e in events if e["event"] in ("graded", "incident")), events
    action = next(e for e in events if e["event"] == "action")
    assert action["reason"] == "ScaleOut 4 -> 5: would be done under Enforce"


# A Prometheus server


class Prometheus:
    """A month of samples, a minute apart, up to `end`: shop-0 leaks from its 20th day on for two hours; shop-1 is
    restarted with another address on the 10th day."""

    def __init__(self, directory):
        self.end = int(time.time()) // 60 * 60
        self.start = self.end - 30 * DAY
        self.leak = self.start + 20 * DAY
        samples = directory / "samples.txt"
        samples.write_text(self._text())
        command = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=744h", "openmetrics"]
        subprocess.run([*command, samples, directory / "data"], check=True, capture_output=True)
        (directory / "prometheus.yml").write_text("global: {}\n")
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.url = "http://127.0.0.1:%d" % s.getsockname()[1]
        self.log = (directory / "log").open("w")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory}/prometheus.yml",
                f"--storage.tsdb.path={directory}/data",
                "--storage.tsdb.retention.time=10y",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/-/ready", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        self.close()
        raise RuntimeError((directory / "log").read_text())

    def _count(self, pod, t, noise):
        leaked = (min(t, self.leak + 7200) - self.leak) // 6 if pod == 0 and self.leak <= t < self.leak + DAY else 0
        return 60 + noise.randint(0, 1) + leaked

    def _text(self):
        noise, out = random.Random(1), ["# TYPE go_goroutines gauge"]
        for pod in range(2):
            for t in range(self.start, self.end + 60, 60):
                restarted = pod == 1 and t > self.start + 10 * DAY
                labels = f'namespace="shop",pod="shop-{pod}",instance="10.0.0.{pod + 10 * restarted}:8080"'
                out.append(f"go_goroutines{{{labels}}} {self._count(pod, t, noise)} {t}")
        # the text format wants the lines of one series together
        out[1:] = sorted(out[1:], key=lambda line: (line.split(" ")[0], int(line.split(" ")[2])))
        return "\n".join([*out, "# EOF", ""])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    server = Prometheus(tmp_path_factory.mktemp("prometheus"))
    yield server
    server.close()


QUERY = 'go_goroutines{namespace="shop"}'


def test_a_month_of_prometheus(prometheus):
    found = backtest("--prometheus", prometheus.url, "--query", QUERY)
    assert found.returncode == 1, found.stderr
    assert "a point every 5 s\n" in found.stderr
    incidents = [e for e in lines(found) if e["event"] == "incident"]
    assert [e["target"] for e in incidents] == ["shop-0"]
    assert prometheus.leak < incidents[0]["t"] < prometheus.leak + 1800


def test_a_longer_step_counts_as_the_interval(prometheus):
    day = ["--start", prometheus.leak - DAY // 2, "--end", prometheus.leak + DAY // 2]
    found = backtest("--prometheus", prometheus.url + "/", "--query", QUERY, "--step", "60s", "-o", "text", *day)
    assert found.returncode == 1, found.stderr
    assert "a point every 60 s" in found.stderr and "it counts as the interval" in found.stderr
    assert "samples     2882 of 2 pods, over 24.0 h\n" in found.stdout
    quiet = backtest("--prometheus", prometheus.url, "--query", QUERY, "--end", prometheus.leak - 1)
    assert quiet.returncode == 0, quiet.stdout


@pytest.mark.parametrize(
    "args, expected",
    [
        (["--query", "go_goroutines{"], "400 Bad Request: bad_data: "),
        (["--query", "nosuch"], "--query: no series in this range"),
        (["--query", "go_goroutines - 1000"], "the query must give counts, 0 or more"),
        (["--query", 'label_replace(go_goroutines,"pod","x","","")'], "two series are named x at the same time"),
        (["--query", QUERY, "--query-fds", "sum by ("], "--query-fds: GET http://127.0.0.1:"),
        (["--query", QUERY, "--bearer-token-file", "/etc/hostname"], "a bearer token needs a URL with https://"),
        (["--query", QUERY, "--ca", "/nonexistent"], "open /nonexistent: No such file"),
    ],
)
def test_what_prometheus_refuses(prometheus, args, expected):
    bad = backtest("--prometheus", prometheus.url, *args)
    assert bad.returncode == 2
    assert expected in bad.stderr and bad.stderr.count("\n") == 1


# Servers that Prometheus itself cannot be made into


class FakeServer:
    """Answers range queries with answer(points, query) -> (status, body, headers), over TLS where a context is given."""

    def __init__(self, answer, context=None):
        fake = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                span = float(query.get("end", 0)) - float(query.get("start", 0))
                points = round(span / float(query.get("step", 1))) + 1
                fake.requests.append((self.headers.get("Authorization"), points))
                status, body, headers = answer(self, points, query)
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has had enough, as it should

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "http%s://127.0.0.1:%d" % ("s" if context else "", self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def matrix(points, query):
    start, step = float(query["start"]), float(query["step"])
    values = [[start + k * step, "50"] for k in range(points)]
    result = [{"metric": {"pod": "shop-1"}, "values": values}]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@pytest.fixture
def serve():
    servers = []

    def start(answer, context=None):
        servers.append(FakeServer(answer, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


HOUR = ["--query", "x", "--start", "1767225600", "--end", "1767312000"]  # 17,281 points


def test_ranges_are_paged_and_halved(serve):
    server = serve(lambda h, n, q: (200, matrix(n, q) if n <= 4000 else b" " * (33 << 20), {}))
    played = backtest("--prometheus", server.url, *HOUR, "-o", "text")
    assert played.returncode == 0, played.stderr
    assert "samples     17281 of 1 pod, over 24.0 h\n" in played.stdout
    assert [n for _, n in server.requests] == [11000, 5500] + [2750] * 6 + [781]


def test_tls_and_a_bearer_token(serve, tmp_path):
    pki = f'die() {{ echo "$*" >&2; exit 1; }}; . {ROOT}/hack/lib/pki.sh; pki_ca test; '
    pki += "pki_cert server /CN=server serverAuth IP:127.0.0.1"
    subprocess.run(["bash", "-ec", pki], cwd=tmp_path, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server = serve(
        lambda h, n, q: (200, matrix(n, q), {})
        if h.headers.get("Authorization") == "Bearer good.token-1"
        else (401, b"<html>", {}),
        context,
    )
    token, ca = tmp_path / "token", ["--ca", tmp_path / "ca.crt"]
    token.write_text("good.token-1\n")
    args = ["--prometheus", server.url, *HOUR, "--bearer-token-file", token]
    assert backtest(*args, *ca).returncode == 0
    assert "verif" in backtest(*args).stderr or "certificate" in backtest(*args).stderr
    token.write_text("bad")
    refused = backtest(*args, *ca)
    assert refused.returncode == 2 and "401 Unauthorized" in refused.stderr and "html" not in refused.stderr


def test_redirects_are_not_followed(serve):
    elsewhere = serve(lambda h, n, q: (200, matrix(n, q), {}))
    server = serve(lambda h, n, q: (302, b"", {"Location": elsewhere.url + h.path}))
    bad = backtest("--prometheus", server.url, *HOUR)
    assert bad.returncode == 2 and "302 Found" in bad.stderr
    assert not elsewhere.requests


@pytest.mark.parametrize(
    "body, expected",
    [
        (b"<html>", "the answer is no matrix of Prometheus: at byte 0"),
        (b'{"status":"success","data":{"resultType":"vector","result":[]}}', "expected the result type matrix"),
        (b'{"status":"error","errorType":"x","error":"a\\u001b[2J\\nb"}', "x: a\\x1b[2J\\x0ab"),
        (
            b'{"data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[[5,"1"]]}]}}',
            "a point that is not the next one of the range",
        ),
    ],
)
def test_answers_that_make_no_sense(serve, body, expected):
    server = serve(lambda h, n, q: (200, body, {}))
    bad = backtest("--prometheus", server.url, *HOUR)
    assert bad.returncode == 2
    assert expected in bad.stderr and bad.stderr.count("\n") == 1


def test_the_token_stays_secret(serve, tmp_path):
    token = tmp_path / "token"
    token.write_bytes(base64.b64encode(b"very secret") + b" and more\n")
    bad = backtest("--prometheus", "https://127.0.0.1:1", *HOUR, "--bearer-token-file", token)
    assert bad.returncode == 2 and "the bearer token has a space" in bad.stderr
    assert "dmVye" not in bad.stderr
