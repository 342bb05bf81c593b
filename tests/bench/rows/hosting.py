"""Hosting capacity by DC of every bus, and of 50 sites checked by AC; no peer does the same."""

from __future__ import annotations

import numpy as np

import gridhub as gh
from tests.bench.settings import Row, Settings
from tests.bench.timing import Contestant, Table, time_in_turns

NETWORK, QUICK_NETWORK = "korea-2025", "korea-2025-backbone"
SITES, QUICK_SITES = 50, 5


def list_rows(settings: Settings) -> list[Row]:
    """Two rows: goals are 10 s and 60 s on two cores."""
    return [Row("hosting, every bus, DC", bench_every_bus), Row("hosting, sites, AC", bench_sites)]


def bench_every_bus(settings: Settings) -> Table:
    """Time the whole grid."""
    net = gh.load_network(QUICK_NETWORK if settings.quick else NETWORK)
    contestant = Contestant(
        "gridhub hosting_capacity, DC", lambda: gh.hosting_capacity(net, options={"threads": 2})
    )
    seconds = time_in_turns([contestant], settings.turns)
    title = f"Hosting capacity of {len(net.bus)} buses, N-1 in {len(net.snapshots)} states, {net.name}"
    notes = ["goal: under 10 s on two cores for korea-2025, towers included"]
    return Table(title, "run", [contestant], seconds, [], [], notes)


def bench_sites(settings: Settings) -> Table:
    """Time a list of sites by AC."""
    net = gh.load_network(QUICK_NETWORK if settings.quick else NETWORK)
    count = QUICK_SITES if settings.quick else SITES
    names = net.bus.index[(net.bus["area"] == "mainland").to_numpy(dtype=bool)]
    buses = [str(name) for name in np.random.default_rng(0).choice(names, count, replace=False)]
    contestant = Contestant(
        "gridhub hosting_capacity, AC",
        lambda: gh.hosting_capacity(net, buses, method="ac", options={"threads": 2}),
        count,
    )
    seconds = time_in_turns([contestant], settings.turns)
    notes = ["goal: under 60 s for 50 sites on two cores"]
    return Table(f"Hosting by AC, {count} sites, {net.name}", "site", [contestant], seconds, [], [], notes)
