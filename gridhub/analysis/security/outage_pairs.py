"""Outages of two elements (N-2): a set that is never written out whole, and its worst pairs by DC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import resolve_criteria, settle_state
from gridhub.case.case import Ints
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_pairs import screen_dc_pairs
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.status import Status

PAIR_KIND = "pair"
"""Kind of a contingency that loses two contingencies at once."""


@dataclass(frozen=True, eq=False)
class OutagePairs:
    """Every pair of the contingencies of a set, in the order of `itertools.combinations`.

    Attributes
    ----------
    contingencies : DataFrame
        Index contingency; columns kind, elements. n of them make n (n - 1) / 2 pairs.

    Examples
    --------
    >>> single = pd.DataFrame({"kind": "line", "elements": [("a",), ("b",), ("c",)]}, index=["a", "b", "c"])
    >>> pairs = OutagePairs(single)
    >>> len(pairs), pairs.take([2])["elements"].tolist()
    (3, [('b', 'c')])
    """

    contingencies: pd.DataFrame

    def __len__(self) -> int:
        """Return the number of pairs."""
        n = len(self.contingencies)
        return n * (n - 1) // 2

    def take(self, positions: Sequence[int] | Ints) -> pd.DataFrame:
        """Write out the pairs at some positions.

        Parameters
        ----------
        positions : (k,) int
            Of ``range(len(pairs))``.

        Returns
        -------
        DataFrame
            Contingencies, as `gridhub.list_contingencies` gives them; kind ``pair``.

        Raises
        ------
        IndexError
            If there is no pair at a position.
        """
        wanted = [int(k) for k in positions]
        beyond = [k for k in wanted if not 0 <= k < len(self)]
        if beyond:
            raise IndexError(f"no pair {beyond[0]}: there are {len(self):,}, counted from 0")
        ends = [self._find_members(k) for k in wanted]
        return self.join([i for i, _ in ends], [j for _, j in ends])

    def _find_members(self, position: int) -> tuple[int, int]:
        """First and second member: of n, first i has n - 1 - i partners, so pairs count from the end."""
        left = len(self) - 1 - position
        row = (isqrt(8 * left + 1) - 1) // 2
        n = len(self.contingencies)
        return n - 2 - row, n - 1 - (left - row * (row + 1) // 2)

    def join(self, first: Sequence[int], second: Sequence[int]) -> pd.DataFrame:
        """Write out the pairs of contingencies at given positions of the set."""
        names = self.contingencies.index.to_numpy(dtype=object)
        elements = self.contingencies["elements"].to_numpy(dtype=object)
        both = list(zip(first, second, strict=True))
        return pd.DataFrame(
            {
                "kind": PAIR_KIND,
                "elements": [tuple(dict.fromkeys((*elements[i], *elements[j]))) for i, j in both],
            },
            index=pd.Index([f"{names[i]} + {names[j]}" for i, j in both], name="contingency", dtype=object),
        )

    def blocks(self, size: int = 10_000) -> Iterator[pd.DataFrame]:
        """Write out all pairs, `size` at a time: memory holds one block."""
        for start in range(0, len(self), size):
            yield self.take(range(start, min(start + size, len(self))))


@dataclass(frozen=True, eq=False)
class PairRanking:
    """Worst pairs of branches by DC, to be solved by AC.

    Attributes
    ----------
    table : DataFrame
        Contingencies, worst first: kind, elements, estimated_percent, estimated_element. Give it to
        `gridhub.run_security`.
    splitting : DataFrame
        Contingencies that DC factors cannot judge: pairs that split an island though neither branch does.
    judged, overloaded : int
        Pairs judged by DC, and those that overload a branch by its estimate.
    not_judged : tuple of str
        Branches that split an island alone: their pairs are not judged here, the loss of the branch itself is
        a contingency of its own.
    """

    table: pd.DataFrame
    splitting: pd.DataFrame
    judged: int
    overloaded: int
    not_judged: tuple[str, ...]


def rank_pairs(
    net: Network,
    pairs: OutagePairs,
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    keep: int = 10_000,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> PairRanking:
    """Find the worst pairs of single branches by outage factors.

    Parameters
    ----------
    net : Network
    pairs : OutagePairs
        Of contingencies of one branch each.
    criteria : str, Criteria or None
        Whose rating after an outage a flow is held against (`gridhub.run_security`).
    snapshot : str, optional
    keep : int
        Pairs to name.
    options : mapping or PowerFlowOptions, optional

    Returns
    -------
    PairRanking

    Raises
    ------
    OptionError
        If a contingency loses anything but one branch with an impedance.
    NotConverged
        If the state before any outage has no DC solution.

    Notes
    -----
    DC sees active power alone: pairs left out of the table are not cleared of voltage problems. See
    `gridhub.solvers.dc_pairs.screen_dc_pairs`.

    Examples
    --------
    >>> from gridhub.analysis.contingency.contingencies import list_contingencies
    >>> from gridhub.reference import load_network
    >>> net = load_network("pandapower:case118")
    >>> ranking = rank_pairs(net, OutagePairs(list_contingencies(net, min_kv=300)), keep=10)
    >>> len(ranking.table), ranking.judged > 100
    (10, True)
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    state = settle_state(net, snapshot)
    case, _ = choose_references(compile_case(state))
    branches = _find_branches(net, case.labels.branch, case.branch_joins, pairs)
    limits = build_limits(state, case, resolve_criteria(net, criteria), "outage")
    plan = plan_dc(case, settled.dc_convention, single_reference=settled.distributed_slack)
    found = screen_dc_pairs(
        case,
        plan,
        branches,
        limits.rate,
        distributed_slack=settled.distributed_slack,
        keep=keep,
        threads=settled.threads or 1,
    )
    if not found.solved.all():
        raise NotConverged(
            f"{net.name!r}: the DC power flow before any outage has no solution, the units in service cannot "
            "balance an island within their limits: check p_min_mw, p_max_mw and in_service",
            str(Status.NOT_CONVERGED),
        )
    place = np.full(case.n_branch, -1)
    place[branches] = np.arange(len(branches))
    labels = np.array(case.labels.branch, dtype=object)
    table = pairs.join(place[found.first].tolist(), place[found.second].tolist())
    table = table.assign(estimated_percent=found.percent, estimated_element=labels[found.branch])
    splitting = pairs.join(place[found.cut[:, 0]].tolist(), place[found.cut[:, 1]].tolist())
    return PairRanking(table, splitting, found.judged, found.overloaded, tuple(labels[found.alone]))


def _find_branches(net: Network, labels: Sequence[str], joins: np.ndarray, pairs: OutagePairs) -> Ints:
    position = {label: i for i, label in enumerate(labels)}
    lost = [tuple(elements) for elements in pairs.contingencies["elements"]]
    ids = set().union(*(net.tables[table].index for table in BRANCH_TABLES))
    wrong = [
        str(name)
        for name, elements in zip(pairs.contingencies.index, lost, strict=True)
        if len(elements) != 1 or elements[0] not in ids or joins[position[elements[0]]]
    ]
    if wrong:
        raise OptionError(
            f"pairs are ranked by outage factors of single branches with an impedance; {len(wrong)} "
            f"contingencies are something else, such as {wrong[0]}: leave them out, or solve the pairs that "
            "blocks() writes out"
        )
    return np.array([position[elements[0]] for elements in lost], dtype=np.int64)
