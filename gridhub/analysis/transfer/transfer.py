"""Transfer capability between two areas: thermal by DC (N, N-1, N-2), generation, voltage by AC bisection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.areas import name_area
from gridhub.analysis.security.judging import Limits, build_limits
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.transfer.direction import Transfer, build_transfer
from gridhub.analysis.transfer.voltage import find_voltage_limit
from gridhub.analysis.voltage.growth import Area
from gridhub.case.case import Case, Floats, Outage
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.dc_transfer import (
    Binding,
    LinearFlows,
    limit_intact,
    limit_outages,
    limit_pairs,
    limit_split,
)
from gridhub.solvers.factors import TransferOperator, find_bridge_branches
from gridhub.solvers.islands import find_islands, keep_largest_parts
from gridhub.solvers.options import PowerFlowOptions, read_options

KINDS = ("thermal_n", "thermal_n1", "thermal_n2", "generation", "voltage")
"""Rows of `TransferCapability.table`, in order."""


@dataclass(frozen=True, eq=False)
class TransferCapability:
    """What can be transferred from one area to another, on top of the state it begins in.

    Attributes
    ----------
    network, snapshot, source, sink, criteria : str
    maximum_mw : float
        Nothing above was looked for [MW]; a figure equal to it means "or more".
    firm_mw : float
        Smallest of thermal N and N-1, generation and voltage [MW].
    table : DataFrame
        Index kind: thermal_n, thermal_n1 (not above thermal_n), thermal_n2 (not above thermal_n1; pairs at
        `n2_min_kv` and above), generation (what the units of the source have left), voltage (AC; new
        violations of the voltage limits, or no solution, intact or after one outage). Columns mw, element
        ("" = nothing met), contingency ("" = intact), factor_percent (share of the transfer that the
        element carries), existing (violations without transfer, set aside), note.
    not_assessed : tuple of str
        Outages left out, with the reason.
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    source: str
    sink: str
    criteria: str
    maximum_mw: float
    firm_mw: float
    table: pd.DataFrame
    not_assessed: tuple[str, ...]
    options: PowerFlowOptions


def find_transfer_capability(
    net: Network,
    source: Area,
    sink: Area,
    snapshot: str | None = None,
    criteria: str | Criteria | None = "network",
    *,
    power_factor: float | None = None,
    cutoff: float = 0.05,
    n2_min_kv: float | None = 345.0,
    voltage: bool = True,
    maximum_mw: float = 10_000.0,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> TransferCapability:
    """Find how much can be transferred from one area to another.

    Parameters
    ----------
    net : Network
    source : str or sequence of str
        Area whose units produce more, each in proportion to what it has left; in an area without units the
        power enters equally at its buses.
    sink : str or sequence of str
        Area whose loads grow in proportion; a load grows at its buses where it has none.
    snapshot : str, optional
        State the transfer is added to.
    criteria : str, Criteria or None
        Ratings and voltage limits, as for `run_security`.
    power_factor : float, optional
        Of the growing load (voltage only); None: that of the sink's loads, 0.95 where it has none.
    cutoff : float
        Branches of which the transfer moves less than this share of itself are not looked at: a convention of
        transfer studies, 0.05 assumed; 0 looks at every branch.
    n2_min_kv : float or None
        Both branches of an N-2 pair have this voltage at least at their higher end; None leaves N-2 out.
    voltage : bool
        False leaves the AC search out.
    maximum_mw : float
        Nothing above is looked for.
    options : mapping or PowerFlowOptions, optional

    Returns
    -------
    TransferCapability

    Raises
    ------
    KeyError
        If an area or the snapshot does not exist.
    OptionError
        If an option is out of range, the areas share a bus, or nothing can enter or leave at one of them.
    NotConverged
        With `voltage`, if the state before the transfer has no trustworthy solution.

    Notes
    -----
    DC flows are f + t m, m = PTDF d for the direction d of the transfer; after the outage of k the flow of
    l is (f_l + L_lk f_k) + t (m_l + L_lk m_k) with the outage factors L. Outages that split an island are
    solved again. Losses do not change with the transfer in DC; in AC every unit shares them.

    Examples
    --------
    >>> import gridhub as gh
    >>> net = gh.load_network("pandapower:case14")
    >>> found = find_transfer_capability(net, "1", "13", voltage=False, maximum_mw=50.0)
    >>> float(found.table.loc["thermal_n", "mw"])
    50.0
    """
    if not 0.0 <= cutoff < 1.0 or not maximum_mw > 0:
        raise OptionError(f"cutoff = {cutoff} (0 to 1), maximum_mw = {maximum_mw} (above 0)")
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    transfer = build_transfer(net, source, sink, snapshot, settled, power_factor)
    state = apply_snapshot(net, snapshot)
    case = transfer.growing.case
    limits = [build_limits(state, case, rules, when) for when in ("normal", "outage")]
    search = _Search(state, transfer, limits, settled, cutoff, maximum_mw / case.base_mva)
    rows = search.run(n2_min_kv)
    if voltage:
        rows.append(search.find_voltage())
    table = pd.DataFrame(rows).set_index("kind")
    firm = table["mw"].drop("thermal_n2", errors="ignore").min()
    return TransferCapability(
        network=net.name,
        snapshot=find_snapshot(net, snapshot) or "",
        source=name_area(source),
        sink=name_area(sink),
        criteria="" if rules is None else rules.name,
        maximum_mw=maximum_mw,
        firm_mw=float(firm),
        table=table,
        not_assessed=tuple(search.not_assessed),
        options=settled,
    )


class _Search:
    """Goes through the limits one after the other; each thermal one starts from the one before."""

    def __init__(
        self,
        net: Network,
        transfer: Transfer,
        limits: Sequence[Limits],
        options: PowerFlowOptions,
        cutoff: float,
        most: float,
    ) -> None:
        self.net, self.transfer, self.limits, self.options = net, transfer, limits, options
        self.cutoff, self.most = cutoff, most
        self.case = transfer.growing.case
        self.not_assessed: list[str] = []
        self.plan = plan_dc(self.case, options.dc_convention, options.distributed_slack)
        self.bridge = find_bridge_branches(self.case)
        branches = net.branches()
        self.kv = branches["vn_kv"].to_numpy(dtype=float)

    def run(self, n2_min_kv: float | None) -> list[dict[str, Any]]:
        """Find the DC limits."""
        case, most = self.case, self.most
        normal = self._build_flows(case, self.plan, self.limits[0].rate)
        outage = self._build_flows(case, self.plan, self.limits[1].rate)
        intact = limit_intact(normal, most)
        on = np.flatnonzero(case.branch_on)
        single = limit_outages(case, self.plan, outage, on[~self.bridge[on]], self.bridge, intact.transfer)
        split = limit_split(self._solve_splits(), single.transfer)
        first = replace(split if split.branch >= 0 else single, existing=single.existing + split.existing)
        if first.branch < 0:
            first = replace(intact, existing=first.existing)
        joins = int(case.branch_joins.sum())
        if joins:
            self.not_assessed.append(
                f"{joins} branches without impedance: their outage changes no DC flow here"
            )
        rows = [
            self._describe("thermal_n", intact, "DC, exact"),
            self._describe("thermal_n1", first, "DC, exact; every branch"),
        ]
        if n2_min_kv is not None:
            pairs = on[self.kv[on] >= n2_min_kv]
            binding, judged, left = limit_pairs(case, self.plan, outage, pairs, self.bridge, first.transfer)
            note = f"DC, exact; {judged} pairs at {n2_min_kv:g} kV and above"
            if left:
                self.not_assessed.append(f"{left} pairs that split an island")
            rows.append(self._describe("thermal_n2", binding if binding.branch >= 0 else first, note))
            rows[-1]["existing"] = binding.existing
        rows.append(self._describe_generation())
        return rows

    def _build_flows(self, case: Case, plan: DcPlan, rate: Floats) -> LinearFlows:
        state = solve_dc(case, self.options.dc_convention, self.options.distributed_slack, plan)
        direction = np.where(plan.islands.live, self.transfer.direction, 0.0)
        slope = TransferOperator(plan).apply(direction)
        return LinearFlows(np.nan_to_num(state.p_from), np.nan_to_num(slope), rate, self.cutoff)

    def _solve_splits(self) -> Iterator[tuple[int, LinearFlows]]:
        """Solve every outage that splits an island anew, unless it cuts off part of the transfer."""
        cut = 0
        before = find_islands(self.case)
        for branch in np.flatnonzero(self.bridge & self.case.branch_on).tolist():
            case = keep_largest_parts(self.case.take_out(Outage((branch,))), before)
            plan = plan_dc(case, self.options.dc_convention, self.options.distributed_slack)
            moved = np.bincount(plan.islands.island, self.transfer.direction, plan.islands.count)
            dead = ~plan.islands.live & (self.transfer.direction != 0)
            if dead.any() or (np.abs(moved) > 1e-9).any():
                cut += 1
                continue
            yield branch, self._build_flows(case, plan, self.limits[1].rate)
        if cut:
            self.not_assessed.append(f"{cut} outages that cut off part of the source or the sink")

    def _describe(self, kind: str, binding: Binding, note: str) -> dict[str, Any]:
        labels = self.case.labels.branch
        met = binding.branch >= 0
        return {
            "kind": kind,
            "mw": binding.transfer * self.case.base_mva,
            "element": labels[binding.branch] if met else "",
            "contingency": " + ".join(labels[i] for i in binding.outage),
            "factor_percent": 100.0 * binding.factor,
            "existing": binding.existing,
            "note": note if met else f"{note}; nothing met up to this",
        }

    def _describe_generation(self) -> dict[str, Any]:
        room = self.transfer.room * self.case.base_mva
        top = self.most * self.case.base_mva
        units = len(self.transfer.unit)
        note = (
            f"what {units} units in service have left"
            if units
            else "no unit in the source: power enters anyhow"
        )
        return {
            "kind": "generation",
            "mw": min(room, top),
            "element": "units of the source" if room <= top else "",
            "contingency": "",
            "factor_percent": np.nan,
            "existing": 0,
            "note": note,
        }

    def find_voltage(self) -> dict[str, Any]:
        """Find the voltage limit, up to what the source can produce."""
        most = min(self.most, self.transfer.room)
        on = np.flatnonzero(self.case.branch_on).tolist()
        found = find_voltage_limit(
            self.net.name,
            self.transfer,
            [Outage((branch,)) for branch in on],
            self.limits,
            self.options,
            most,
        )
        base = self.case.base_mva
        note = f"AC, within {found.width * base:.3g} MW; searched up to {most * base:,.1f} MW"
        return {
            "kind": "voltage",
            "mw": found.transfer * base,
            "element": found.bus,
            "contingency": self.case.labels.branch[on[found.outage]] if found.outage >= 0 else "",
            "factor_percent": np.nan,
            "existing": found.existing,
            "note": f"{note}; {found.kind or 'nothing met up to this'}",
        }
