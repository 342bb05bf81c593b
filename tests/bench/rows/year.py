"""A year of AC power flows on the backbone: 8,760 hours, each with its own loads and generation."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Floats
from gridhub.case.matrices import build_admittance
from gridhub.solvers.batch import solve_batch
from gridhub.solvers.batch_result import BatchResult
from gridhub.solvers.scenario import Injections
from tests.bench.grids import BACKBONE, Grid, load_grid
from tests.bench.peers import pgm_peer
from tests.bench.peers.lightsim_peer import LightsimGrid, LightsimHours
from tests.bench.plain_grid import PlainGrid, lay_out
from tests.bench.roofline import count_work, describe_share
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Goal, Table, time_in_turns

HOURS = 8760
QUICK_HOURS = 96
BATCH = "gridhub solve_batch"
SWEEP, SERIES = "lightsim2grid InjectionSweep", "lightsim2grid TimeSeries"
PGM = "power-grid-model"


def list_rows(settings: Settings) -> list[Row]:
    """One row per number of threads."""
    return [
        Row(
            f"AC year on the backbone, {threads} thread(s)",
            lambda settings, threads=threads: bench(settings, threads),
        )
        for threads in (1, 2)
    ]


def make_hours(grid: Grid, count: int) -> Injections:
    """A made-up year: a day and a season over all loads, +-3 % of noise on each, units follow in proportion.

    Only the spread matters here: the load lies between 0.55 and 1.0 of the snapshot's.
    """
    hour = np.arange(count)
    level = 0.78 + 0.12 * np.sin(2 * np.pi * (hour - 8) / 24) + 0.07 * np.cos(2 * np.pi * hour / 8760)
    random = np.random.default_rng(0)
    case = grid.case
    noise = level[:, None] * (1 + 0.03 * random.uniform(-1, 1, (count, len(case.load_p))))
    load_p = noise * case.load_p
    share = load_p.sum(axis=1) / case.load_p.sum()
    return Injections(
        load_p=load_p, load_q=noise * case.load_q, generator_p=share[:, None] * case.generator_p
    )


def lay_out_hours(grid: Grid, plain: PlainGrid, hours: Injections) -> tuple[Floats, Floats, Floats]:
    """The same hours for a peer: units, then everything that is a load to it [MW, Mvar]."""
    assert hours.load_p is not None and hours.load_q is not None and hours.generator_p is not None
    base = plain.base_mva
    unit_p = hours.generator_p[:, plain.unit] * base
    load_p = np.repeat(plain.load_p[None, :], hours.count, axis=0)
    load_q = np.repeat(plain.load_q[None, :], hours.count, axis=0)
    load_p[:, : len(plain.load)] = hours.load_p[:, plain.load] * base
    load_q[:, : len(plain.load)] = hours.load_q[:, plain.load] * base
    first = len(plain.load) + len(plain.storage)
    units = slice(first, first + len(plain.passive_unit))
    load_p[:, units] = -hours.generator_p[:, plain.passive_unit] * base
    return unit_p, load_p, load_q


def compute_injections(grid: Grid, plain: PlainGrid, result: BatchResult) -> np.ndarray:
    """Power that flows from each node of the peer's grid into its branches and shunts, (hours, n) [p.u.]."""
    assert result.vm is not None and result.va is not None
    voltages = np.nan_to_num(result.vm * np.exp(1j * result.va))
    currents = (build_admittance(grid.case) @ voltages.T).T
    return (voltages * currents.conj())[:, plain.node]


def bench(settings: Settings, threads: int) -> Table:
    """Time the year on a number of threads."""
    grid = load_grid(BACKBONE)
    hours = make_hours(grid, QUICK_HOURS if settings.quick else HOURS)
    plan = grid.plan(threads)
    plain = lay_out(grid.base)
    peer_hours = lay_out_hours(grid, plain, hours)
    model = LightsimGrid(plain)
    sweep = LightsimHours(model, *peer_hours, threads=threads)
    contestants = [
        Contestant(
            BATCH,
            lambda: solve_batch(grid.case, plan, injections=hours, base=grid.base, watch=grid.watch),
            hours.count,
        ),
        Contestant(SWEEP, sweep.solve, hours.count, "each hour from the base state"),
    ]
    goals = [Goal(BATCH, SWEEP, 10, 30)]
    if threads == 1:
        series = LightsimHours(model, *peer_hours, threads=0)
        contestants.append(Contestant(SERIES, series.solve, hours.count, "each hour from the one before"))
        goals.append(Goal(BATCH, SERIES, 10, 30))
    kept = solve_batch(grid.case, plan, injections=hours, base=grid.base, watch=grid.watch, keep="all")
    notes = []
    if settings.pgm_python:
        session = pgm_peer.start(
            settings.pgm_python, plain, compute_injections(grid, plain, kept), kept.vm[:, plain.node], threads
        )
        note = "given the reactive power that held the voltages: it has no units that hold one"
        contestants.append(Contestant(PGM, session.work, hours.count, note))
        goals.append(Goal(BATCH, PGM, 10, 30))
    else:
        notes.append(f"{PGM}: left out, no interpreter was named (--pgm-python)")
    seconds = time_in_turns(contestants, settings.turns)
    theirs, vm = sweep.get_answers()
    both = kept.solved & theirs
    assert kept.vm is not None
    agreements = [
        Agreement(
            SWEEP,
            float(np.abs(kept.vm[both][:, plain.node] - vm[both]).max()),
            compared=int(both.sum()),
            both=int(both.sum()),
            only_ours=int((kept.solved & ~theirs).sum()),
            only_theirs=int((theirs & ~kept.solved).sum()),
        )
    ]
    if settings.pgm_python:
        answer = session.answer
        agreements.append(Agreement(PGM, answer["difference"], compared=answer["hours"]))
        session.stop()
    work = count_work(plan.newton, int(grid.case.branch_on.sum()))
    median = float(np.median(seconds.wall[BATCH]))
    share = describe_share(work, kept.iterations.astype(float), median, settings.machine, threads)
    notes += [share, f"stage 1 solved {int((kept.stage == 1).sum()):,} of {hours.count:,} hours"]
    return Table(
        f"AC year, {BACKBONE}: {hours.count:,} hours, {grid.case.n_node} nodes, {threads} thread(s)",
        "hour",
        contestants,
        seconds,
        goals,
        agreements,
        notes,
    )
