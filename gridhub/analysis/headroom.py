"""The largest load a bus takes: thermal after one outage, towers, interfaces, voltage; each with what binds.

Thermal and interface figures are exact in the DC model and checked by AC; the voltage figure is AC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.contingencies import find_outages, list_contingencies
from gridhub.analysis.judging import VOLTAGE_TOLERANCE, Limits, build_limits, spread_voltage
from gridhub.analysis.pickup import Piece, trace_pickup
from gridhub.analysis.power_flow import LIMIT_TOLERANCE, compute_loading, solve_case
from gridhub.analysis.screening import find_islanding
from gridhub.analysis.security import resolve_criteria
from gridhub.case.case import Case, Floats, Outage
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.model.snapshot import apply_snapshot
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.factors import compute_pair_factors
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.solution import Solution

KINDS = ("thermal_n", "thermal_n1", "thermal_tower", "interface", "generation", "voltage")
"""Limits looked at, in the order of the table."""

FIRM_KINDS = ("thermal_n", "thermal_n1", "interface", "generation", "voltage")
"""Limits whose smallest is the firm headroom; towers stand beside it, as their own column."""

TABLE_COLUMNS = (
    "mw",
    "mw_beyond_existing",
    "near_mw",
    "ac_mw",
    "binding_element",
    "binding_contingency",
    "binding_snapshot",
    "near_element",
    "near_contingency",
    "near_snapshot",
    "near_confidence",
    "existing_violations",
    "method",
    "note",
)

PROBE = "headroom:probe"
"""Id of the load that grows."""

NEAR_EFFECT = 0.05
"""Change of flow per MW of load from which a branch counts as near: the load, and not only the shift of
generation that feeds it, decides its loading. A convention of transfer studies; assumed here."""

VOLTAGE_OUTAGES = 4
"""Outages at which the voltage is looked at: those of the branches that carry most of the growing load."""

CHECKED_OUTAGES = 5
"""Outages at which the DC figure is checked by AC: the most loaded ones."""

STEP_MW = 2.0
"""Width at which the AC bisection ends [MW]."""

BLOCK = 256
"""Outages looked at together; bounds the memory."""


@dataclass(frozen=True, eq=False)
class Headroom:
    """The largest load a bus takes beside what is there.

    Attributes
    ----------
    bus : str
        Bus of the growing load.
    power_factor : float
        Of the growing load, lagging.
    maximum_mw : float
        Nothing above this was looked for [MW]; a figure equal to it means "or more".
    firm_mw : float
        Smallest of thermal N, thermal N-1, interface, generation and voltage, violations that exist without
        the load set aside [MW]: every branch counts, also those the load hardly touches.
    near_mw : float
        The same over the branches that are near (column near_mw), the AC figure where there is one [MW]:
        what a planner quotes, and what reinforcements are compared by.
    near_tower_mw : float
        The same with towers [MW].
    binding_kind : str
        Limit that sets `near_mw`.
    table : DataFrame
        Index kind (`KINDS`); columns mw (DC; voltage: AC) [MW]: 0 where a limit is violated without any
        load; mw_beyond_existing: what is violated without the load set aside; near_mw: the same for branches
        of which the load moves at least 5 % of itself (`NEAR_EFFECT`), so that a far branch at its limit,
        touched by the shift of generation alone, does not decide; ac_mw: AC figure of near_mw for the
        outages that DC finds most loaded (NaN: not checked); binding_element, binding_contingency ("" = N),
        binding_snapshot, and the same for near_mw with near_confidence (of the branch; "not assessable" where
        public data do not carry a site at its end); existing_violations (branch-outage
        pairs, or buses); method; note.
    by_snapshot : DataFrame
        kind, snapshot, mw, mw_beyond_existing, binding_element, binding_contingency, existing_violations.
    """

    bus: str
    power_factor: float
    maximum_mw: float
    firm_mw: float
    near_mw: float
    near_tower_mw: float
    binding_kind: str
    table: pd.DataFrame
    by_snapshot: pd.DataFrame


@dataclass(slots=True)
class _Found:
    """Smallest load at which a limit is met so far [p.u.], and where."""

    beyond: float = math.inf
    element: str = ""
    contingency: str = ""
    existing: int = 0
    near: float = math.inf
    near_element: str = ""
    near_contingency: str = ""

    def meet(self, load: float, element: str, contingency: str) -> None:
        if load < self.beyond:
            self.beyond, self.element, self.contingency = load, element, contingency

    def meet_near(self, load: float, element: str, contingency: str) -> None:
        if load < self.near:
            self.near, self.near_element, self.near_contingency = load, element, contingency

    @property
    def mw_pair(self) -> tuple[float, float]:
        return (0.0 if self.existing else self.beyond), self.beyond


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Turns flows before an outage into flows after it, for a block of outages that split nothing.

    The flow of branch l after the outage of the set M is f_l + H_lM (I - H_MM)^-1 f_M.
    """

    names: tuple[str, ...]
    members: np.ndarray
    starts: np.ndarray
    factors: Floats

    def apply(self, flow: Floats) -> Floats:
        """Flows after each outage, (n_branch, k) [p.u.]; 0 for what is out."""
        moved = np.add.reduceat(self.factors * flow[self.members], self.starts, axis=1)
        after = flow[:, None] + moved
        owner = np.repeat(np.arange(len(self.names)), np.diff([*self.starts, len(self.members)]))
        after[self.members, owner] = 0.0
        return np.asarray(after)


def _build_spreads(
    case: Case, plan: DcPlan, names: Sequence[str], outages: Sequence[Outage]
) -> list[_Spread]:
    spreads = []
    for first in range(0, len(names), BLOCK):
        members: list[int] = []
        starts: list[int] = []
        columns: list[Floats] = []
        for outage in outages[first : first + BLOCK]:
            out = np.array(outage.branch)
            pair = compute_pair_factors(case, plan, out)
            columns.append(pair @ np.linalg.inv(np.eye(len(out)) - pair[out]))
            starts.append(len(members))
            members.extend(outage.branch)
        spreads.append(
            _Spread(
                tuple(names[first : first + BLOCK]),
                np.array(members),
                np.array(starts),
                np.concatenate(columns, axis=1),
            )
        )
    return spreads


def _find_first(flow: Floats, slope: Floats, limit: Floats, existing: np.ndarray) -> tuple[float, int]:
    """Find the smallest load above the piece's start at which |flow + slope x| reaches a limit.

    Parameters
    ----------
    flow, slope, limit : (...) float
        Any shape; a limit that is NaN is none.
    existing : (...) bool
        Set aside.

    Returns
    -------
    load : float
        Infinite if none is reached.
    position : int
        Flat position of what reaches it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(slope > 0, (limit - flow) / slope, (limit + flow) / -slope)
    room = np.where((np.abs(slope) > 1e-12) & ~existing & ~np.isnan(room), np.maximum(room, 0.0), np.inf)
    position = int(np.argmin(room)) if room.size else 0
    return (float(room.flat[position]) if room.size else math.inf), position


def _is_far(slope: Floats) -> np.ndarray:
    """Tell what the growing load hardly touches."""
    return np.asarray(np.abs(slope) < NEAR_EFFECT)


def _is_over(flow: Floats, limit: Floats) -> np.ndarray:
    """Tell what is beyond its limit already, by the rule of every other study."""
    with np.errstate(invalid="ignore"):
        return np.asarray(100.0 * np.abs(flow) / limit > 100.0 + LIMIT_TOLERANCE)


class _DcSearch:
    """DC search in one snapshot: follows the growing load piece by piece and notes what is met first."""

    def __init__(
        self,
        net: Network,
        case: Case,
        bus: str,
        criteria: Criteria | None,
        options: PowerFlowOptions,
        contingencies: pd.DataFrame,
        maximum: float,
    ) -> None:
        self.case, self.options, self.maximum = case, options, maximum
        self.node = int(case.bus_node[case.labels.bus.index(bus)])
        self.plan = plan_dc(case, options.dc_convention, options.distributed_slack)
        if self.node < 0 or not self.plan.islands.live[self.node]:
            raise OptionError(f"bus {bus} is out of service or in an island without a reference: no headroom")
        self.limits = build_limits(net, case, criteria, "normal")
        self.limits_after = build_limits(net, case, criteria, "outage")
        outages = [
            replace(one, generator=(), load=(), storage=(), hvdc=(), shunt=())
            for one in find_outages(net, case, contingencies)
        ]
        self.names = [str(name) for name in contingencies.index]
        self.outages = outages
        self.tower = (contingencies["kind"] == "tower").to_numpy(dtype=bool)
        live = np.array([any(case.branch_on[i] for i in one.branch) for one in outages], dtype=bool)
        joins = np.array([any(case.branch_joins[i] for i in one.branch) for one in outages], dtype=bool)
        self.islanding = find_islanding(case, outages) if outages else np.zeros(0, dtype=bool)
        self.plain = live & ~joins & ~self.islanding
        self.members = _read_interfaces(net, case)

    def run(self) -> dict[str, _Found]:
        """Search all DC limits."""
        found = {kind: _Found() for kind in KINDS}
        groups = {"thermal_n1": ~self.tower, "thermal_tower": self.tower}
        spreads = {
            kind: _build_spreads(
                self.case,
                self.plan,
                [self.names[i] for i in np.flatnonzero(self.plain & mask)],
                [self.outages[i] for i in np.flatnonzero(self.plain & mask)],
            )
            for kind, mask in groups.items()
        }
        self._follow(found, spreads)
        for i in np.flatnonzero(self.islanding):
            self._follow_split(found["thermal_tower" if self.tower[i] else "thermal_n1"], int(i))
        return found

    def _follow(self, found: dict[str, _Found], spreads: dict[str, list[_Spread]]) -> None:
        """Follow the intact network, its outages that split nothing, and the interfaces."""
        existing: dict[object, np.ndarray] = {}
        end = 0.0
        for piece in trace_pickup(self.case, self.node, self.options, self.plan):
            self._look_at_branches(found["thermal_n"], piece, existing)
            for kind, blocks in spreads.items():
                for number, block in enumerate(blocks):
                    self._look_at_outages(found[kind], piece, block, (kind, number), existing)
            self._look_at_interfaces(found["interface"], piece, existing)
            end = piece.end
            met = max(found[kind].near for kind in ("thermal_n", "thermal_n1", "thermal_tower"))
            met = max(met, found["interface"].beyond)
            if end >= min(self.maximum, met):
                return
        found["generation"].meet(end, "units of the island", "")

    def _look_at_branches(self, found: _Found, piece: Piece, existing: dict[object, np.ndarray]) -> None:
        limit = self.limits.rate
        over = existing.setdefault("n", _is_over(piece.flow, limit))
        load, position = _find_first(piece.flow, piece.slope, limit, over)
        found.existing = int(over.sum())
        if load <= piece.end - piece.start:
            found.meet(piece.start + load, self.case.labels.branch[position], "")
        load, position = _find_first(piece.flow, piece.slope, limit, over | _is_far(piece.slope))
        if load <= piece.end - piece.start:
            found.meet_near(piece.start + load, self.case.labels.branch[position], "")

    def _look_at_outages(
        self,
        found: _Found,
        piece: Piece,
        block: _Spread,
        key: tuple[str, int],
        existing: dict[object, np.ndarray],
    ) -> None:
        limit = np.broadcast_to(self.limits_after.rate[:, None], (self.case.n_branch, len(block.names)))
        flow, slope = block.apply(piece.flow), block.apply(piece.slope)
        if key not in existing:
            existing[key] = _is_over(flow, limit)
            found.existing += int(existing[key].sum())
        load, position = _find_first(flow, slope, limit, existing[key])
        if load <= piece.end - piece.start:
            branch, outage = np.unravel_index(position, flow.shape)
            found.meet(piece.start + load, self.case.labels.branch[branch], block.names[outage])
        load, position = _find_first(flow, slope, limit, existing[key] | _is_far(slope))
        if load <= piece.end - piece.start:
            branch, outage = np.unravel_index(position, flow.shape)
            found.meet_near(piece.start + load, self.case.labels.branch[branch], block.names[outage])

    def _look_at_interfaces(self, found: _Found, piece: Piece, existing: dict[object, np.ndarray]) -> None:
        weight, fixed, limit, reverse = self.members[1:]
        flow, slope = weight @ piece.flow + fixed, weight @ piece.slope
        both = np.concatenate([limit, reverse])
        signed = np.concatenate([flow, -flow]), np.concatenate([slope, -slope])
        over = existing.setdefault("interface", signed[0] > both + LIMIT_TOLERANCE)
        found.existing = int(over.sum())
        rising = np.where(signed[1] > 0, both, np.nan)
        load, position = _find_first(*signed, rising, over)
        if load <= piece.end - piece.start:
            found.meet(piece.start + load, self.members[0][position % max(len(flow), 1)], "")

    def _follow_split(self, found: _Found, number: int) -> None:
        """Follow an outage that splits an island; a load that is lost with it is not limited by it."""
        case = self.case.take_out(self.outages[number])
        plan = plan_dc(case, self.options.dc_convention, self.options.distributed_slack)
        if not plan.islands.live[self.node]:
            return
        limit, over = self.limits_after.rate, None
        for piece in trace_pickup(case, self.node, self.options, plan):
            if over is None:
                over = _is_over(piece.flow, limit)
                found.existing += int(over.sum())
            load, position = _find_first(piece.flow, piece.slope, limit, over)
            if load <= piece.end - piece.start:
                found.meet(piece.start + load, case.labels.branch[position], self.names[number])
            load, position = _find_first(piece.flow, piece.slope, limit, over | _is_far(piece.slope))
            if load <= piece.end - piece.start:
                found.meet_near(piece.start + load, case.labels.branch[position], self.names[number])
            if piece.end >= min(found.near, self.maximum):
                return

    def rank_outages(self, load: float, count: int) -> list[int]:
        """Find the outages with the highest loading at a load [p.u.], and those that carry most of it."""
        for piece in trace_pickup(self.case, self.node, self.options, self.plan):
            if load <= piece.end:
                break
        flow = piece.flow + piece.slope * (load - piece.start)
        chosen = np.flatnonzero(self.plain & ~self.tower)
        if not len(chosen):
            return []
        worst = []
        for block in _build_spreads(
            self.case, self.plan, [self.names[i] for i in chosen], [self.outages[i] for i in chosen]
        ):
            after = np.abs(block.apply(flow)) / self.limits_after.rate[:, None]
            worst.append(np.nanmax(np.where(np.isnan(after), 0.0, after), axis=0))
        by_loading = chosen[np.argsort(-np.concatenate(worst), kind="stable")]
        return [int(i) for i in by_loading[:count]]

    def find_effect(self, outage: int) -> Floats:
        """Find the change of every flow per unit of load, after an outage that splits nothing (-1: none)."""
        slope = next(trace_pickup(self.case, self.node, self.options, self.plan)).slope
        if outage < 0:
            return slope
        one = _build_spreads(self.case, self.plan, [self.names[outage]], [self.outages[outage]])[0]
        return np.asarray(one.apply(slope)[:, 0])

    def rank_carriers(self, count: int) -> list[int]:
        """Find the outages of the branches that carry most of the growing load."""
        piece = next(trace_pickup(self.case, self.node, self.options, self.plan))
        chosen = np.flatnonzero(self.plain & ~self.tower)
        carried = [max(abs(piece.slope[list(self.outages[i].branch)])) for i in chosen]
        return [int(i) for i in chosen[np.argsort(-np.array(carried), kind="stable")][:count]]


def _read_interfaces(net: Network, case: Case) -> tuple[list[str], Floats, Floats, Floats, Floats]:
    """Read the interfaces as rows over branches: names, weights, fixed HVDC part, limits [p.u.]."""
    table = net.interface
    names = [str(name) for name in dict.fromkeys(table["name"])]
    branch = {name: i for i, name in enumerate(case.labels.branch)}
    link = {name: i for i, name in enumerate(case.labels.hvdc)}
    weight, fixed = np.zeros((len(names), case.n_branch)), np.zeros(len(names))
    arriving = case.hvdc_p_to()
    limits = np.full((2, len(names)), np.nan)
    for row, name in enumerate(names):
        group = table[table["name"] == name]
        for member, direction in zip(group["member"], group["direction"], strict=True):
            if member in branch:
                weight[row, branch[member]] += direction
            elif member in link and case.hvdc_on[link[member]]:
                i = link[member]
                fixed[row] += case.hvdc_p[i] if direction > 0 else -arriving[i]
        limits[:, row] = group[["limit_mw", "limit_reverse_mw"]].min().to_numpy(dtype=float) / case.base_mva
    return names, weight, fixed, limits[0], limits[1]


class _AcSearch:
    """AC search in one snapshot: solves with the growing load and judges."""

    def __init__(self, search: _DcSearch, probe: int, q_per_p: float) -> None:
        self.search, self.probe, self.q_per_p = search, probe, q_per_p
        self.existing: dict[tuple[int, str], np.ndarray] = {}
        self.far: dict[int, np.ndarray] = {}

    def solve(self, load: float, outage: int) -> Solution:
        """Solve with `load` [p.u.]; outage -1 is the intact network."""
        case = self.search.case if outage < 0 else self.search.case.take_out(self.search.outages[outage])
        p, q = case.load_p.copy(), case.load_q.copy()
        p[self.probe], q[self.probe] = load, load * self.q_per_p
        return solve_case(replace(case, load_p=p, load_q=q), "ac", self.search.options)

    def find_breach(self, load: float, outage: int, kind: str) -> str:
        """Name what is violated at a load and was not without it; "" if nothing is."""
        limits = self.search.limits if outage < 0 else self.search.limits_after
        key = (outage, kind)
        if key not in self.existing:
            solution = self.solve(0.0, outage)
            self.existing[key] = _judge(solution, limits, kind)
        solution = self.solve(load, outage)
        if not solution.status.is_solved:
            return "" if kind == "thermal" else f"no AC solution ({solution.status})"
        over = _judge(solution, limits, kind) & ~self.existing[key]
        if kind == "thermal":
            if outage not in self.far:
                self.far[outage] = _is_far(self.search.find_effect(outage))
            over &= ~self.far[outage]
        if not over.any():
            return ""
        labels = solution.case.labels
        return str((labels.branch if kind == "thermal" else labels.bus)[int(np.argmax(over))])

    def count_existing(self, kind: str) -> int:
        return int(sum(mask.sum() for (_, of), mask in self.existing.items() if of == kind))

    def bisect(self, outages: Sequence[int], kind: str, upper: float) -> tuple[float, str, int]:
        """Find the largest load without a new violation [p.u.]; what is met, and under which outage."""
        best, element, by = upper, "", -1
        for outage in outages:
            met = self.find_breach(best, outage, kind)
            if not met:
                continue
            low, high = 0.0, best
            step = STEP_MW / self.search.case.base_mva
            while high - low > step:
                middle = 0.5 * (low + high)
                breach = self.find_breach(middle, outage, kind)
                low, high, met = (low, middle, breach) if breach else (middle, high, met)
            best, element, by = low, met, outage
        return best, element, by


def _judge(solution: Solution, limits: Limits, kind: str) -> np.ndarray:
    """Mark what is violated: branches for thermal, buses for voltage; all of it without a solution."""
    if not solution.status.is_solved:
        size = solution.case.n_branch if kind == "thermal" else len(solution.case.labels.bus)
        return np.ones(size, dtype=bool) if kind != "thermal" else np.zeros(size, dtype=bool)
    with np.errstate(invalid="ignore"):
        if kind == "thermal":
            loading = compute_loading(solution.case, solution, limits.rate)
            return np.asarray(loading > 100.0 + LIMIT_TOLERANCE)
        vm = spread_voltage(solution)
        return np.asarray(
            (vm < limits.vm_low - VOLTAGE_TOLERANCE) | (vm > limits.vm_high + VOLTAGE_TOLERANCE)
        )


def _add_probe(net: Network, bus: str) -> Network:
    """Add the load that grows."""
    row = complete_table("load", pd.DataFrame({"bus": [bus], "p_mw": [0.0]}, index=[PROBE]))
    old = net.load
    return net.replace(load=pd.concat([old, row.reindex(columns=old.columns)]) if len(old) else row)


def find_confidence(net: Network, element: str) -> str:
    """Find how sure a branch is: its own confidence, "not assessable" where a site at its end is not."""
    branches = net.branches()
    if element not in branches.index:
        return ""
    ends = [str(branches[end][element]) for end in ("from_bus", "to_bus")]
    site = net.site
    unsure = site.index[~site["assessable"].astype(bool)]
    if net.bus["site"].reindex(ends).isin(unsure).any():
        return "not assessable"
    table = net.tables[str(branches["kind"][element])]
    return str(table["confidence"][element])


def _summarize(net: Network, rows: pd.DataFrame, maximum_mw: float) -> pd.DataFrame:
    """Take the snapshot with the smallest figure for each kind."""
    table = []
    for kind in KINDS:
        group = rows[rows["kind"] == kind]
        worst = group.loc[group["mw_beyond_existing"].idxmin()]
        near = group.loc[group["near_mw"].idxmin()]
        open_end = worst["mw_beyond_existing"] >= maximum_mw
        existing = int(group["existing_violations"].sum())
        note = f"nothing met up to {maximum_mw:g} MW" if open_end else ""
        if existing:
            note = f"{existing} violations without the load are set aside" + (f"; {note}" if note else "")
        table.append(
            {
                "mw": group["mw"].min(),
                "mw_beyond_existing": worst["mw_beyond_existing"],
                "near_mw": near["near_mw"],
                "ac_mw": group["ac_mw"].min(),
                "binding_element": worst["binding_element"],
                "binding_contingency": worst["binding_contingency"],
                "binding_snapshot": "" if open_end else worst["snapshot"],
                "near_element": near["near_element"],
                "near_contingency": near["near_contingency"],
                "near_snapshot": "" if near["near_mw"] >= maximum_mw else near["snapshot"],
                "near_confidence": find_confidence(net, str(near["near_element"])),
                "existing_violations": existing,
                "method": "AC"
                if kind == "voltage"
                else "DC, checked by AC"
                if kind == "thermal_n1"
                else "DC",
                "note": note,
            }
        )
    return pd.DataFrame(table, index=pd.Index(KINDS, name="kind"), columns=list(TABLE_COLUMNS))


def find_headroom(
    net: Network,
    bus: str,
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
    power_factor: float = 0.95,
    maximum_mw: float = 5000.0,
    tower_min_kv: float = 345.0,
    check: bool = True,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> Headroom:
    """Find the largest load a bus takes beside what is there.

    Parameters
    ----------
    net : Network
        The network.
    bus : str
        Bus of the growing load.
    criteria : str, Criteria or None
        "network": the network's own, if it has any; a region's name; None: each branch against its rating
        (after an outage its rate_b_mva), no voltage limits.
    snapshots : sequence of str, optional
        States looked at; None: all stored ones, or the tables themselves.
    power_factor : float
        Of the growing load, lagging.
    maximum_mw : float
        Nothing above is looked for [MW].
    tower_min_kv : float
        Lowest voltage of towers looked at [kV].
    check : bool
        False leaves out everything AC: the columns ac_mw and the voltage row are empty.
    options : mapping or PowerFlowOptions, optional
        Of the power flow.

    Returns
    -------
    Headroom

    Raises
    ------
    KeyError
        If the bus or a snapshot does not exist.
    OptionError
        If the bus is dead or the power factor is out of range.

    Notes
    -----
    What the load draws is generated by the units of its island by participation within their limits, as in
    every power flow. In the DC model every flow is then piecewise linear in the load, before and after any
    outage: the figure is exact, from transfer and outage factors. Outages that split an island are solved
    again one by one. The AC figure is a bisection over the outages that DC finds most loaded, the voltage
    figure one over the intact network and the outages of the branches that carry most of the load. Losses of
    generators and links are not in the thermal figures.
    """
    if bus not in net.bus.index:
        raise KeyError(f"no bus {bus!r} in {net.name!r}; buses are {name_ids(net.bus.index)}")
    if not 0.1 <= power_factor <= 1.0:
        raise OptionError(f"power_factor = {power_factor}: a number from 0.1 to 1")
    settled = read_options(options, reactive_limits=net.reactive_limits)
    judged = resolve_criteria(net, criteria)
    probed = _add_probe(net, bus)
    base = net.base_mva
    rows = []
    states: list[str | None] = list(snapshots if snapshots is not None else net.snapshots) or [None]
    for snapshot in states:
        state = apply_snapshot(probed, snapshot)
        case, _ = choose_references(compile_case(probed, snapshot))
        cset = list_contingencies(state, ("line", "transformer", "series"))
        towers = list_contingencies(state, ("tower",), tower_min_kv)
        cset = pd.concat([part for part in (cset, towers) if len(part)] or [cset])
        search = _DcSearch(state, case, bus, judged, settled, cset, maximum_mw / base)
        rows += _search_snapshot(search, snapshot or "", power_factor, maximum_mw, check)
    by_snapshot = pd.DataFrame(rows)
    table = _summarize(net, by_snapshot, maximum_mw)
    firm = table["mw_beyond_existing"][list(FIRM_KINDS)]
    figure = table[["near_mw", "ac_mw"]].min(axis=1)
    near = figure[list(FIRM_KINDS)]
    return Headroom(
        bus=bus,
        power_factor=power_factor,
        maximum_mw=maximum_mw,
        firm_mw=float(firm.min()),
        near_mw=float(near.min()),
        near_tower_mw=float(min(near.min(), figure["thermal_tower"])),
        binding_kind=str(near.idxmin()) if near.min() < maximum_mw else "",
        table=table,
        by_snapshot=by_snapshot,
    )


def _search_snapshot(
    search: _DcSearch, snapshot: str, power_factor: float, maximum_mw: float, check: bool
) -> list[dict[str, Any]]:
    """Search one snapshot: DC first, then AC for what DC finds most loaded, and for the voltage."""
    base = search.case.base_mva
    found = search.run()
    ac_mw = math.nan
    voltage: tuple[float, str, int] = (math.nan, "", -1)
    if check:
        probe = search.case.labels.load.index(PROBE)
        ac = _AcSearch(search, probe, math.tan(math.acos(power_factor)))
        thermal = min(found["thermal_n"].near, found["thermal_n1"].near)
        upper = min(maximum_mw / base, thermal, found["generation"].beyond)
        outages = [-1, *search.rank_outages(upper, CHECKED_OUTAGES)]
        ac_mw = ac.bisect(outages, "thermal", upper)[0] * base
        voltage = ac.bisect([-1, *search.rank_carriers(VOLTAGE_OUTAGES)], "voltage", maximum_mw / base)
        found["voltage"].existing = ac.count_existing("voltage")
        if voltage[0] < maximum_mw / base:
            name = search.names[voltage[2]] if voltage[2] >= 0 else ""
            found["voltage"].meet(voltage[0], voltage[1], name)
    rows = []
    for kind in KINDS:
        one = found[kind]
        strict, beyond = (min(value * base, maximum_mw) for value in one.mw_pair)
        empty = kind == "voltage" and not check
        is_thermal = kind.startswith("thermal")
        near = min(one.near * base, maximum_mw) if is_thermal else maximum_mw if empty else beyond
        rows.append(
            {
                "kind": kind,
                "snapshot": snapshot,
                "mw": math.nan if empty else strict,
                "mw_beyond_existing": maximum_mw if empty else beyond,
                "near_mw": near,
                "ac_mw": ac_mw if kind == "thermal_n1" else math.nan,
                "binding_element": one.element,
                "binding_contingency": one.contingency,
                "near_element": one.near_element if is_thermal else one.element,
                "near_contingency": one.near_contingency if is_thermal else one.contingency,
                "existing_violations": one.existing,
            }
        )
    return rows
