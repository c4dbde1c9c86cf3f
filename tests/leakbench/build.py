"""Builds the services: the programs of the Go toolchain's test data are copied into a temporary directory, patched
there, and compiled together with svc/. The binary and what was measured of each kernel are kept in a cache."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODULE = "gostat.dev/gostat/tests/leakbench/svc"
ENV = {"CGO_ENABLED": "0", "GOEXPERIMENT": "goroutineleakprofile", "GOFLAGS": "-buildvcs=false"}

# package -> (folder of the test data, files of it that are no cases)
PACKAGES = {"goker": ("goker", {"main.go"}), "simple": (".", {"main.go", "stresstests.go"})}
REACHABLE = {"NoLeakGlobal"}  # kernels whose leaks the runtime cannot see, by their own comment
NOT_RUN = {  # cases of the test data that cannot be a service, and why
    "SpawnGC": "asks for leak profiles itself while it leaks",
    "DaisyChain": "no leak: a chain that ends after an hour",
}
# Beside crashes that the calibration sees: races that crash in some runs only.
UNSTABLE = {"Kubernetes1321": "a data race in the original may crash it, says the toolchain's own test"}

REGISTER = """package %s

import "%s/kernel"

const yieldCount = 10

var loops = map[string]bool{%s}

func register(name string, f func()) { kernel.Register(name, f, loops[name]) }

func attempts() int { return kernel.Attempts() }
"""


def go(*args, **kwargs):
    return subprocess.run(["go", *args], check=True, text=True, capture_output=True, **kwargs).stdout


def patch(text, package):
    """The source as a part of a service, and the names of the cases that loop. What leaks is not touched: the profile
    that each case prints at its end goes, and its outermost `for i := 0; i < 1000; i++` asks how often to try."""
    text = re.sub(r"^package main$", f"package {package}", text, count=1, flags=re.M)
    text = text.replace("prof.WriteTo(os.Stdout, 2)", "_, _ = prof, os.Stdout")
    looping = []
    for name in re.findall(r'register\("(\w+)"', text):
        body = re.search(rf"^func {name}\(\) {{\n.*?^}}", text, flags=re.M | re.S)
        patched, n = re.subn(
            r"^\tfor i := 0; i <=? (?:\d{2,}); i\+\+ {$",
            "\tfor i, n := 0, attempts(); i < n; i++ {",
            body.group(0),
            count=1,
            flags=re.M,
        )
        if n:
            looping.append(name)
            text = text.replace(body.group(0), patched)
    return text, looping


def generate(into):
    """Writes the module: svc/ and the patched packages beside it."""
    data = pathlib.Path(go("env", "GOROOT").strip()) / "src/runtime/testdata/testgoroutineleakprofile"
    if not data.is_dir():
        raise SystemExit(f"leakbench: {data} does not exist: install Go 1.26 or later with its sources")
    shutil.copytree(HERE / "svc", into, dirs_exist_ok=True)
    for package, (folder, others) in PACKAGES.items():
        (into / package).mkdir()
        loops = []
        for source in sorted((data / folder).glob("*.go")):
            if source.name not in others:
                text, looping = patch(source.read_text(), package)
                (into / package / source.name).write_text(text)
                loops += looping
        table = ", ".join(f'"{name}": true' for name in sorted(loops))
        (into / package / "register_kernels.go").write_text(REGISTER % (package, MODULE, table))
    imports = "".join(f'import _ "{MODULE}/{package}"\n' for package in PACKAGES)
    (into / "kernels.go").write_text(f"package main\n\n{imports}")


def cached(name, *sources):
    """A path in the cache, of its own for each Go and each state of these sources."""
    digest = hashlib.sha256(go("version").encode())
    for source in sorted(path for pattern in sources for path in HERE.glob(pattern)):
        digest.update(source.read_bytes())
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "gostat/leakbench"
    base.mkdir(parents=True, exist_ok=True)
    return base / f"{name}-{digest.hexdigest()[:16]}"


class Services:
    """The built program, its cases, and the calibration of the kernels."""

    def __init__(self):
        self.binary = cached("svc", "svc/**/*.go", "build.py")
        if not self.binary.exists():
            self._build()
        cases = json.loads(subprocess.run([self.binary, "-list"], check=True, capture_output=True).stdout)
        self.cases = {case["name"]: case for case in cases}
        for name, case in self.cases.items():
            if name in REACHABLE:
                case["kind"], case["reason"] = "reachable", "the toolchain's own: a global channel"
        self.calibration = {}

    def _build(self):
        with tempfile.TemporaryDirectory(prefix="leakbench-") as tmp:
            generate(pathlib.Path(tmp))
            built = pathlib.Path(tmp) / "svc.bin"
            try:
                go("build", "-trimpath", "-o", str(built), ".", cwd=tmp, env={**os.environ, **ENV})
            except subprocess.CalledProcessError as e:
                raise SystemExit(f"leakbench: go build: {e.stderr}") from e
            new = self.binary.with_name(f"{self.binary.name}.{os.getpid()}")
            shutil.copy(built, new)
        new.rename(self.binary)

    def kernels(self):
        return sorted(name for name, case in self.cases.items() if case["kind"] == "kernel")

    def by_kind(self, kind):
        return sorted(name for name, case in self.cases.items() if case["kind"] == kind)

    def calibrate(self, names):
        """Fills self.calibration for these kernels: from the cache, or by trying each in a process of its own."""
        path = cached("calibration", "svc/leaking.go", "svc/host/*.go", "svc/kernel/*.go", "build.py")
        known = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in names if name not in known]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            known.update(zip(missing, pool.map(self._try, missing)))
        if missing:
            new = path.with_name(f"{path.name}.{os.getpid()}")
            new.write_text(json.dumps(known, indent=1))
            new.rename(path)
        self.calibration.update({name: known[name] for name in names})

    def _try(self, name):
        try:
            done = subprocess.run(
                [self.binary, "-calibrate", "-case", name], capture_output=True, text=True, timeout=90
            )
        except subprocess.TimeoutExpired:
            return {"error": "did not end within 90 s"}
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            return {"error": f"exit code {done.returncode}: {lines[0][:100]}"}
        return json.loads(done.stdout)

    def unusable(self, name):
        """Why a kernel cannot be a service that leaks; None: it can."""
        c = self.calibration.get(name, {})
        if name in UNSTABLE:
            return UNSTABLE[name]
        if "error" in c:
            return c["error"]
        if c and c["leaked"] == 0:
            return f"leaked nothing in {c['attempts']} attempts"
        if c and c["idleCpu"] > 0.2:
            return f"what it leaves behind spins: {c['idleCpu']:.1f} cores"
        return None


if __name__ == "__main__":
    services = Services()
    services.calibrate(services.kernels())
    print(services.binary)
    for name in services.kernels():
        print(f"{name:28}", services.unusable(name) or services.calibration[name])
