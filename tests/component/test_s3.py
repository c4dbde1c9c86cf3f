"""edge/s3 against a real S3 server that checks signatures, and against ones that lie.

GOSTAT_BIN_DIR: versitygw. GOSTAT_S3_DRIVER: the driver (default build/dev/s3_driver).
"""

import base64
import hashlib
import http.server
import os
import pathlib
import random
import socket
import subprocess
import threading
import time

import pytest

from s3server import S3Server, bin_dir_from_env, free_port, make_ca

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = pathlib.Path(os.environ.get("GOSTAT_S3_DRIVER") or ROOT / "build/dev/s3_driver")
BUCKET = "gostat"
VIRTUAL = "virtual"


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    if not DRIVER.is_file():
        raise RuntimeError(f"GOSTAT_S3_DRIVER: {DRIVER} does not exist; build s3_driver first")
    with S3Server(bin_dir_from_env(), tmp_path_factory.mktemp("s3"), hosts=[f"{VIRTUAL}.localhost"]) as server:
        server.create_bucket(BUCKET)
        server.create_bucket(VIRTUAL)
        yield server


@pytest.fixture
def put(s3, tmp_path):
    """put(keys, body, **changes): [(kind, message)], for one key just the pair."""

    def run(keys, body=b"twelve bytes", **changes):
        file = tmp_path / "body"
        file.write_bytes(body)
        options = {"endpoint": s3.endpoint, "region": s3.region, "bucket": BUCKET, "ca": s3.ca, "body": file, **changes}
        secrets = {"S3_ACCESS_KEY": options.pop("access", s3.access), "S3_SECRET_KEY": options.pop("secret", s3.secret)}
        flags = [str(x) for name, value in options.items() if value for x in ("--" + name.replace("_", "-"), value)]
        many = not isinstance(keys, str)
        done = subprocess.run(
            [DRIVER, *flags, "--", *(keys if many else [keys])],
            capture_output=True,
            text=True,
            timeout=90,
            env={**os.environ, **secrets},
        )
        assert done.returncode == 0, done.stderr
        assert s3.secret not in done.stdout + done.stderr
        results = [tuple(line.split("\t", 1)) for line in done.stdout.splitlines()]
        assert len(results) == (len(keys) if many else 1)
        return results if many else results[0]

    return run


KEYS = {
    "usual": "prod/shop/payments/leak-7f/20260101T000026Z-payments-5d-goroutine.pb.gz",
    "spaces": "a b/c  d/ e",
    "plus": "a+b/c++",
    "colon and equals": "a:b=c/k=v:1",
    "parentheses": "f(x)/(y)/'z'!",
    "comma and star": "a,b/*;c",
    "at, and, dollar": "a@b&c$d",
    "question, hash, percent": "a?b=c#d/100%/%41%2F",
    "quotes and brackets": "\"a\"/<b>/[c]/{d}|e^f`g",
    "tilde and dots": "~a/.b/...c/d..e-_f",
    "UTF-8": "größe/日本語/🐹",
    "900 characters": "/".join(["x y+z" * 20] * 9)[:899] + "z",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_keys(s3, put, key):
    body = f"the object at {key}".encode()
    assert put(key, body) == ("ok", "")
    assert s3.get(BUCKET, key) == body
    assert (s3.root / BUCKET / key).read_bytes() == body


def test_many_at_once(s3, put):
    keys = [f"many/{i}+{i}" for i in range(30)]
    assert put(keys, b"many") == [("ok", "")] * 30
    assert {s3.get(BUCKET, key) for key in keys} == {b"many"}


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 20 * 1024 * 1024])
def test_sizes(s3, put, size):
    body = random.Random(size).randbytes(size)
    began = time.monotonic()
    assert put(f"size/{size}", body) == ("ok", "")
    assert time.monotonic() - began < 20
    assert s3.get(BUCKET, f"size/{size}") == body


def test_same_key_again(s3, put):
    assert put("again", b"first") == ("ok", "")
    assert put("again", b"second") == ("ok", "")
    assert s3.get(BUCKET, "again") == b"second"


def test_virtual_host(s3, put):
    for key in ("a", "a b/c+d:e=(f)/ö"):
        endpoint = f"https://localhost:{s3.port}"
        assert put(key, key.encode(), endpoint=endpoint, bucket=VIRTUAL, virtual_host="yes") == ("ok", "")
        assert s3.get(VIRTUAL, key) == key.encode()


def test_sha256_of_the_caller(s3, put):
    assert put("sum", b"abc", sha256=hashlib.sha256(b"abc").hexdigest()) == ("ok", "")
    kind, message = put("wrong-sum", b"abc", sha256=hashlib.sha256(b"abd").hexdigest())
    assert kind == "terminal" and "the body arrived changed" in message
    assert s3.get(BUCKET, "wrong-sum") is None


REFUSED = {
    "wrong secret": ({"secret": "wrong"}, "refused", "403 SignatureDoesNotMatch: is secretAccessKey"),
    "unknown key": ({"access": "AKNOBODY"}, "refused", "the store does not know accessKeyId"),
    "missing bucket": ({"bucket": "no-such-bucket"}, "not-found", "bucket no-such-bucket does not exist at https://"),
    "wrong region": ({"region": "eu-north-1"}, "refused", "is s3.region the bucket's?"),
    "no CA": ({"ca": None}, "terminal", "certificate"),
    "secret with a line break": ({"secret": "secret\n"}, "refused", "secretAccessKey holds a space, a line break"),
}


@pytest.mark.parametrize("changes, kind, says", REFUSED.values(), ids=REFUSED.keys())
def test_refused(s3, put, changes, kind, says):
    got, message = put("refused", **changes)
    assert (got, says in message) == (kind, True), message
    assert s3.get(BUCKET, "refused") is None


def test_wrong_ca(put, tmp_path):
    kind, message = put("wrong-ca", ca=make_ca(tmp_path))
    assert kind == "terminal" and "certificate" in message


def test_plain_http_to_tls(s3, put):
    kind, message = put("plain", endpoint=s3.endpoint.replace("https", "http"))
    assert kind != "ok" and message


def test_outage(s3, put):
    s3.stop()
    kind, message = put("outage")
    assert kind == "transient" and "onnect" in message
    s3.start()
    assert put("outage") == ("ok", "")


class Liar(http.server.BaseHTTPRequestHandler):
    """Accepts everything; what it says to HEAD is in the bucket's name."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stored = body
        self.reply(200, self.headers["x-amz-checksum-sha256"], 0)

    def do_HEAD(self):
        body = self.server.stored
        what = self.path.split("/")[1]
        if what == "other-sum":
            self.reply(200, base64.b64encode(hashlib.sha256(body + b"x").digest()).decode(), len(body))
        elif what == "other-length":
            self.reply(200, base64.b64encode(hashlib.sha256(body).digest()).decode(), len(body) - 1)
        elif what == "no-sum":
            self.reply(200, None, len(body))
        else:
            self.reply(404, None, 0)

    def reply(self, status, checksum, length):
        self.send_response(status)
        if checksum:
            self.send_header("x-amz-checksum-sha256", checksum)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    "bucket, kind, says",
    [
        ("other-sum", "refused", "holds other bytes than were sent"),
        ("other-length", "refused", "holds 11 bytes, 12 were sent"),
        ("no-sum", "refused", "does not confirm objects"),
        ("forgets", "transient", "accepted the object, but does not have it"),
    ],
)
def test_stores_that_lie(put, bucket, kind, says):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        got, message = put("k", endpoint=f"http://127.0.0.1:{server.server_port}", bucket=bucket, ca=None)
        server.shutdown()
        thread.join()
    assert (got, says in message) == (kind, True), message


def test_silence_ends(put):
    with socket.create_server(("127.0.0.1", 0)) as server:
        began = time.monotonic()
        kind, message = put("k", endpoint=f"http://127.0.0.1:{server.getsockname()[1]}", ca=None)
    assert kind == "transient" and "no byte arrived" in message
    assert time.monotonic() - began < 40


def test_nobody_listens(put):
    kind, message = put("k", endpoint=f"http://127.0.0.1:{free_port()}", ca=None)
    assert kind == "transient" and "onnect" in message
