"""Windows of a dispatch: hours decided together, one after the other or side by side."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import pairwise

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.folder import DispatchFolder
from gridhub.analysis.dispatch.inputs import Carried, DispatchInputs
from gridhub.analysis.dispatch.tables import build_tables
from gridhub.case.case import Ints
from gridhub.dispatch.coupling import SMALLEST_CALL
from gridhub.dispatch.horizon import NO_CUTS, HorizonResult, solve_horizon
from gridhub.errors import GridhubError, OptionError

WHOLE_HOURS = 48
"""Most hours that are decided together unless ``window_hours`` says otherwise."""

WINDOW_HOURS = 24
"""Hours of a window where there are more."""


Tables = Mapping[str, pd.DataFrame]
"""Tables of some hours, by name (`gridhub.analysis.dispatch.tables.TABLES`)."""

Window = tuple[range, range]
"""Hours of a window, and those that are solved for it."""


def solve_windows(inputs: DispatchInputs, folder: DispatchFolder | None = None) -> Iterator[Tables]:
    """Solve the hours window by window; the tables of each.

    A window is solved together with the hours of its overlap, which the next window decides anew. What is in
    storage, the output of units, what flexible loads have used and how long they are called are carried
    over. Where nothing ties hours
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
        carried = _carry(inputs, window, carried, tables)
        yield tables


def _start(inputs: DispatchInputs, first: int) -> Carried:
    """Begin a run: storage as full as at the start, an even share of the budgets used.

    A run that is not the first takes flexible loads as called before, as the one before it may have done.
    """
    most = np.array([one.energy_mwh for one in inputs.options.flexible.values()])
    used = np.where(np.isfinite(most), most, 0.0) * (first / inputs.count)
    longest = inputs.find_longest()
    depth = int(longest[np.isfinite(longest)].max(initial=0.0))
    shares = np.full((depth, len(longest)), float(first > 0))
    return Carried(inputs.stores.start, None, used, shares, np.array(NO_CUTS))


def _is_free(inputs: DispatchInputs) -> bool:
    """Whether nothing ties the hours together."""
    return inputs.couple(range(inputs.count), _start(inputs, 0)).is_empty


def find_look_ahead(inputs: DispatchInputs) -> int:
    """Find how many hours before it the plan sees every hour, but for those of the first window.

    Where nothing ties hours together that is all of them: what is decided for an hour follows from it alone.
    """
    least = inputs.count
    if _is_free(inputs):
        return least
    begun = 0
    for run in list_runs(inputs):
        seen = begun
        for window, ahead in run:
            # the hours that no window has seen before this one
            fresh = max(seen, window.start)
            if begun and fresh < ahead.stop:
                least = min(least, fresh - window.start)
            seen, begun = max(seen, ahead.stop), max(begun, window.stop)
    return least


def _solve(inputs: DispatchInputs, window: range, ahead: range, carried: Carried) -> HorizonResult:
    """Solve a window with its overlap, and keep the window."""
    options = inputs.options
    found = solve_horizon(
        [inputs.make_hour(hour) for hour in ahead],
        inputs.plan,
        inputs.limits,
        inputs.security,
        inputs.couple(ahead, carried),
        start_cuts=carried.cuts,
        tolerance_mw=options.tolerance_mw,
        cost_error=options.cost_error,
        loss_tolerance_mw=options.loss_tolerance_mw,
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


def _carry(inputs: DispatchInputs, window: range, before: Carried, tables: Tables) -> Carried:
    """Take what the next window needs out of the tables, so that one read from disk hands on the same."""
    output, energy = (tables[name].to_numpy(dtype=float)[-1] for name in ("generation", "energy"))
    called = np.nan_to_num(tables["flexible"].to_numpy(dtype=float))
    depth = len(before.shares)
    last = window[max(len(window) - depth, 0) :]
    offer = inputs.find_offers(last)
    share = np.divide(
        called[len(window) - len(last) :], offer, out=np.zeros(offer.shape), where=offer > SMALLEST_CALL
    )
    shares = np.concatenate([before.shares, np.clip(share, 0.0, 1.0)])
    return Carried(
        energy=np.where(np.isnan(energy), before.energy, energy),
        output=None if np.isnan(output).any() else output,
        used=before.used + called.sum(axis=0),
        shares=shares[len(shares) - depth :],
        cuts=_find_cuts(inputs, tables["congestion"]),
    )


def _find_cuts(inputs: DispatchInputs, congestion: pd.DataFrame) -> Ints:
    """Branch and outage of the branch limits that bind, (2, k)."""
    rows = congestion[congestion["kind"].isin(["branch", "angle"])]
    branch = pd.Index(inputs.case.labels.branch).get_indexer(pd.Index(rows["element"]))
    outage = pd.Index(inputs.contingencies).get_indexer(pd.Index(rows["contingency"]))
    return np.unique(np.stack([branch, outage]).astype(np.int64), axis=1)
