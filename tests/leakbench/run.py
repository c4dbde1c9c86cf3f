#!/usr/bin/env python3
"""The leak benchmark: see README.md. Exit codes: 0 all bars met, 1 one was missed, 2 usage error."""

import argparse
import asyncio
import json
import os
import re
import resource
import sys
import tempfile
import time

import bench
import build
import judge
import plan


def options():
    p = argparse.ArgumentParser(description="Services that leak and that do not, watched by gostat: who is found.")
    p.add_argument("--gostat", default="build/release/gostat", help="the binary (%(default)s)")
    p.add_argument("--parts", default="detection,fleet", help="of detection, fleet, timing (%(default)s)")
    p.add_argument("--sample", action="store_true", help="26 services in one batch, for CI: about 3 minutes")
    p.add_argument("--timing", action="store_true", help="the same as --parts timing: at most 10 minutes")
    p.add_argument("--seeds", default="1", help="comma-separated; the worst counts (%(default)s)")
    p.add_argument("--compress", type=float, default=20, help="how much faster time runs (%(default)s)")
    p.add_argument("--seconds", type=float, default=100, help="of each batch (%(default)s)")
    p.add_argument("--at-once", type=int, default=60, help="services in a batch (%(default)s)")
    p.add_argument("--only", metavar="REGEX", help="only services whose kind and name match; no fleet")
    p.add_argument("--policy", help="a policy file instead of the one that is written for --compress")
    p.add_argument("--list", action="store_true", help="print the services and end")
    p.add_argument("--keep", metavar="DIR", help="keep logs, policy and gostat's lines there")
    p.add_argument("-o", "--output", help="results as JSON")
    return p.parse_args()


class Bench:
    """All batches of all seeds, one after the other."""

    def __init__(self, opt, directory):
        self.opt, self.directory = opt, directory
        self.policy = open(opt.policy, encoding="utf-8").read() if opt.policy else None
        say("building the services")
        self.services = build.Services()
        self.numbers = 0
        self.results, self.bars = [], []

    def prepare(self, specs):
        """Leaves out what cannot run: the reason is printed."""
        kernels = sorted({s.case for s in specs if s.kind in ("goker", "simple")})
        say(f"calibrating {len(kernels)} kernels, or reading how they were")
        self.services.calibrate(kernels)
        return [s for s in specs if not self.services.unusable(s.case)]

    def batch(self, specs, seed, clock, seconds, early_end=None):
        self.numbers += 1
        gostat = os.path.abspath(self.opt.gostat)
        b = bench.Batch(self.services, specs, clock, seconds, seed, gostat, self.numbers, self.policy, self.directory)
        b.early_end = early_end
        begun = time.time()
        runs = asyncio.run(b.run())
        results = [judge.result(run, clock) for run in runs]
        late = max(r["lateness"] for r in results)
        say(
            f"batch {self.numbers}: {len(runs)} services, {time.time() - begun:.0f} s, "
            f"machine {100 * b.cpu:.0f} % busy, samples at most {late:.2f} s late, "
            f"{sum(r['missed'] for r in results)} missed, "
            f"gostat: {b.lines} lines, {b.gostat_cpu:.1f} s CPU, {b.gostat_rss:.0f} MB"
        )
        for r in results:
            r["seed"] = seed
        self.results += results
        return results

    def detection(self, seed, specs):
        clock = bench.Clock(self.opt.compress)
        results = []
        for part in plan.batches(specs, self.opt.at_once):
            results += self.batch(part, seed, clock, self.opt.seconds)
        self.report(f"seed {seed}", results)
        self.bars += judge.bars(results, clock)

    def fleet(self, seed):
        clock = bench.Clock(self.opt.compress)
        results = self.batch(self.prepare(plan.fleet()), seed, clock, self.opt.seconds)
        self.report(f"seed {seed}, fleet", results)
        self.bars += judge.fleet_bars(results)

    def timing(self, seed):
        clock = bench.Clock(1)

        def done(runs):
            return all(any(e.get("grade") in judge.GRADES[1:] for e in run.events) for run in runs)

        specs = self.prepare(plan.timing(self.services))
        results = self.batch(specs, seed, clock, clock.span + 90, done)
        self.report("timing, 5 s samples, default windows", results)
        self.bars += judge.bars(results, clock, timing=True)

    def report(self, title, results):
        print(f"\n== {title}")
        for line in judge.table(results) + judge.by_name(results):
            print(line)
        print(flush=True)

    def not_run(self):
        excluded = dict(build.NOT_RUN)
        excluded.update({n: self.services.unusable(n) for n in self.services.calibration if self.services.unusable(n)})
        if excluded:
            print("kernels that are not run:")
            for name, reason in sorted(excluded.items()):
                print(f"  {name}: {reason}")

    def finish(self):
        self.not_run()
        clock = bench.Clock(1 if self.opt.parts == ["timing"] else self.opt.compress)
        print(
            f"naive: 3 rises in a row over {clock.percent} %/min, at samples of {clock.interval} s, the policy's; "
            "naive 5 s: over 15 %/min, at samples of 5 s, as in production; "
            "leak prof.: the runtime's goroutineleak profile names any; "
            f"LeakProf: {clock.leakprof:.0f} goroutines blocked on channels at one line "
            f"(10,000 in production, over {clock.compress:g}, as time is)"
        )
        print("\n== bars, the worst seed")
        worst = judge.worst(self.bars)
        for b in worst:
            print(f"  {'met   ' if b['met'] else 'MISSED'}  {b['bar']}: {b['shown']} (want {b['limit']})")
        if self.opt.output:
            with open(self.opt.output, "w", encoding="utf-8") as f:
                json.dump(
                    {
                        "schema": "gostat.dev/leakbench/v1",
                        "bars": worst,
                        "options": vars(self.opt),
                        "runs": self.results,
                    },
                    f,
                    indent=1,
                )
        faulty = [r["name"] for r in self.results if r.get("unhealthy")]
        if faulty:
            print(f"  MISSED  services that are not what they say: {', '.join(faulty)}")
        return 0 if worst and not faulty and all(b["met"] for b in worst) else 1


def say(text):
    print(f"leakbench: {text}", file=sys.stderr, flush=True)


def chosen(b, opt, seed):
    if opt.sample:
        return b.prepare(plan.sample())
    specs = plan.full(b.services, seed)
    if opt.only:
        specs = [s for s in specs if re.search(opt.only, f"{s.kind} {s.name}")]
    return b.prepare(specs)


def run_all(opt, directory):
    b = Bench(opt, directory)
    seeds = [int(s) for s in opt.seeds.split(",")]
    if opt.list:
        for s in sorted(chosen(b, opt, seeds[0]), key=lambda s: (s.kind, s.name)):
            print(f"{s.kind:10} {s.name:32} {b.services.cases[s.case]['reason']}".rstrip())
        b.not_run()
        return 0
    for seed in seeds:
        if "detection" in opt.parts:
            b.detection(seed, chosen(b, opt, seed))
        if "fleet" in opt.parts:
            b.fleet(seed)
    if "timing" in opt.parts:
        b.timing(seeds[0])
    return b.finish()


def main():
    opt = options()
    opt.parts = ["timing"] if opt.timing else ["detection"] if opt.sample or opt.only else opt.parts.split(",")
    if not set(opt.parts) <= {"detection", "fleet", "timing"}:
        say("--parts: want some of detection,fleet,timing")
        return 2
    if not re.fullmatch(r"\d+(,\d+)*", opt.seeds) or opt.compress < 1 or opt.seconds < 10 or opt.at_once < 1:
        say("--seeds: numbers; --compress: at least 1; --seconds: at least 10; --at-once: at least 1")
        return 2
    if not os.access(opt.gostat, os.X_OK):
        say(f"{opt.gostat} is not there: build it (hack/build.sh release), or name it with --gostat")
        return 2
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if opt.keep:
        os.makedirs(opt.keep, exist_ok=True)
        return run_all(opt, opt.keep)
    with tempfile.TemporaryDirectory(prefix="leakbench-") as directory:
        return run_all(opt, directory)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
