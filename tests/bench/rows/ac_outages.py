"""AC N-1: every branch outage that splits no island, warm; lightsim2grid does the same on the same model.

gridhub is called twice: `solve_batch` on a compiled case, and `run_security` as a user calls it, tables and
all.
"""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd

import gridhub as gh
from gridhub.case.case import Ints
from tests.bench.grids import BACKBONE, OPTIONS, Grid, list_single, load_grid, sample
from tests.bench.peers.lightsim_peer import LightsimGrid, LightsimOutages
from tests.bench.plain_grid import lay_out
from tests.bench.roofline import count_work, describe_share
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Goal, Table, time_in_turns

GRIDS = ("case1354pegase", "case2848rte", "case2869pegase", "case3120sp", "case9241pegase", BACKBONE)
QUICK = ("case118", BACKBONE)
THREADS = (1, 2)

PEER_LIMIT = 5000
"""Above so many outages the peer solves a random sample of `PEER_SAMPLE`: cost per outage is compared."""
PEER_SAMPLE = 800

KEPT_SAMPLE = 300
"""Outages it solves with each factor kept for three iterations: not its default, but its fastest way that
loses none of them (one factor for all iterations lost 1 % on case1354pegase)."""

COMPARED = 300
"""Outages whose voltages are laid side by side."""

BATCH, SECURITY = "gridhub solve_batch", "gridhub run_security"
LIGHTSIM, KEPT = "lightsim2grid", "lightsim2grid, factors kept"


def list_rows(settings: Settings) -> list[Row]:
    """One row per grid and number of threads."""
    names = QUICK if settings.quick else GRIDS
    return [
        Row(
            f"AC N-1, {name}, {threads} thread(s)",
            lambda settings, name=name, threads=threads: bench(settings, name, threads),
        )
        for name in names
        for threads in THREADS
    ]


def list_contingencies(grid: Grid, outages: Ints) -> pd.DataFrame:
    """The rows of `gridhub.list_contingencies` for some branches of the case."""
    every = gh.list_contingencies(grid.net)
    ids = {grid.case.labels.branch[k] for k in outages}
    return every[[elements[0] in ids for elements in every["elements"]]]


def compare(grid: Grid, outages: Ints, peer: LightsimOutages, statuses: tuple[Ints, np.ndarray]) -> Agreement:
    """Voltages of a sample side by side, and who solved what over all outages the peer tried."""
    tried, theirs, vm = peer.get_answers()
    every, ours = statuses
    ours = ours[np.searchsorted(every, tried)]
    chosen = sample(outages, COMPARED)
    own = grid.solve(grid.plan(1), chosen, keep="all")
    rows = np.searchsorted(tried, chosen)
    both = own.solved & theirs[rows]
    node = lay_out(grid.base).node
    assert own.vm is not None
    difference = np.abs(own.vm[both][:, node] - vm[rows[both]])
    return Agreement(
        LIGHTSIM,
        float(difference.max(initial=0.0)),
        compared=int(both.sum()),
        both=int((ours & theirs).sum()),
        only_ours=int((ours & ~theirs).sum()),
        only_theirs=int((theirs & ~ours).sum()),
    )


def bench(settings: Settings, name: str, threads: int) -> Table:
    """Time one grid on a number of threads."""
    grid = load_grid(name)
    plan = grid.plan(threads)
    own = sample(grid.outages, 60) if settings.quick else grid.outages
    tried = own if len(own) <= PEER_LIMIT else sample(own, PEER_SAMPLE)
    model = LightsimGrid(lay_out(grid.base))
    peer = model.plan_outages(tried, threads)
    few = sample(own, KEPT_SAMPLE)
    kept_factors = model.plan_outages(few, threads, refactor_every=3)
    contingencies = list_contingencies(grid, own)
    options = {**OPTIONS, "threads": threads}
    # listed once, as the peer's are in its object
    listed = list_single(own)
    result = grid.solve(plan, listed)
    kept = {}

    def secure() -> None:
        kept["security"] = gh.run_security(
            grid.net, contingencies, screen=None, verify="all", options=options
        )

    contestants = [
        Contestant(BATCH, lambda: grid.solve(plan, listed), len(own)),
        Contestant(SECURITY, secure, len(own), "from the network to its tables"),
        Contestant(LIGHTSIM, peer.solve, len(tried), "sample" if len(tried) < len(own) else ""),
        Contestant(KEPT, kept_factors.solve, len(few), "not its default: a factor serves three iterations"),
    ]
    seconds = time_in_turns(contestants, settings.turns)
    backbone = name == BACKBONE
    work = count_work(plan.newton, int(grid.case.branch_on.sum()))
    median = float(np.median(seconds.wall[BATCH]))
    table = Table(
        f"AC N-1, {name}: {grid.case.n_node:,} nodes, {len(own):,} outages, {threads} thread(s)",
        "outage",
        contestants,
        seconds,
        goals=[
            Goal(BATCH, LIGHTSIM, *((10, 25) if backbone else (15, 40))),
            Goal(SECURITY, LIGHTSIM, 5, 20),
            Goal(BATCH, KEPT, *((10, 25) if backbone else (15, 40))),
        ],
        agreements=[compare(grid, tried, peer, (own, result.solved))],
        notes=[
            describe_share(work, result.iterations.astype(float), median, settings.machine, threads),
            f"stage 1 solved {int((result.stage == 1).sum()):,}; run_security says "
            f"{kept['security'].status['status'].value_counts().to_dict()}",
        ],
    )
    if backbone:
        table.notes.append(
            "gridhub solves the island of Jeju as well; lightsim2grid has the mainland alone, links as loads "
            "(its reader of pandapower networks refuses this grid: a slack weight of 0)"
        )
    del peer, model, kept_factors
    gc.collect()
    return table
