"""Windows of a dispatch: hours decided together, one after the other or side by side."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch_folder import DispatchFolder
from gridhub.analysis.dispatch_inputs import DispatchInputs
from gridhub.analysis.dispatch_tables import build_tables
from gridhub.case.case import Floats, Ints
from gridhub.dispatch.horizon import NO_CUTS, HorizonResult, solve_horizon
from gridhub.errors import GridhubError, OptionError

WHOLE_HOURS = 48
"""Most hours that are decided together unless ``window_hours`` says otherwise."""

WINDOW_HOURS = 24
"""Hours of a window where there are more."""


Tables = Mapping[str, pd.DataFrame]
"""Tables of some hours, by name (`gridhub.analysis.dispatch_tables.TABLES`)."""


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
    together, ``workers`` processes solve windows side by side.

    Raises
    ------
    OptionError
        If several workers are asked for where this system cannot fork a process.
    """
    windows = list(list_windows(inputs))
    alone = all(len(window) == len(ahead) for window, ahead in windows) and _is_free(inputs)
    if alone and inputs.options.workers > 1 and len(windows) > 1:
        yield from _solve_side_by_side(inputs, [window for window, _ in windows], folder)
        return
    carried = _start(inputs)
    for window, ahead in windows:
        tables = folder.read(window.start, len(window)) if folder is not None else None
        if tables is None:
            found = _solve(inputs, window, ahead, carried)
            tables = build_tables(inputs, window.start, found)
            if folder is not None:
                folder.write(window.start, tables)
        carried = _carry(inputs, carried, tables)
        yield tables


def _start(inputs: DispatchInputs) -> _Carried:
    nothing_used = np.zeros(len(inputs.options.flexible))
    return _Carried(inputs.stores.start, None, nothing_used, np.array(NO_CUTS))


def _is_free(inputs: DispatchInputs) -> bool:
    """Whether nothing ties the hours together."""
    start = _start(inputs)
    return inputs.couple(range(inputs.count), start.energy, None, start.used).is_empty


def _solve(inputs: DispatchInputs, window: range, ahead: range, carried: _Carried) -> HorizonResult:
    """Solve a window with its overlap, and keep the window."""
    found = solve_horizon(
        [inputs.make_hour(hour) for hour in ahead],
        inputs.plan,
        inputs.limits,
        inputs.security,
        inputs.couple(ahead, carried.energy, carried.output, carried.used),
        start_cuts=carried.cuts,
        tolerance_mw=inputs.options.tolerance_mw,
        cost_error=inputs.options.cost_error,
    )
    count = len(window)
    return HorizonResult(found.hours[:count], found.energy[:count], found.reserve_shortage[:count])


_shared: list[tuple[DispatchInputs, DispatchFolder | None]] = []
"""What forked processes find in their copy of the memory: plans hold factors that cannot be sent."""


def _solve_shared(window: range) -> Tables:
    """Solve a window in a process of its own."""
    inputs, folder = _shared[-1]
    tables = build_tables(inputs, window.start, _solve(inputs, window, window, _start(inputs)))
    if folder is not None:
        folder.write(window.start, tables)
    return tables


def _solve_side_by_side(
    inputs: DispatchInputs, windows: list[range], folder: DispatchFolder | None
) -> Iterator[Tables]:
    """Solve windows that nothing ties together in several processes, in order."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise OptionError("option workers: this system cannot fork a process; leave it at 1")
    there = {w.start: None if folder is None else folder.read(w.start, len(w)) for w in windows}
    _shared.append((inputs, folder))
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(inputs.options.workers, mp_context=context) as pool:
            solved = pool.map(_solve_shared, [w for w in windows if there[w.start] is None])
            for window in windows:
                tables = there[window.start]
                yield next(solved) if tables is None else tables
    except BrokenProcessPool as error:
        raise GridhubError(
            "a worker of the dispatch died, likely for lack of memory: give fewer workers; with a folder the "
            "run goes on where it was"
        ) from error
    finally:
        _shared.pop()


def list_windows(inputs: DispatchInputs) -> Iterator[tuple[range, range]]:
    """List the hours of each window, and those that are solved for it: its overlap follows."""
    count, options = inputs.count, inputs.options
    size = options.window_hours or (count if count <= WHOLE_HOURS else WINDOW_HOURS)
    overlap = 0 if _is_free(inputs) else options.overlap_hours
    for first in range(0, count, size):
        last = min(first + size, count)
        yield range(first, last), range(first, min(last + overlap, count))


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
