"""A real S3 server (versitygw over TLS, on a directory) on loopback, for component tests.

    with S3Server(bin_dir, tmp_dir) as s3:
        s3.create_bucket("gostat")
        s3.endpoint, s3.access, s3.secret, s3.region, s3.ca
        status, headers, body = s3.request("GET", "/gostat/some/key")

It checks signatures strictly. Python's standard library and the openssl program are all that it needs.
"""

import ctypes
import datetime
import hashlib
import hmac
import http.client
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree


def bin_dir_from_env():
    """The directory of versitygw, from GOSTAT_BIN_DIR."""
    path = pathlib.Path(os.environ.get("GOSTAT_BIN_DIR", ""))
    if not os.environ.get("GOSTAT_BIN_DIR") or not (path / "versitygw").is_file():
        raise RuntimeError(f"GOSTAT_BIN_DIR={os.environ.get('GOSTAT_BIN_DIR', '')!r} must be a directory with versitygw")
    return path


def _die_with_parent():
    # Else a killed test run would leave its server behind. PR_SET_PDEATHSIG = 1.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class S3Server:
    """Owns its process and everything in tmp. Keys, port and data last from the constructor on, over stop and start."""

    def __init__(self, bin_dir, tmp, region="us-east-1", hosts=()):
        """hosts: more DNS names for its certificate, which names localhost and 127.0.0.1 anyway."""
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tmp).resolve()
        for name in ("pki", "root", "meta", "log"):
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.endpoint = f"https://127.0.0.1:{self.port}"
        self.region = region
        self.access, self.secret = "AKGOSTATTEST", "secret/of+the=test"
        self.root = self.dir / "root"
        self.ca = make_ca(self.dir / "pki")
        self._certificate(["localhost", *hosts])
        self._process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout=30):
        """Starts it, on the port and data that it had before; returns when it answers."""
        pki = self.dir / "pki"
        with open(self.dir / "log/versitygw.log", "ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "versitygw", "--quiet", "--keep-alive", "--port", f"127.0.0.1:{self.port}"]
                + ["--region", self.region, "--health", "/healthz", "--virtual-domain", f"localhost:{self.port}"]
                + ["--cert", pki / "s3.crt", "--key", pki / "s3.key"]
                # Not every file system keeps extended attributes, so metadata goes beside the objects.
                + ["posix", "--sidecar", self.dir / "meta", self.root],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.dir,
                env={**os.environ, "ROOT_ACCESS_KEY": self.access, "ROOT_SECRET_KEY": self.secret},
                start_new_session=True,  # a Ctrl-C at the tests is the tests' to handle
                preexec_fn=_die_with_parent,
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"versitygw ended with {self._process.returncode}:\n{self.log()[-2000:]}")
            try:
                if self.request("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"versitygw was not ready in {timeout} s:\n{self.log()[-2000:]}")

    def stop(self):
        """An outage: the data stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()  # kept-alive connections hold up its graceful end
            process.wait()

    def pause(self):
        """It takes connections, and answers nothing until go_on()."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def log(self):
        return (self.dir / "log/versitygw.log").read_text(errors="replace")

    def create_bucket(self, name):
        status, _, body = self.request("PUT", f"/{name}")
        if status not in (200, 409):
            raise RuntimeError(f"create bucket {name}: {status}: {body.decode(errors='replace')[:500]}")

    def get(self, bucket, key):
        """The bytes of an object, or None."""
        status, _, body = self.request("GET", f"/{bucket}/{urllib.parse.quote(key, safe='/~')}")
        if status not in (200, 404):
            raise RuntimeError(f"get {bucket}/{key}: {status}: {body.decode(errors='replace')[:500]}")
        return body if status == 200 else None

    def list_uploads(self, bucket, prefix):
        """ListMultipartUploadsResult as an element."""
        query = f"prefix={urllib.parse.quote(prefix, safe='')}&uploads="
        status, _, body = self.request("GET", f"/{bucket}", query=query)
        if status != 200:
            raise RuntimeError(f"uploads of {bucket}: {status}: {body.decode(errors='replace')[:500]}")
        return xml.etree.ElementTree.fromstring(body)

    def request(self, method, path, body=b"", query=""):
        """One signed request: (status, headers, body). The path is percent-encoded already, the query too, and sorted."""
        now = datetime.datetime.now(datetime.timezone.utc)
        day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": digest, "x-amz-date": stamp}
        signed = ";".join(headers)
        canonical = "\n".join(
            [method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", signed, digest]
        )
        scope = f"{day}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.secret.encode()
        for part in (*scope.split("/"), to_sign):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders={signed}, Signature={key.hex()}"
        )
        tls = ssl.create_default_context(cafile=self.ca)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=tls)
        try:
            connection.request(method, path + ("?" + query if query else ""), body=body, headers=headers)
            reply = connection.getresponse()
            return reply.status, dict(reply.headers), reply.read()
        finally:
            connection.close()

    def _certificate(self, names):
        pki = self.dir / "pki"
        (pki / "s3.ext").write_text("subjectAltName=IP:127.0.0.1," + ",".join(f"DNS:{name}" for name in names))
        _openssl(pki, "req", *_NEW_KEY, "-keyout", "s3.key", "-out", "s3.csr", "-subj", "/CN=test-s3")
        _openssl(
            *[pki, "x509", "-req", "-in", "s3.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
            *["-out", "s3.crt", "-days", "30", "-extfile", "s3.ext"],
        )


_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(cwd, *args):
    done = subprocess.run(["openssl", *args], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr.strip()}")


def make_ca(directory):
    """A certificate authority of its own in this directory: the path of its certificate."""
    _openssl(
        *[directory, "req", "-x509", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30"],
        *["-subj", "/CN=test-s3-ca", "-addext", "basicConstraints=critical,CA:true"],
        *["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    )
    return pathlib.Path(directory) / "ca.crt"
