"""Which services run, and which of them at the same time."""

import random

from bench import Spec

SAMPLE_LEAKS = (
    ("goker", "Cockroach584", "fast"), ("goker", "Etcd7492", "slow"), ("goker", "Grpc660", "slow"),
    ("goker", "Kubernetes10182", "fast"), ("goker", "Moby30408", "slow"), ("simple", "NilRecv", "fast"),
    ("simple", "SelectNoCases", "slow"), ("simple", "WaitGroup", "slow"), ("reachable", "registry-map", "slow"),
    ("reachable", "parent-context", "fast"), ("reachable", "ticker-loop", "slow"),
    ("reachable", "sleeping-retry", "slow"), ("reachable", "unread-body", "slow"),
    ("reachable", "global-mutex", "fast"),
)  # fmt: skip
SAMPLE_LIVELY = (
    "pool-autoscale", "sine-slow", "bursts", "tcp-ramp", "ws-ramp-self", "ws-churn", "long-poll",
    "rate-limit-backlog", "retry-storm", "select-daemons", "rolling-restart", "slow-downstream",
)  # fmt: skip
FLEET_LIVELY = (
    "pool-autoscale", "warmup-steps", "sine-slow", "idle-jitter", "leader-idle", "tenant-idle", "retry-storm",
    "fan-out", "batch-jobs", "cron-sleepers", "subscriber-churn", "db-pool",
)  # fmt: skip
FLEET_LEAKS = (
    ("goker", "Cockroach13197"), ("goker", "Kubernetes5316"), ("simple", "EarlyReturn"),
    ("reachable", "registry-map"), ("reachable", "tenant-worker"),
)  # fmt: skip
TIMING_KERNELS = (
    "Cockroach584", "Cockroach24808", "Etcd6857", "Grpc862", "Kubernetes25331", "Moby36114", "Syncthing5795",
    "ChanRecv", "MutexHeap", "Timeout",
)  # fmt: skip
FLEET = 100


def kind_of(name):
    """GoKer's programs are named after a project and the number of its issue."""
    return "goker" if name[-1].isdigit() else "simple"


def full(services, seed):
    """Everything: kernels fast and slow, a half of them again without the leak profile; reachable and lively ones."""
    specs = []
    for k, name in enumerate(services.kernels()):
        kind = kind_of(name)
        specs += [Spec(kind, name, "fast"), Spec(kind, name, "slow")]
        specs.append(Spec(kind, name, "fast" if (k + seed) % 2 else "slow", profile=False))
    for k, name in enumerate(services.by_kind("reachable")):
        specs += [Spec("reachable", name, "fast"), Spec("reachable", name, "slow")]
        specs.append(Spec("reachable", name, "fast" if (k + seed) % 2 else "slow", profile=False))
    for name in services.by_kind("lively"):
        specs += [Spec("lively", name, ""), Spec("lively", name, "", profile=False)]
    random.Random(seed).shuffle(specs)
    return specs


def sample():
    return [Spec(kind, name, rate) for kind, name, rate in SAMPLE_LEAKS] + [
        Spec("lively", name, "") for name in SAMPLE_LIVELY
    ]


def fleet():
    leaks = [Spec(kind, name, "fast", fleet=True) for kind, name in FLEET_LEAKS]
    lively = [Spec("lively", FLEET_LIVELY[k % len(FLEET_LIVELY)], "", fleet=True) for k in range(FLEET - len(leaks))]
    return leaks + lively


def timing(services):
    names = list(TIMING_KERNELS)
    return [Spec(kind_of(name), name, "fast", profile=profile) for name in names for profile in (True, False)]


def batches(specs, at_once):
    """In equal parts, none larger than at_once."""
    n = -(-len(specs) // at_once)
    return [specs[k::n] for k in range(n)]
