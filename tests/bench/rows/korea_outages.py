"""Outages of korea-2025: N-1 by AC, all pairs by DC and the worst of them by AC, hours x outages by AC.

No peer stands beside these rows: they are held to seconds. The whole year is a run of its own,
``python -m tests.bench.outage_year``.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence

import numpy as np

import gridhub as gh
from tests.bench.outage_year import NAME, make_year
from tests.bench.settings import Row, Settings
from tests.bench.timing import Contestant, Seconds, Table, time_in_turns

HOURS, QUICK_HOURS = 48, 4
YEAR = 8760
WORST, QUICK_WORST = 10_000, 200
THREADS = 2
N_1, PAIRS, BY_AC, IN_HOURS = (
    "run_security, all by AC",
    "rank_pairs",
    "run_security, worst pairs",
    "run_security_hours",
)


def list_rows(settings: Settings) -> list[Row]:
    """Three rows, all on two threads."""
    return [
        Row(f"AC N-1 of all branches, {NAME}", bench_single),
        Row(f"N-2 pairs at 345 and 765 kV, {NAME}", bench_pairs),
        Row(f"AC hours x outages, {NAME}", bench_hours),
    ]


def hold_to(seconds: Seconds, name: str, goal: float, count: float = 1.0) -> str:
    """Say whether a call, times `count`, took less than the seconds asked for."""
    wall = count * float(np.median(seconds.wall[name]))
    cpu = count * float(np.median(seconds.cpu[name])) / THREADS
    verdict = "met" if wall <= goal else "NOT MET"
    busy = f"; processor time on {THREADS} threads at best {cpu:,.3g} s"
    return f"{name}: {wall:,.3g} s, asked for at most {goal:g} s: {verdict}{busy}"


def bench_single(settings: Settings) -> Table:
    """Every line and transformer, from the network to the tables."""
    net = gh.load_network(NAME)
    cset = gh.list_contingencies(net)

    def work() -> object:
        return gh.run_security(net, cset, screen=None, options={"threads": THREADS})

    contestants = [Contestant(N_1, work, len(cset))]
    seconds = time_in_turns(contestants, settings.turns)
    title = f"AC N-1, {NAME}: {len(cset):,} outages, {THREADS} threads"
    return Table(title, "outage", contestants, seconds, notes=[hold_to(seconds, N_1, 0.3)])


def bench_pairs(settings: Settings) -> Table:
    """All pairs of branches at 345 kV and above by DC; the worst of them by AC."""
    net = gh.load_network(NAME)
    pairs = gh.OutagePairs(gh.list_contingencies(net, min_kv=345.0))
    keep = QUICK_WORST if settings.quick else WORST
    options = {"threads": THREADS}
    worst = gh.rank_pairs(net, pairs, keep=keep, options=options).table
    contestants = [
        Contestant(PAIRS, lambda: gh.rank_pairs(net, pairs, keep=keep, options=options), len(pairs)),
        Contestant(BY_AC, lambda: gh.run_security(net, worst, screen=None, options=options), len(worst)),
    ]
    seconds = time_in_turns(contestants, settings.turns)
    notes = [hold_to(seconds, PAIRS, 2.0), hold_to(seconds, BY_AC, 3.0)]
    title = f"N-2, {NAME}: {len(pairs):,} pairs by DC, the worst {len(worst):,} by AC, {THREADS} threads"
    return Table(title, "pair", contestants, seconds, notes=notes)


def bench_hours(settings: Settings) -> Table:
    """Every outage in hours spread over the year; what a year of them would take."""
    year = make_year(QUICK_HOURS if settings.quick else HOURS)
    cset = gh.list_contingencies(year.net)
    results = []

    def work() -> None:
        options = {"threads": THREADS}
        found = gh.run_security_hours(year.net, year.profiles, cset, options=options, snapshot=year.states)
        results.append(found)

    count = len(year.states)
    contestants = [Contestant(IN_HOURS, work, count * len(cset))]
    seconds = time_in_turns(contestants, settings.turns)
    solved = int((results[-1].hours["not_run"] == 0).sum())
    notes = [
        f"{YEAR:,} hours at this pace (asked for 1,200 s, aim 480 s): "
        + hold_to(seconds, IN_HOURS, 1200.0, YEAR / count),
        f"{solved} of {count} hours have a base state: {_count(results[-1].summary)}",
        f"largest resident memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB",
    ]
    title = f"AC hours x outages, {NAME}: {count} hours x {len(cset):,} outages, {THREADS} threads"
    return Table(title, "outage", contestants, seconds, notes=notes)


def _count(
    summary: dict[str, object], names: Sequence[str] = ("converged", "islanded", "not_converged")
) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {summary[f'outages_{name}']:,}" for name in names)
