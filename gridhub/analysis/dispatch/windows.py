"""Windows of a dispatch: hours decided together, one after the other or side by side."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.folder import DispatchFolder
from gridhub.analysis.dispatch.inputs import DispatchInputs
from gridhub.analysis.dispatch.tables import build_tables
from gridhub.case.case import Floats, Ints
from gridhub.dispatch.horizon import NO_CUTS, HorizonResult, solve_horizon
from gridhub.dispatch.losses import solve_lossy_horizon
from gridhub.errors import GridhubError, OptionError

WHOLE_HOURS = 48
"""Most hours that are decided together unless ``window_hours`` says otherwise."""

WINDOW_HOURS = 24
"""Hours of a window where there are more."""


Tables = Mapping[str, pd.DataFrame]
"""Tables of some hours, by name (`gridhub.analysis.dispatch.tables.TABLES`)."""

Window = tuple[range, range]
"""Hours of a window, and those that are solved for it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Carried:
    """What one window hands to the next: energy in storage, output, flexibility used, limits that bind."""

    energy: Floats
    output: Floats | None
    used: Floats
    cuts: Ints


def solve_windows(inputs: DispatchInputs, folder: DispatchFolder | None = None) -> Iterator[Tables]:
    """Solve the hours window by window; the tables of each.

    A window is solved together with the hours of its overlap, which the next window decides anew. What is in
    storage, the output of units and what flexible loads have used are carried over. Where nothing ties hours
    together, ``workers`` processes solve windows side by side; else the option ``parts`` cuts the run into
    parts for them.

    Raises
    ------
    OptionError
        If several workers are asked for where this system cannot fork a process.
    """
    runs = [list(run) for run in list_runs(inputs)]
    if inputs.options.workers > 1 and len(runs) > 1:
        yield from _solve_side_by_side(inputs, runs, folder)
        return
    for run in runs:
        yield from _solve_run(inputs, run, folder)


def _solve_run(
    inputs: DispatchInputs, run: Sequence[Window], folder: DispatchFolder | None
) -> Iterator[Tables]:
    """Solve windows one after the other."""
    carried = _start(inputs, run[0][0].start)
    for window, ahead in run:
        tables = folder.read(window.start, len(window)) if folder is not None else None
        if tables is None:
            found = _solve(inputs, window, ahead, carried)
            tables = build_tables(inputs, window.start, found)
            if folder is not None:
                folder.write(window.start, tables)
        carried = _carry(inputs, carried, tables)
        yield tables


def _start(inputs: DispatchInputs, first: int) -> _Carried:
    """Begin a run: storage as full as at the start, an even share of the budgets used."""
    most = np.array([one.energy_mwh for one in inputs.options.flexible.values()])
    used = np.where(np.isfinite(most), most, 0.0) * (first / inputs.count)
    return _Carried(inputs.stores.start, None, used, np.array(NO_CUTS))


def _is_free(inputs: DispatchInputs) -> bool:
    """Whether nothing ties the hours together."""
    start = _start(inputs, 0)
    return inputs.couple(range(inputs.count), start.energy, None, start.used).is_empty


def _solve(inputs: DispatchInputs, window: range, ahead: range, carried: _Carried) -> HorizonResult:
    """Solve a window with its overlap, and keep the window."""
    options = inputs.options
    solve = solve_horizon
    if options.losses == "iterated":
        solve = partial(solve_lossy_horizon, loss_tolerance_mw=options.loss_tolerance_mw)
    found = solve(
        [inputs.make_hour(hour) for hour in ahead],
        inputs.plan,
        inputs.limits,
        inputs.security,
        inputs.couple(ahead, carried.energy, carried.output, carried.used),
        start_cuts=carried.cuts,
        tolerance_mw=options.tolerance_mw,
        cost_error=options.cost_error,
    )
    count = len(window)
    return HorizonResult(found.hours[:count], found.energy[:count], found.reserve_shortage[:count])


_shared: list[tuple[DispatchInputs, DispatchFolder | None]] = []
"""What forked processes find in their copy of the memory: plans hold factors that cannot be sent."""


def _solve_shared(run: Sequence[Window]) -> list[Tables]:
    """Solve windows in a process of its own."""
    inputs, folder = _shared[-1]
    return list(_solve_run(inputs, run, folder))


def _solve_side_by_side(
    inputs: DispatchInputs, runs: Sequence[Sequence[Window]], folder: DispatchFolder | None
) -> Iterator[Tables]:
    """Solve runs of windows that nothing ties to each other in several processes, in order."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise OptionError("option workers: this system cannot fork a process; leave it at 1")
    _shared.append((inputs, folder))
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(inputs.options.workers, mp_context=context) as pool:
            for solved in pool.map(_solve_shared, runs):
                yield from solved
    except BrokenProcessPool as error:
        raise GridhubError(
            "a worker of the dispatch died, likely for lack of memory: give fewer workers; with a folder the "
            "run goes on where it was"
        ) from error
    finally:
        _shared.pop()


def list_runs(inputs: DispatchInputs) -> Iterator[list[Window]]:
    """List the windows that follow each other, with the hours that are solved for each: its overlap follows.

    Where nothing ties hours together every window is a run of its own.
    """
    count, options = inputs.count, inputs.options
    size = options.window_hours or (count if count <= WHOLE_HOURS else WINDOW_HOURS)
    if _is_free(inputs):
        for first in range(0, count, size):
            window = range(first, min(first + size, count))
            yield [(window, window)]
        return
    windows = -(-count // size)
    ends = [round(windows * part / options.parts) * size for part in range(1, options.parts + 1)]
    for begin, end in pairwise(sorted({0, *(min(end, count) for end in ends)})):
        yield [
            (
                range(first, min(first + size, end)),
                range(first, min(first + size + options.overlap_hours, end)),
            )
            for first in range(begin, end, size)
        ]


def _carry(inputs: DispatchInputs, before: _Carried, tables: Tables) -> _Carried:
    """Take what the next window needs out of the tables, so that one read from disk hands on the same."""
    output, energy = (tables[name].to_numpy(dtype=float)[-1] for name in ("generation", "energy"))
    used = np.nansum(tables["shed"].to_numpy(dtype=float)[:, inputs.find_flexible()], axis=0)
    return _Carried(
        energy=np.where(np.isnan(energy), before.energy, energy),
        output=None if np.isnan(output).any() else output,
        used=before.used + used,
        cuts=_find_cuts(inputs, tables["congestion"]),
    )


def _find_cuts(inputs: DispatchInputs, congestion: pd.DataFrame) -> Ints:
    """Branch and outage of the branch limits that bind, (2, k)."""
    rows = congestion[congestion["kind"].isin(["branch", "angle"])]
    branch = pd.Index(inputs.case.labels.branch).get_indexer(pd.Index(rows["element"]))
    outage = pd.Index(inputs.contingencies).get_indexer(pd.Index(rows["contingency"]))
    return np.unique(np.stack([branch, outage]).astype(np.int64), axis=1)
