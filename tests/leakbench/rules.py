"""What others would have said of the same runs: the naive rule on counts, and LeakProf's on a goroutine profile. And
how text profiles are read."""

import re


class NaiveRule:
    """Three rises in a row, faster than percent per minute of the count that they began with, of samples that are at
    least some seconds apart. One alert each time that it begins to hold. A new process begins anew."""

    RISES = 3

    def __init__(self, percent_per_minute, apart=0):
        self.percent, self.apart = percent_per_minute, apart
        self.samples, self.start, self.holds, self.alerts = [], None, False, []

    def add(self, t, goroutines, start):
        if start != self.start:
            self.samples, self.start, self.holds = [], start, False
        if self.samples and t - self.samples[-1][0] < self.apart:
            return
        self.samples = [*self.samples[-self.RISES :], (t, goroutines)]
        counts = [n for _, n in self.samples]
        holds = False
        if len(counts) == self.RISES + 1 and all(a < b for a, b in zip(counts, counts[1:])):
            minutes = (t - self.samples[0][0]) / 60
            holds = 100 * (counts[-1] - counts[0]) / max(counts[0], 1) / minutes > self.percent
        if holds and not self.holds:
            self.alerts.append(t)
        self.holds = holds


# LeakProf (Saioc et al., CGO 2024): a source line at which that many goroutines of one process are blocked on a
# channel. Production profiles are of processes that ran for long; here time is compressed, and so is the number.
LEAKPROF_GOROUTINES = 10_000
CHANNEL_WAITS = ("chan send", "chan receive", "select")


def channel_sites(dump):
    """goroutine?debug=2 -> {innermost line outside of the runtime: goroutines blocked on a channel there}."""
    sites = {}
    for block in dump.split("\n\n"):
        lines = block.splitlines()
        state = re.match(r"goroutine \d+ .*?\[([^\],]+)", lines[0]) if lines else None
        if not state or not state.group(1).startswith(CHANNEL_WAITS):
            continue
        for function, place in zip(lines[1::2], lines[2::2]):
            if not function.startswith(("runtime.", "created by ")):
                site = place.split(" +0x")[0].strip()
                sites[site] = sites.get(site, 0) + 1
                break
    return sites


def profile_total(text):
    """The total of a debug=1 profile ("goroutineleak profile: total 12"); None: not a profile."""
    total = re.match(r"\w+ profile: total (\d+)", text or "")
    return int(total.group(1)) if total else None


def normalised(function):
    """A function name without what the compiler numbers: closures, wrappers, type arguments."""
    function = re.sub(r"\[[^\]]*\]", "", function)
    function = re.sub(r"%2e", ".", function, flags=re.I)
    return re.sub(r"(\.func|\.gowrap|\.deferwrap|-range)\d+(?:\.\d+)*", r"\1", function)
