"""Margin to voltage collapse of a growing load, in the intact network and after every outage of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.voltage.growth import Area, GrowingCase, compile_growth
from gridhub.analysis.voltage.pv_curve import find_margin, name_node, solve_start, trace_growth
from gridhub.case.case import Bools, Floats, Ints, Outage
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.solvers.ac import make_start
from gridhub.solvers.batch import BatchPlan, plan_batch, solve_batch
from gridhub.solvers.continuation import trace_curve
from gridhub.solvers.islands import find_islands, keep_largest_parts
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.scenario import Injections
from gridhub.solvers.solution import Solution

LEVELS = (0.0, 0.5, 0.8, 0.95)
"""Shares of the intact network's margin at which every outage is solved, until some are not."""

PROVEN = 0.99
"""Share of the smallest margin at which every outage that is not traced must have a solution."""

HALVINGS = 5
"""Times the level is halved between two of those while more outages fail than are to be traced."""


BLOCK = 512
"""Outages solved together; bounds the memory to BLOCK states of the network."""


@dataclass(frozen=True, eq=False)
class VoltageMargin:
    """Growth of load until the voltage collapses, with and without outages.

    Attributes
    ----------
    network, snapshot, growth : str
    margin_mw : float
        In the intact network [MW].
    firm_mw : float
        Smallest over all outages solved [MW].
    binding_contingency : str
        Outage it belongs to; "" for the intact network.
    table : DataFrame
        Index contingency, "" first, then those traced by continuation, smallest margin first: status,
        margin_mw, limit, weakest_bus (as `PvCurve`; "no start": no solution without any growth, margin 0),
        lost_growth_percent (share of the growing load cut off; of all of it no margin is given).
    status : Series
        Every contingency: "traced", "solved" (has an AC solution with the growth `solved_at_mw`), or
        "not assessed" (branches without impedance).
    solved_at_mw : float
        Growth at which every outage that was not traced has an AC solution [MW]: not below 99 % of `firm_mw`
        unless `unproven` says so; infinite where all were traced.
    unproven : tuple of str
        Outages of which that is not known, because `most` were traced already; empty if none.
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    growth: str
    margin_mw: float
    firm_mw: float
    binding_contingency: str
    table: pd.DataFrame
    status: pd.Series[str]
    solved_at_mw: float
    unproven: tuple[str, ...]
    options: PowerFlowOptions


def find_voltage_margin(
    net: Network,
    growth: Area | pd.DataFrame,
    contingencies: pd.DataFrame | None = None,
    snapshot: str | None = None,
    *,
    power_factor: float | None = None,
    supply: Area | None = None,
    generation_limits: bool = True,
    worst: int = 5,
    most: int = 40,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> VoltageMargin:
    """Find the growth of load at which the voltage collapses, after the worst of all outages too.

    Parameters
    ----------
    net : Network
    growth, snapshot, power_factor, supply, generation_limits
        As for `trace_pv_curve`.
    contingencies : DataFrame, optional
        As for `run_security`; None: every single line, transformer and series element.
    worst : int
        Outages traced by continuation at least.
    most : int
        Outages traced by continuation at most.
    options : mapping or PowerFlowOptions, optional

    Returns
    -------
    VoltageMargin

    Raises
    ------
    KeyError, InputError, OptionError, NotConverged
        As `trace_pv_curve`; InputError also for contingencies that name unknown elements.

    Notes
    -----
    All outages are solved by AC with a growing load, at rising levels, until some have no solution. Those,
    the worst, and those with the lowest voltages are followed by continuation to their nose. The others are
    known to have a solution at 99 % of the smallest nose found or above: what was not traced does not bind.
    That an outage solvable at one growth is so at every smaller one is taken for granted.
    """
    if worst < 1 or most < worst:
        raise OptionError(f"worst = {worst}, most = {most}: whole numbers, 1 <= worst <= most")
    settled = read_options(options, reactive_limits=net.reactive_limits)
    growing = compile_growth(
        net,
        growth,
        snapshot,
        settled,
        power_factor=power_factor,
        supply=supply,
        generation_limits=generation_limits,
    )
    state = apply_snapshot(net, snapshot)
    cset = list_contingencies(state) if contingencies is None else contingencies
    search = _Search(growing, settled, find_outages(state, growing.case, cset), worst, most)
    search.start(net, snapshot)
    search.run()
    return _collect(search, net, find_snapshot(net, snapshot) or "", cset)


class _Search:
    """Finds which outages collapse first, and traces those."""

    def __init__(
        self,
        growing: GrowingCase,
        options: PowerFlowOptions,
        outages: Sequence[Outage],
        worst: int,
        most: int,
    ) -> None:
        self.growing, self.options, self.outages = growing, options, outages
        self.worst, self.most = worst, most
        self.rows: dict[int, dict[str, Any]] = {}
        self.islands = find_islands(growing.case)
        self.joined = np.array(
            [any(growing.case.branch_joins[i] for i in one.branch) for one in outages], dtype=bool
        )
        self.solved_at: Floats = np.zeros(len(outages))
        self.plan: BatchPlan

    def start(self, net: Network, snapshot: str | None) -> None:
        """Solve the intact network and trace it."""
        setting, self.base = solve_start(net, snapshot, self.growing, self.options)
        self.plan = plan_batch(self.growing.case, self.options)
        curve = trace_curve(setting, self.base, self.growing.direction)
        assert curve is not None, "a solved start solves its own equations"
        self.top = float(curve.parameter.max())
        self.rows[-1] = self._describe(self.base, find_margin(self.growing, curve), 0.0)
        self.rows[-1] |= {
            "limit": curve.nose_kind,
            "weakest_bus": name_node(self.growing.case, curve.weakest),
        }

    def run(self) -> None:
        """Look for the worst outages, trace them, and see that the others do not bind."""
        everything = np.flatnonzero(~self.joined)
        low, high, failing = 0.0, 0.0, np.empty(0, dtype=np.int64)
        lowest = np.empty(0)
        for high in LEVELS if len(everything) else ():
            failed, lowest = self._solve(high, everything)
            failing = everything[failed]
            if len(failing):
                break
            low = high
        failing = self._narrow(low, high, failing)
        by_voltage = everything[np.argsort(lowest, kind="stable")]
        more = by_voltage[~np.isin(by_voltage, failing)][: max(0, self.worst - len(failing))]
        self._trace_until_proven(np.concatenate([failing, more]), everything)

    def _narrow(self, low: float, high: float, failing: Ints) -> Ints:
        """Keep the outages that fail first, by halving the level while they are more than wanted."""
        for _ in range(HALVINGS if high > low else 0):
            if len(failing) <= self.worst:
                break
            middle = 0.5 * (low + high)
            failed, _ = self._solve(middle, failing)
            if failed.any():
                high, failing = middle, failing[failed]
            else:
                low = middle
        return failing

    def _trace_until_proven(self, chosen: Ints, everything: Ints) -> None:
        """Trace outages until all that are left have a solution close to the smallest nose found."""
        while len(chosen):
            for k in chosen[: self.most - len(self.rows) + 1]:
                self._trace(int(k))
            firm = min(row["factor"] for row in self.rows.values())
            level = PROVEN * firm / self.top if self.top else 0.0
            left = np.array([k for k in everything if k not in self.rows and self.solved_at[k] < level])
            chosen = left[self._solve(level, left)[0]] if len(left) else left
            if len(self.rows) > self.most:
                break

    def _solve(self, level: float, chosen: Ints) -> tuple[Bools, Floats]:
        """Solve outages at a share of the intact margin: which have no solution, and the lowest voltages."""
        p, q = self.growing.load_at(level * self.top)
        sets = Injections(load_p=p[None], load_q=q[None])
        solved, lowest = [np.empty(0, dtype=bool)], [np.empty(0)]
        for first in range(0, len(chosen), BLOCK):
            some = [self.outages[k] for k in chosen[first : first + BLOCK].tolist()]
            at = np.zeros(len(some), dtype=np.int64)
            result = solve_batch(self.growing.case, self.plan, some, sets, at, keep="all")
            assert result.vm is not None
            solved.append(result.solved)
            lowest.append(np.where(np.isnan(result.vm), np.inf, result.vm).min(axis=1))
        able = np.concatenate(solved)
        self.solved_at[chosen[able]] = np.maximum(self.solved_at[chosen[able]], level)
        return ~able, np.concatenate(lowest)

    def _trace(self, number: int) -> None:
        """Follow one outage to its nose."""
        growing = self.growing
        case = keep_largest_parts(growing.case.take_out(self.outages[number]), self.islands)
        start, curve = trace_growth(
            growing, case, self.options, self.plan.newton, make_start(self.base), beyond=0.01
        )
        node = case.bus_node[case.load_bus[growing.probe]]
        lost = ~np.where(node >= 0, start.islands.live[node], False)
        share = float(np.abs(growing.p[lost]).sum() / max(np.abs(growing.p).sum(), 1e-12))
        if curve is None:
            self.rows[number] = self._describe(start, 0.0, share) | {"limit": "no start", "factor": 0.0}
        elif lost.all():
            self.rows[number] = self._describe(start, np.nan, 1.0) | {"factor": np.inf}
        else:
            self.rows[number] = self._describe(start, find_margin(growing, curve), share) | {
                "limit": curve.nose_kind,
                "weakest_bus": name_node(case, curve.weakest),
                "factor": float(curve.parameter.max()),
            }

    def _describe(self, start: Solution, margin: float, lost: float) -> dict[str, Any]:
        return {
            "status": str(start.status),
            "margin_mw": margin,
            "limit": "",
            "weakest_bus": "",
            "lost_growth_percent": 100.0 * lost,
            "factor": self.top,
        }


def _collect(search: _Search, net: Network, snapshot: str, cset: pd.DataFrame) -> VoltageMargin:
    names = [str(name) for name in cset.index]
    table = pd.DataFrame(
        list(search.rows.values()),
        index=pd.Index([names[k] if k >= 0 else "" for k in search.rows], name="contingency", dtype=object),
    )
    intact, outages = table.iloc[:1], table.iloc[1:].sort_values("margin_mw", kind="stable")
    table = pd.concat([intact, outages])
    firm = table["margin_mw"].min()
    total = search.growing.consumption[0] * search.growing.case.base_mva
    others = np.array([k not in search.rows for k in range(len(names))], dtype=bool) & ~search.joined
    solved_at = search.solved_at[others] * search.top * total
    short = others.copy()
    short[others] = solved_at < PROVEN * firm * (1 - 1e-9)
    status = np.where(search.joined, "not assessed", np.where(others, "solved", "traced"))
    return VoltageMargin(
        network=net.name,
        snapshot=snapshot,
        growth=search.growing.label,
        margin_mw=float(intact["margin_mw"].iloc[0]),
        firm_mw=float(firm),
        binding_contingency=str(table["margin_mw"].idxmin()),
        table=table.drop(columns="factor"),
        status=pd.Series(
            [str(text) for text in status], index=pd.Index(names, name="contingency", dtype=object)
        ),
        solved_at_mw=float(solved_at.min(initial=np.inf)),
        unproven=tuple(names[k] for k in np.flatnonzero(short)),
        options=search.options,
    )
