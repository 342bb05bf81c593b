"""Every DC outage in every hour of a year on the backbone; PyPSA does it hour by hour."""

from __future__ import annotations

import numpy as np

from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_batch import DcBatchSolver
from gridhub.solvers.dc_outages import DcScreen, screen_dc_outages
from gridhub.solvers.scenario import Injections
from tests.bench.grids import BACKBONE, OPTIONS, load_grid
from tests.bench.peers.session import Session
from tests.bench.plain_grid import lay_out
from tests.bench.rows.year import HOURS, QUICK_HOURS, make_hours
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Goal, Table, time_in_turns

PER_CALL = 5
"""Hours PyPSA solves in a turn: 20 with the uncounted one and three turns."""
SCREENS = ("gridhub screen_dc_outages, 1 thread", "gridhub screen_dc_outages, 2 threads")
PYPSA = "PyPSA lpf_contingency"


def list_rows(settings: Settings) -> list[Row]:
    """One row; gridhub on one thread and on two, PyPSA has one."""
    return [Row("DC outages x year, backbone", bench)]


def take_hours(hours: Injections, count: int) -> Injections:
    """The first hours alone."""
    assert hours.load_p is not None and hours.load_q is not None and hours.generator_p is not None
    return Injections(hours.load_p[:count], hours.load_q[:count], hours.generator_p[:count])


def bench(settings: Settings) -> Table:
    """Time all outages in all hours."""
    grid = load_grid(BACKBONE)
    case = grid.case
    hours = make_hours(grid, QUICK_HOURS if settings.quick else HOURS)
    plan = plan_dc(case, OPTIONS["dc_convention"], single_reference=False)  # type: ignore[arg-type]
    outages = [(int(k),) for k in grid.outages]

    def screen(injections: Injections, threads: int) -> DcScreen:
        return screen_dc_outages(case, plan, outages, case.rate, injections, False, threads=threads)

    pairs = len(outages) * hours.count
    contestants = [
        Contestant(name, lambda threads=threads: screen(hours, threads), hours.count)
        for threads, name in enumerate(SCREENS, 1)
    ]
    kept = "gridhub keeps maxima and counts and leaves out what cannot reach them; PyPSA returns every flow"
    goals, agreements, notes = [], [], [f"{pairs:,} pairs of outage and hour; {kept}"]
    if settings.pypsa_python:
        plain = lay_out(grid.base)
        per_call = 1 if settings.quick else PER_CALL
        sample = take_hours(hours, per_call * (settings.turns + 1))
        solver = DcBatchSolver(case, plan, sample, False, 1e-8)
        injection = solver.balance(np.arange(sample.count)).injection[plain.node].T * plain.base_mva
        arrays = {
            "base_mva": plain.base_mva,
            "reference": plain.reference,
            "end": plain.end,
            "x": plain.series.imag,
            "tap": plain.tap,
            "shift": plain.shift,
            "injection": injection,
            "rate": case.rate[plain.branch] * plain.base_mva,
            "outages": np.searchsorted(plain.branch, grid.outages),
        }
        session = Session(settings.pypsa_python, "pypsa_outages_script.py", arrays, str(per_call))
        contestants.append(Contestant(PYPSA, session.work, per_call, "a few hours, cost per hour"))
        goals += [Goal(name, PYPSA, 200, 1000) for name in SCREENS]
    else:
        notes.append(f"{PYPSA}: left out, no interpreter was named (--pypsa-python)")
    seconds = time_in_turns(contestants, settings.turns)
    if settings.pypsa_python:
        theirs = np.array(session.answer["worst"])
        difference = np.abs(screen(sample, 1).hour_percent - theirs)
        agreements.append(Agreement(PYPSA, float(np.max(difference)), "% worst loading", sample.count))
        session.stop()
    title = f"All DC outages x {hours.count:,} hours, {BACKBONE}: {len(outages)} outages"
    return Table(title, "hour", contestants, seconds, goals, agreements, notes)
