"""gostat controller as a process, under a supervisor that starts it again when it ends."""

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

# Another one takes over sooner than by default; not so short that a busy machine makes leaders give up.
SHORT_LEASE = ("--lease-duration", "8s", "--renew-deadline", "6s", "--retry-period", "1s")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Controller:
    """One thread may start and stop it; kill() and pause() may come from any."""

    def __init__(self, world, name, namespaces=(), lease="gostat", flags=(), restart=True, kubeconfig=None):
        self.name = name
        self.restart = restart
        self.log = world.dir / f"{name}.log"
        self.health = f"http://127.0.0.1:{free_port()}"
        self.metrics = f"http://127.0.0.1:{free_port()}"
        self.exits = []  # codes; negative: the signal
        self._stopping = False
        self._process = None
        s3 = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"]).hostname  # a private address, as many are
        self._command = [
            str(world.binary), "controller", "--kubeconfig", str(kubeconfig or world.kubeconfig),
            "--lease-namespace", "gostat-system", "--lease-name", lease,
            "--health-address", self.health[7:], "--metrics-address", self.metrics[7:],
            "--allow-private", "127.0.0.0/8", "--allow-private", f"{s3}/32", *flags,
        ]  # fmt: skip
        for ns in namespaces:
            self._command += ["--namespace", ns]

    def __enter__(self):
        self._start()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()
        return self

    def __exit__(self, *exc):
        self._stopping = True
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                if not exc[0]:
                    raise AssertionError(f"{self.name} does not end at SIGTERM\n{self.tail()}") from None
        self._supervisor.join(10)

    def _start(self):
        with open(self.log, "ab") as log:
            # Its environment is clean: neither the administrator's kubeconfig nor a key of S3 is within its reach.
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]}
            )

    def _supervise(self):
        while True:
            self.exits.append(self._process.wait())
            if self._stopping or not self.restart:
                return
            time.sleep(0.5)
            if self._stopping:
                return
            self._start()

    def kill(self):
        self._process.send_signal(signal.SIGKILL)

    def pause(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def alive(self):
        return self._process.poll() is None

    def get(self, path):
        """Status and body of a page on the health address; 0 where nobody answers."""
        return self._get(self.health + path)

    def get_metrics(self):
        return self._get(self.metrics + "/metrics")

    def counter(self, name):
        """The sum over its series."""
        found = [line.rpartition(" ") for line in self.get_metrics()[1].splitlines() if line[:1] != "#"]
        return sum(int(float(value)) for series, _, value in found if series.partition("{")[0] == name)

    def _get(self, url):
        try:
            with urllib.request.urlopen(url, timeout=2) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError as e:
            return 0, str(e)

    def tail(self, lines=25):
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return f"--- {self.name}: exits {self.exits}, the end of its log:\n" + "\n".join(text[-lines:])
