"""One batch: services are started, one gostat watches them all, and it is written down what each was, what gostat said
of it, and what other rules would have said."""

import asyncio
import dataclasses
import json
import os
import random
import signal
import subprocess
import time

import rules
import web

START_SECONDS = 20  # until all services answer
STAGGER = 0.02
QUIESCE_TRIES = 3
POLICY = """apiVersion: gostat.dev/v1alpha1
kind: GostatPolicy
metadata: {{name: leakbench, namespace: leakbench}}
spec:
  selector: {{matchLabels: {{app: leakbench}}}}
  endpoint: {{pprof: {{port: 7070}}}}
  sampling: {{intervalSeconds: {interval}, timeoutSeconds: {timeout}, profileIntervalSeconds: {profile_interval}}}
  detection:
    growth: {{periods: 3, percentPerMinute: {percent}}}
    surge: {{goroutines: 5000, percent: 30, windowSeconds: {surge_window}}}
    floor: {{windowSeconds: {window}, windows: {windows}}}
"""


@dataclasses.dataclass(frozen=True)
class Clock:
    """How time is compressed: 1 is production, with the API's defaults."""

    compress: float

    interval = property(lambda self: max(1, round(5 / self.compress)))
    window = property(lambda self: max(2, round(120 / self.compress)))
    windows = 4
    span = property(lambda self: self.window * self.windows)  # seconds until a trend is believed
    percent = property(lambda self: round(15 * 5 / self.interval))  # a minute: the naive rule counts samples
    leakprof = property(lambda self: rules.LEAKPROF_GOROUTINES / self.compress)

    def policy(self):
        return POLICY.format(
            interval=self.interval,
            timeout=min(2, self.interval),
            profile_interval=max(10, round(300 / self.compress)),
            percent=self.percent,
            surge_window=max(30, round(300 / self.compress)),
            window=self.window,
            windows=self.windows,
        )


@dataclasses.dataclass
class Spec:
    """What to run: a case at a rate, with or without the runtime's leak profile."""

    kind: str  # goker, simple, reachable, lively
    case: str
    rate: str  # fast, slow; of lively ones: ""
    profile: bool = True
    fleet: bool = False

    @property
    def name(self):
        return self.case + (f" {self.rate}" if self.rate else "") + ("" if self.profile else " -profile")


class Run:
    """A service while it runs, and what is known of it in the end."""

    def __init__(self, spec, address, clock, onset_after):
        self.spec, self.address, self.onset_after = spec, address, onset_after
        self.naive = rules.NaiveRule(clock.percent)
        self.naive_slow = rules.NaiveRule(15, 5 - clock.interval / 2)
        self.events, self.truth, self.leak_totals, self.channel_peak = [], None, [], 0
        self.lateness, self.missed, self.restarts, self.notes = 0.0, 0, 0, []
        self.goroutines = []
        self.process = self.client = None

    def stop(self, which):
        process = getattr(self, which)
        if process is not None:
            process.kill()
            process.wait()
            setattr(self, which, None)


RATES = {"fast": 20.0, "slow": 0.6}
CALL_SECONDS = 4  # at least one call in so many seconds, also where each leaves many goroutines behind


class Batch:
    """Runs one batch: await Batch(...).run() returns the runs."""

    def __init__(self, services, specs, clock, seconds, seed, gostat, number, policy=None, directory="."):
        self.services, self.clock, self.seconds, self.gostat = services, clock, seconds, gostat
        self.policy, self.directory, self.seed, self.number = policy, directory, seed, number
        rng = random.Random(f"{seed}/{number}")
        net = f"127.{100 + os.getpid() % 100}.{number % 250}"
        self.runs = [
            Run(spec, f"{net}.{i + 1}:7070", clock, rng.uniform(0.15, 0.4) * min(clock.span, 24))
            for i, spec in enumerate(specs)
        ]
        self.by_address = {run.address: run for run in self.runs}
        self.early_end = None  # set to a function of the runs: true where nothing more is to be learnt
        self.cpu = 0.0
        self.lines = 0
        self.gostat_cpu = self.gostat_rss = 0.0

    def _command(self, run):
        spec = run.spec
        command = [self.services.binary, "-case", spec.case, "-listen", run.address]
        command += ["-window", f"{self.clock.span}s", f"-leakprofile={str(spec.profile).lower()}"]
        command += ["-seed", str(self.seed * 1_000_003 + hash_of(f"{spec.name} {self.runs.index(run)}"))]
        known = self.services.calibration.get(spec.case, {})
        rate = max(RATES.get(spec.rate, 0), known.get("yield", 0) / CALL_SECONDS)
        command += ["-rate", f"{rate}", "-yield", f"{known.get('yield', 1)}"]
        return [*command, "-cost", f"{known.get('costUs', 0):.3f}us"]

    def _spawn(self, command):
        log = open(os.path.join(self.directory, "services.log"), "ab")
        with log:
            return subprocess.Popen(
                [*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
            )

    async def run(self):
        restarter = None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
        try:
            await self._start()
            restarter = asyncio.create_task(self._restart())
            await self._watch()
            await self._end()
        finally:
            if restarter:
                restarter.cancel()
            for run in self.runs:
                run.stop("client")
                run.stop("process")
        return self.runs

    async def _start(self):
        for run in self.runs:
            run.process = self._spawn(self._command(run))
            await asyncio.sleep(STAGGER)
        for run in self.runs:
            until = time.time() + START_SECONDS
            while True:
                try:
                    await web.ask(run.address, "/ping", 2)
                    break
                except web.Failed as e:
                    if time.time() > until or run.process.poll() is not None:
                        raise SystemExit(f"leakbench: {run.spec.name} does not start: {e}") from e
                    await asyncio.sleep(0.1)

    async def _watch(self):
        policy = os.path.join(self.directory, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as f:
            f.write(self.policy or self.clock.policy())
        busy = cpu_times()
        with open(os.path.join(self.directory, "gostat.err"), "wb") as err:
            watch = await asyncio.create_subprocess_exec(
                self.gostat, "watch", "-f", policy, "-o", "json", *[run.address for run in self.runs],
                stdout=asyncio.subprocess.PIPE, stderr=err, limit=1 << 24,
            )  # fmt: skip
        self.begun = time.time()
        reader = asyncio.create_task(self._read(watch))
        tasks = [asyncio.create_task(self._sample(run)) for run in self.runs]
        tasks += [asyncio.create_task(self._go(run)) for run in self.runs]
        tasks.append(asyncio.create_task(self._leak_profiles()))
        try:
            end = self.begun + self.seconds
            while time.time() < end and not reader.done() and not (self.early_end and self.early_end(self.runs)):
                await asyncio.sleep(0.5)
            if reader.done():
                raise SystemExit(f"leakbench: gostat watch ended early: {self._errors()}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            total, idle = (b - a for a, b in zip(busy, cpu_times()))
            self.cpu = 1 - idle / max(total, 1)
            if watch.returncode is None:
                self.gostat_cpu, self.gostat_rss = usage(watch.pid)
                watch.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(watch.wait(), 20)
            except asyncio.TimeoutError:
                watch.kill()
            await reader
        if watch.returncode not in (0, 1):
            raise SystemExit(f"leakbench: gostat watch: exit code {watch.returncode}: {self._errors()}")

    def _errors(self):
        with open(os.path.join(self.directory, "gostat.err"), encoding="utf-8") as f:
            return f.read().strip()[-500:]

    async def _read(self, watch):
        with open(os.path.join(self.directory, f"events-{self.seed}-{self.number}.jsonl"), "wb") as kept:
            async for line in watch.stdout:
                kept.write(line)
                event = json.loads(line)
                event["wall"] = time.time()
                self.lines += 1
                run = self.by_address.get(event["target"])
                if run:
                    run.events.append(event)

    async def _go(self, run):
        await asyncio.sleep(run.onset_after if run.spec.kind != "lively" else 1)
        try:
            await web.ask(run.address, "/go?after=0", 5)
        except web.Failed as e:
            run.notes.append(f"go: {e}")
        if self.services.cases[run.spec.case]["client"]:
            run.client = self._spawn([*self._command(run), "-client"])

    async def _sample(self, run):
        connection = web.Connection(run.address, self.clock.interval)
        due = time.time() + hash_of(run.address) % 1000 / 1000 * self.clock.interval
        try:
            while True:
                await asyncio.sleep(max(0, due - time.time()))
                try:
                    text = await connection.get("/metrics")
                except web.Failed:
                    run.missed += 1
                else:
                    values = dict(line.split(" ", 1) for line in text.splitlines() if line[:1] not in ("#", ""))
                    count, start = int(values["go_goroutines"]), values["process_start_time_seconds"]
                    run.lateness = max(run.lateness, time.time() - due)
                    run.goroutines.append(count)
                    run.naive.add(time.time(), count, start)
                    run.naive_slow.add(time.time(), count, start)
                due += self.clock.interval
        finally:
            connection.close()

    async def _restart(self):
        """What ends by itself is started again: the lively case that restarts, or a kernel that crashed."""
        while True:
            await asyncio.sleep(0.1)
            for run in self.runs:
                if run.process.poll() is not None:
                    run.restarts += 1
                    if run.process.returncode != 0:
                        run.notes.append(f"exit code {run.process.returncode}")
                    run.process = self._spawn([*self._command(run), "-go"])

    async def _leak_profiles(self):
        await asyncio.sleep(0.7 * self.seconds)
        for run in self.runs:
            await self._leak_profile(run)

    async def _leak_profile(self, run):
        if run.spec.profile:
            try:
                text = await web.ask(run.address, "/debug/pprof/goroutineleak?debug=1", 10)
                run.leak_totals.append(rules.profile_total(text) or 0)
            except web.Failed as e:
                run.notes.append(f"leak profile: {e}")

    async def _end(self):
        """Profiles for the other rules, then the truth: all work is ended, and what is left is looked at."""
        for run in self.runs:
            await self._leak_profile(run)
            try:
                sites = rules.channel_sites(await web.ask(run.address, "/debug/pprof/goroutine?debug=2", 20))
                run.channel_peak = max(sites.values(), default=0)
            except web.Failed as e:
                run.notes.append(f"dump: {e}")
            run.stop("client")
        await asyncio.gather(*[self._quiesce(run) for run in self.runs])

    async def _quiesce(self, run):
        for _ in range(QUIESCE_TRIES):  # one may be in the middle of its restart
            try:
                run.truth = json.loads(await web.ask(run.address, "/quiesce", 60))
                return
            except web.Failed as e:
                run.notes.append(f"quiesce: {e}")
                await asyncio.sleep(1)


def hash_of(text):
    """The same in each process, unlike hash()."""
    value = 0
    for c in text.encode():
        value = (value * 31 + c) % 1_000_003
    return value


def cpu_times():
    with open("/proc/stat", encoding="ascii") as f:
        fields = [int(x) for x in f.readline().split()[1:9]]
    return sum(fields), fields[3] + fields[4]


def usage(pid):
    """CPU seconds and RSS in MB of a process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0, 0.0
