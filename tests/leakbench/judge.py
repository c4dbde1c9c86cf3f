"""From runs to results: what each run was and what was said of it; tables over many; bars."""

import statistics

import rules

GRADES = ("Suspected", "Probable", "Proven")
COUNTED = 10  # goroutines: a kernel that leaked fewer did not leak this time, and its run does not count
SPARE = 6  # goroutines that a healthy service may end with beyond what it began with: connections that linger
DAEMONS = {"select-daemons": 10}


def result(run, clock):
    """A run as a plain dict, as it goes into the JSON file."""
    truth, spec = run.truth or {}, run.spec
    onset = truth.get("onset", 0)
    out = {
        "name": spec.name, "kind": spec.kind, "case": spec.case, "rate": spec.rate, "profile": spec.profile,
        "fleet": spec.fleet, "notes": run.notes, "restarts": run.restarts, "lateness": round(run.lateness, 2),
        "missed": run.missed, "leaked": truth.get("leaked", 0), "leaves": truth.get("leaves", {}),
        "goroutines": [min(run.goroutines, default=0), max(run.goroutines, default=0)],
        "naiveAlerts": len(run.naive.alerts), "naiveAlertsAt5s": len(run.naive_slow.alerts),
        "leakProfile": max(run.leak_totals, default=0) if spec.profile else None,
        "channelPeak": run.channel_peak, "leakProf": run.channel_peak >= clock.leakprof,
        "suspicions": sum(e["event"] == "suspected" for e in run.events),
    }  # fmt: skip
    out["counts"] = bool(truth) and (spec.kind == "lively" or out["leaked"] >= COUNTED)
    if spec.kind != "lively" and run.restarts:
        out["counts"] = False
    if spec.kind == "lively" and truth:
        spare = truth["base"] + SPARE + DAEMONS.get(spec.case, 0)
        out["unhealthy"] = truth["goroutines"] - spare if truth["goroutines"] > spare else 0
    out["seconds"] = {grade: when(run.events, grade, onset) for grade in GRADES}
    out["grade"] = next((g for g in reversed(GRADES) if out["seconds"][g] is not None), None)
    out["early"] = spec.kind != "lively" and any(e["wall"] < onset for e in findings(run.events))
    out["incidents"] = incidents(run.events, [*truth.get("leaves", ()), *truth.get("library", ())])
    return out


def when(events, grade, onset):
    """Seconds from the onset until this grade or a better one was given; None: never. What was said before is luck."""
    good = GRADES[GRADES.index(grade) :]
    after = [e["wall"] - onset for e in findings(events) if e["grade"] in good and e["wall"] >= onset]
    return round(min(after), 2) if after else None


def findings(events):
    """The lines that grade an incident."""
    return [e for e in events if e["event"] in ("incident", "graded") and e.get("grade")]


def incidents(events, leaves):
    """A target's incidents, as their last line tells them: by name, or by their first pattern. Right: a true leaf is
    among the first three patterns."""
    true = {rules.normalised(leaf) for leaf in leaves}
    found = {}
    for e in findings(events):
        patterns = (e.get("patterns") or ([e["pattern"]] if e.get("pattern") else []))[:3]
        named = [rules.normalised(p["leafFunction"]) for p in patterns]
        key = e.get("incident") or (patterns[0]["id"] if patterns else "")
        right = any(leaf in true for leaf in named)
        found[key] = {"leaves": named, "grade": e["grade"], "right": right, "reason": e["reason"]}
    return list(found.values())


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else None


def at_least(r, grade):
    return r["seconds"][grade] is not None


def share(n, of):
    return f"{n}/{of}" if of else "-"


def times(results, grade):
    values = [r["seconds"][grade] for r in results if at_least(r, grade)]
    return f"{statistics.median(values):.0f} / {quantile(values, 0.9):.0f}" if values else "-"


GROUPS = [(kind, rate) for kind in ("goker", "simple", "reachable") for rate in ("fast", "slow")] + [("lively", "")]
HEAD = (
    "kind", "rate", "profile", "runs", "Suspected+", "Probable+", "Proven", "right leaf", "s to Susp.", "s to Prob.",
    "s to Proven", "naive", "naive 5 s", "leak prof.", "LeakProf",
)  # fmt: skip


def table(results):
    """Lines: a row for each kind, rate and whether the leak profile is offered. Times are median / p90."""
    rows = [HEAD]
    for kind, rate in GROUPS:
        for profile in (True, False):
            rs = [r for r in results if (r["kind"], r["rate"], r["profile"]) == (kind, rate, profile) and r["counts"]]
            if rs:
                rows.append(row(kind, rate, profile, rs))
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows]


def row(kind, rate, profile, rs):
    n, found = len(rs), [i for r in rs for i in r["incidents"]]
    return (
        kind, rate, "yes" if profile else "404", str(n),
        *[share(sum(at_least(r, g) for r in rs), n) for g in GRADES],
        share(sum(i["right"] for i in found), len(found)) if kind != "lively" else "-",
        *[times(rs, g) if kind != "lively" else "-" for g in GRADES],
        share(sum(r["naiveAlerts"] > 0 for r in rs), n),
        share(sum(r["naiveAlertsAt5s"] > 0 for r in rs), n),
        share(sum((r["leakProfile"] or 0) > 0 for r in rs), n) if profile else "-",
        share(sum(r["leakProf"] for r in rs), n),
    )  # fmt: skip


def by_name(results):
    """Lines: who was missed, who was accused, which incidents name something else, what did not count."""
    out = []

    def section(title, lines):
        if lines:
            out.extend([f"{title}:", *[f"  {line}" for line in lines]])

    counted = [r for r in results if r["counts"]]
    leaks = [r for r in counted if r["kind"] != "lively"]
    section(
        "leaks not graded Probable",
        [
            f"{r['kind']} {r['name']}: {r['grade'] or 'nothing'}; {r['leaked']} leaked, "
            f"{r['goroutines'][0]}..{r['goroutines'][1]} goroutines"
            for r in leaks
            if not at_least(r, "Probable")
        ],
    )
    section(
        "healthy services accused",
        [
            f"{r['name']}: {i['grade']}: {', '.join(i['leaves'])}: {i['reason']}"
            for r in counted
            if r["kind"] == "lively"
            for i in r["incidents"]
        ],
    )
    section(
        "incidents whose first 3 patterns name no leaking leaf",
        [
            f"{r['name']}: {i['grade']}: {', '.join(i['leaves'])}"
            for r in leaks
            for i in r["incidents"]
            if not i["right"]
        ],
    )
    section("accused before the leak began", [r["name"] for r in leaks if r["early"]])
    section(
        "services that are not what they say (the benchmark's own fault)",
        [f"{r['name']}: {r['unhealthy']} goroutines too many at the end" for r in counted if r.get("unhealthy")],
    )
    section(
        "runs that do not count",
        [
            f"{r['name']}: {r['leaked']} leaked; {'; '.join(sorted(set(r['notes']))) or 'no fault'}"
            for r in results
            if not r["counts"]
        ],
    )
    return out


def bar(name, measured, limit, met, shown):
    return {"bar": name, "limit": limit, "measured": measured, "met": met, "shown": shown}


FEW = 20  # runs, as in a sample: one of them decides nothing


def ratio_bar(name, good, of, at_least_share):
    shown = f"{good}/{of} = {100 * good / of:.1f} %"
    limit = f">= {100 * at_least_share:g} %" + (", or all but one of a few" if of < FEW else "")
    met = good >= at_least_share * of or (of < FEW and good >= of - 1)
    return bar(name, good / of, limit, met, shown)


def bars(results, clock, timing=False):
    """The bars that these results can tell about, of one seed."""
    rs = [r for r in results if r["counts"]]
    if timing:
        return timing_bars(rs, clock)
    kernels = [r for r in rs if r["kind"] in ("goker", "simple")]
    reachable = [r for r in rs if r["kind"] == "reachable"]
    healthy = [r for r in rs if r["kind"] == "lively"]
    leaks = kernels + reachable
    out = []
    for name, group, want in (("GoKer and simple", kernels, 0.99), ("reachable", reachable, 0.93)):
        if group:
            good = sum(at_least(r, "Probable") for r in group)
            out.append(ratio_bar(f"{name}: Probable or better", good, len(group), want))
    if healthy:
        n = sum(at_least(r, "Probable") for r in healthy)
        out.append(bar("healthy: Probable or better", n, "0", n == 0, share(n, len(healthy))))
        n = sum(at_least(r, "Suspected") for r in healthy)
        met = n * 24 <= 3 * max(len(healthy), 24)
        out.append(bar("healthy: Suspected or better", n / len(healthy), "<= 3 of 24", met, share(n, len(healthy))))
    found = [i for r in leaks for i in r["incidents"]]
    wrong = [i for i in found if not i["right"]] + [i for r in healthy for i in r["incidents"]]
    n = sum(i["grade"] == "Proven" for i in wrong)
    out.append(bar("Proven that is not a leak", n, "0", n == 0, str(n)))
    if found:
        good = sum(i["right"] for i in found)
        out.append(ratio_bar("incidents: right leaf among the first 3 patterns", good, len(found), 0.98))
    return out


def timing_bars(rs, clock):
    out = []
    for profile, limit in ((True, 60), (False, clock.span + 60)):
        group = [r for r in rs if r["profile"] == profile and r["kind"] != "lively"]
        if not group:
            continue
        values = [r["seconds"]["Probable"] if at_least(r, "Probable") else float("inf") for r in group]
        median = statistics.median(values)
        name = f"median onset -> Probable, fast, 5 s samples, leak profile {'offered' if profile else '404'}"
        shown = f"{median:.0f} s of {len(group)}" if median != float("inf") else "never"
        out.append(bar(name, min(median, 1e9), f"<= {limit} s", median <= limit, shown))
    return out


def fleet_bars(results):
    fleet = [r for r in results if r["fleet"]]
    if not fleet:
        return []
    raw = sum(r["naiveAlerts"] for r in fleet)
    found = sum(len(r["incidents"]) for r in fleet)
    leaks = [r for r in fleet if r["kind"] != "lively"]
    lost = [r["name"] for r in leaks if r["counts"] and not r["incidents"]]
    fewer = 1 - found / raw if raw else 0.0
    shown = f"{raw} alerts, {found} incidents, {100 * fewer:.1f} % fewer"
    return [
        bar("fleet of 100, 5 leak: incidents against raw alerts", fewer, ">= 97 % fewer", fewer >= 0.97, shown),
        bar("fleet: leaks lost", len(lost), "0", not lost, ", ".join(lost) or f"0 of {len(leaks)}"),
    ]


def worst(all_bars):
    """Of several seeds, for each bar: one that is missed before one that is met."""
    out = {}
    for b in all_bars:
        old = out.get(b["bar"])
        lower_is_worse = b["limit"].startswith(">=")
        if old is None or (b["measured"] < old["measured"] if lower_is_worse else b["measured"] > old["measured"]):
            out[b["bar"]] = {**b, "met": b["met"] and (old is None or old["met"])}
        else:
            old["met"] = old["met"] and b["met"]
    return list(out.values())
