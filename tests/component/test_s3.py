"""edge/s3 against a real S3 server that checks signatures, and against ones that lie.

GOSTAT_BIN_DIR: versitygw. GOSTAT_S3_DRIVER: the driver (default build/dev/s3_driver).
"""

import base64
import hashlib
import http.client
import http.server
import os
import pathlib
import random
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

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


def command_line(s3, what, arguments, options):
    """What starts the driver: (argv, environment)."""
    options = {"endpoint": s3.endpoint, "region": s3.region, "bucket": BUCKET, "ca": s3.ca, **options}
    secrets = {"S3_ACCESS_KEY": options.pop("access", s3.access), "S3_SECRET_KEY": options.pop("secret", s3.secret)}
    flags = [str(x) for name, value in options.items() if value for x in ("--" + name.replace("_", "-"), value)]
    return [DRIVER, what, *flags, "--", *arguments], {**os.environ, **secrets}


@pytest.fixture
def drive(s3):
    """drive(command, arguments, **options): (lines before, [(kind, message) of each argument])."""

    def run(what, arguments, **options):
        argv, env = command_line(s3, what, arguments, options)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=90, env=env)
        assert done.returncode == 0, done.stderr
        assert s3.secret not in done.stdout + done.stderr
        lines = done.stdout.split("\n")[:-1]  # splitlines() would break at more than that
        results = [tuple(line.split("\t", 1)) for line in lines[-len(arguments) :]]
        return lines[: -len(arguments)], results

    return run


@pytest.fixture
def put(drive, tmp_path):
    """put(keys, body, **changes): [(kind, message)], for one key just the pair."""

    def run(keys, body=b"twelve bytes", **changes):
        file = tmp_path / "body"
        file.write_bytes(body)
        many = not isinstance(keys, str)
        _, results = drive("put", keys if many else [keys], body=file, **changes)
        return results if many else results[0]

    return run


@pytest.fixture
def upload(drive, tmp_path):
    """upload(key, body, **changes): (lines, kind, message)."""

    def run(key, body, **changes):
        file = tmp_path / "body"
        file.write_bytes(body)
        lines, [(kind, message)] = drive("upload", [key], body=file, **changes)
        return lines, kind, message

    return run


def uploads_of(s3, prefix):
    """The multipart uploads that the store holds: [(key, id)]."""
    root = s3.list_uploads(BUCKET, prefix)
    space = root.tag.removesuffix("ListMultipartUploadsResult")
    return [(u.findtext(space + "Key"), u.findtext(space + "UploadId")) for u in root.iter(space + "Upload")]


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


PART = 5 << 20


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 23_000_000])
@pytest.mark.parametrize("piece", [16 << 10, 1_000_003])
def test_uploads(s3, upload, size, piece):
    body = random.Random(size).randbytes(size)
    key = f"up/load+{size}/{piece} b"
    lines, kind, message = upload(key, body, piece=piece)
    assert (kind, message) == ("ok", "")
    assert lines == [f"{hashlib.sha256(body).hexdigest()} {size}"]
    assert s3.get(BUCKET, key) == body
    assert uploads_of(s3, "up/") == []


def test_encryption_is_asked_for(s3, put, upload):
    """The gateway has none, but refuses what is not signed."""
    assert put("sse/put", b"abc", sse="AES256") == ("ok", "")
    assert upload("sse/upload", b"x" * (PART + 1), sse="AES256")[1:] == ("ok", "")
    assert s3.get(BUCKET, "sse/upload") == b"x" * (PART + 1)


@pytest.mark.parametrize("how", ["yes", "forget"])
@pytest.mark.parametrize("size", [100, PART + 1, 12_000_000])
def test_an_upload_that_stops_leaves_nothing(s3, upload, how, size):
    _, kind, message = upload(f"stopped/{how}/{size}", b"x" * size, stop=how)
    assert (kind, message) == ("transient", "the source failed")
    assert uploads_of(s3, "stopped/") == []
    assert s3.get(BUCKET, f"stopped/{how}/{size}") is None


def test_uploads_are_refused_before_a_byte(s3, upload):
    _, kind, message = upload("refused-upload", b"x" * (PART + 1), secret="wrong")
    assert kind == "refused" and "SignatureDoesNotMatch" in message
    _, kind, message = upload("refused-upload", b"x", secret="line\n")
    assert kind == "refused" and "secretAccessKey holds a space" in message


def test_a_killed_upload_is_swept(s3, drive, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * (2 * PART + 5))
    for i in range(3):
        argv, env = command_line(s3, "upload", [f"killed/a b+{i}/é"], {"body": tmp_path / "body", "stop": "hang"})
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
            assert process.stdout.readline() == "hanging\n"
            process.kill()
    assert len(uploads_of(s3, "killed/")) == 3
    assert drive("sweep", ["killed/"], age=3_600_000) == (["0"], [("ok", "")])
    assert drive("sweep", ["other/"]) == (["0"], [("ok", "")])
    assert len(uploads_of(s3, "killed/")) == 3
    time.sleep(1.1)  # the store tells whole seconds
    assert drive("sweep", ["killed/"]) == (["3"], [("ok", "")])
    assert uploads_of(s3, "killed/") == []
    _, [(kind, message)] = drive("sweep", ["/"])
    assert kind == "terminal" and "S3 prefix" in message


def test_lists_in_pages(s3, drive):
    names = {f"listed/{i // 100}/k {i}+é&<{i}>" for i in range(1203)} | {"listed/x", "listed/~"}
    for name in names | {"listed", "listed-not/x", "lister/x"}:  # the gateway keeps objects as files
        file = s3.root / BUCKET / name
        if name != "listed":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"12345")
    lines, results = drive("list", ["listed/"])
    assert results == [("ok", "")]
    rows = [line.split("\t") for line in lines]
    assert {row[0] for row in rows} == names and len(rows) == len(names)
    assert {row[1] for row in rows} == {"5"}
    assert all(row[2].startswith("20") and row[2].endswith("Z") for row in rows)
    assert drive("list", ["nothing/"]) == ([], [("ok", "")])


def test_get_and_delete(s3, put, drive):
    key = "short/a b+c"
    assert put(key, b"some text") == ("ok", "")
    assert drive("get", [key]) == (["some text"], [("ok", "")])
    _, [(kind, message)] = drive("get", [key], max=5)
    assert kind == "terminal" and "over 5 bytes" in message
    assert drive("delete", [key, "short/never was"]) == ([], [("ok", "")] * 2)
    assert s3.get(BUCKET, key) is None
    _, [(kind, message)] = drive("get", [key])
    assert kind == "not-found" and "no such object" in message
    _, [(kind, message)] = drive("delete", ["k"], bucket="no-such-bucket")
    assert kind == "not-found" and "no-such-bucket" in message


def fetch(s3, url):
    """What anyone gets who follows the link; names under localhost are not every resolver's."""
    at = urllib.parse.urlsplit(url)
    tls = ssl.create_default_context(cafile=s3.ca)
    connection = http.client.HTTPSConnection("127.0.0.1", at.port, timeout=30, context=tls)
    try:
        connection.request("GET", f"{at.path}?{at.query}", headers={"Host": at.netloc})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_links(s3, put, drive):
    for key in ("links/a", KEYS["UTF-8"], KEYS["plus"], KEYS["question, hash, percent"]):
        assert put(key, key.encode()) == ("ok", "")
        [link], results = drive("presign", [key], seconds=60)
        assert results == [("ok", "")]
        assert fetch(s3, link) == (200, key.encode())
        assert fetch(s3, link[:-1] + ("0" if link[-1] != "0" else "1"))[0] == 403
        assert fetch(s3, link.replace("Expires=60", "Expires=61"))[0] == 403
    [link], _ = drive("presign", ["links/a"], endpoint=f"https://localhost:{s3.port}", bucket=VIRTUAL, virtual_host="yes")
    assert link.startswith(f"https://{VIRTUAL}.localhost:{s3.port}/links/a?")
    [link], _ = drive("presign", ["links/a"], seconds=1)
    time.sleep(2.1)
    assert fetch(s3, link)[0] == 403
    _, [(kind, message)] = drive("presign", ["links/a"], seconds=604801)
    assert kind == "terminal" and "1 to 604800" in message


def test_virtual_host_for_all(s3, upload, drive):
    options = {"endpoint": f"https://localhost:{s3.port}", "bucket": VIRTUAL, "virtual_host": "yes"}
    body = b"v" * (PART + 5)
    assert upload("host/a b", body, **options)[1:] == ("ok", "")
    assert s3.get(VIRTUAL, "host/a b") == body
    lines, results = drive("list", ["host/"], **options)
    assert results == [("ok", "")] and [line.split("\t")[:2] for line in lines] == [["host/a b", str(len(body))]]
    assert drive("sweep", ["host/"], **options) == (["0"], [("ok", "")])
    [link], _ = drive("presign", ["host/a b"], **options)
    assert fetch(s3, link) == (200, body)
    assert drive("delete", ["host/a b"], **options) == ([], [("ok", "")])


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
