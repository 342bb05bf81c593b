"""The grid with the hub as asked at each site, and after the hub is lost: evidence, and one criterion.

What the grid impact assessment asks for is compared as in the study of one hub
(`gridhub.analysis.hub.impact`). It is no official score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE
from gridhub.analysis.hosting.ac import PROBE_PREFIX, add_probes
from gridhub.analysis.hosting.states import State, read_state
from gridhub.analysis.hub.impact import (
    BANK_COLUMNS,
    RAISED_COLUMNS,
    RISE_POINTS,
    build_banks,
    find_shares,
    join_parts,
    list_raised,
    search_worst_outages,
)
from gridhub.analysis.hub.losses import judge_loss, judge_voltage
from gridhub.analysis.security.judging import VOLTAGE_TOLERANCE, Limits, build_limits
from gridhub.case.case import Case, Floats
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import Injections

ImpactMethod = Literal["ac", "dc", "off"]

Draw = tuple[tuple[str, float], ...]
"""Point of connection and MW of each part of a hub that is drawn."""

LOSS_CLASS = "data_center"
"""Class of contingency whose limits hold after the loss of a hub."""

HUB_LOSS_METHOD = (
    "rise of the voltage at the point of connection, in percent of nominal, when the hub as asked is lost "
    "there, by AC, worst of the snapshots and of its points: units fall back by participation within their "
    "limits, all else stays as it was. A site without an AC solution with the hub has none"
)

LOSS_GAPS = "over-frequency, voltage control and compensation after the loss of the hub"
"""What the loss of a hub is not looked at for."""

IMPACT_COLUMNS = (
    "site", "snapshot", "stage", "banks", "bank", "n_before_percent", "n_after_percent", "n1_before_percent",
    "n1_after_percent", "raised", "raised_mw", "overloads_before", "overloads_after", "bus", "vm_before_pu",
    "vm_after_pu", "voltage_state", "outside_before", "outside_after",
)  # fmt: skip

LOSS_COLUMNS = (
    "site", "snapshot", "bus", "stage", "lost_mw", "limit_mw", "state", "vm_before_pu", "vm_after_pu",
    "rise_percent", "high_buses", "worst_element", "worst_loading_percent", "overloads", "caused", "reversed",
)  # fmt: skip


def _empty(columns: Sequence[str]) -> Any:
    return field(default_factory=lambda: pd.DataFrame(columns=list(columns)))


@dataclass(frozen=True, eq=False)
class SiteImpact:
    """What the hub as asked does to the grid at each site; snapshot by snapshot, all evidence.

    Every table begins with site and snapshot and has a column stage: "ac", "dc" (no AC solution, or not asked
    for: voltages are NaN), or "" where the units cannot follow the hub and nothing is known.

    Attributes
    ----------
    impact : DataFrame
        One row per site and snapshot: banks (that supply it), of the one most loaded after an outage bank,
        n_before_percent, n_after_percent, n1_before_percent, n1_after_percent; raised (branches whose loading
        rises by more than 5 points) and raised_mw (what they carry more); overloads_before, overloads_after
        (branches above their limit with everything in service); bus (of the points of connection that with
        the lowest voltage), vm_before_pu, vm_after_pu, voltage_state ("ok" | "low" | "high" | "not judged");
        outside_before, outside_after (buses outside their range).
    supplying_banks, raised_branches : DataFrame
        Columns of `gridhub.analysis.hub.hub.HubStudy` of the same name.
    hub_losses : DataFrame
        One row per site, snapshot and point of connection: bus, lost_mw, limit_mw (largest load that may be
        lost at once) and state, as of `gridhub.analysis.hub.tables.build_hub_losses`; vm_before_pu (with the
        hub), vm_after_pu, rise_percent (of nominal), high_buses (that the loss takes above their range after
        an outage); worst_element, worst_loading_percent and overloads by the limits after an outage; caused
        (those of them that are within it with the hub); reversed (branches whose flow turns round, and moves
        by more than 5 points of loading).
    reasons : tuple of str
        Snapshots that have no AC solution without the hub.
    """

    impact: pd.DataFrame = _empty(IMPACT_COLUMNS)
    supplying_banks: pd.DataFrame = _empty(("site", "stage", *BANK_COLUMNS))
    raised_branches: pd.DataFrame = _empty(("site", "stage", *RAISED_COLUMNS))
    hub_losses: pd.DataFrame = _empty(LOSS_COLUMNS)
    reasons: tuple[str, ...] = ()

    def find_rise(self) -> pd.Series[float]:
        """Find the largest voltage rise by the loss of the hub at each site [%]; NaN if not all are known."""
        by_site = self.hub_losses.groupby("site", sort=False)["rise_percent"]
        return by_site.agg(lambda rises: float(rises.max(skipna=False)))

    def sum_losses(self) -> pd.DataFrame:
        """Sum the losses of each site up: worst of its snapshots and points, index site."""
        table = self.hub_losses
        by_site = table.groupby("site", sort=False)
        unsolved = table[table["stage"] != "ac"].groupby("site", sort=False)["snapshot"].unique()
        return pd.DataFrame(
            {
                "hub_loss_mw": by_site["lost_mw"].max(),
                "hub_loss_state": by_site["state"].first(),
                "hub_loss_worst_percent": by_site["worst_loading_percent"].max(),
                "hub_loss_caused": by_site["caused"].max(),
                "unsolved": unsolved.map(lambda names: ", ".join(dict.fromkeys(map(str, names)))),
            }
        )


class _Flows(NamedTuple):
    """State of the grid: flows at the from end [MW, Mvar], larger end [MVA], voltages by node [p.u.]."""

    p: Floats
    q: Floats
    top: Floats
    vm: Floats


class _Pair(NamedTuple):
    """One hub in one state: without it, with it, and after the loss of each of its points."""

    stage: str
    without: _Flows
    with_hub: _Flows
    after: list[_Flows]


def find_impact(
    net: Network,
    points: Mapping[str, Mapping[str, float]],
    criteria: Criteria | None,
    power_factor: float,
    method: ImpactMethod,
    options: PowerFlowOptions,
) -> SiteImpact:
    """Put the hub at every site, one at a time, and take it away again.

    Parameters
    ----------
    net : Network
    points : mapping
        Site -> point of connection -> MW.
    criteria : Criteria or None
        None: each branch against its rating, no voltage range.
    power_factor : float
        Lagging.
    method : {"ac", "dc", "off"}
        "ac": by AC, and by DC where a state has no AC solution with the hub. "off": nothing is looked at.
    options : PowerFlowOptions

    Returns
    -------
    SiteImpact

    Notes
    -----
    The hub is a load at its point of connection, its spur left out. Units share what is asked of them by
    participation from their schedule, with the hub and after its loss, as in every outage of this package: a
    hub with one point of connection leaves the grid as it was without it. N-1 of the banks is that of
    `gridhub.analysis.hub.impact.search_worst_outages`.
    """
    sites: dict[Draw, list[str]] = {}
    for site, mine in points.items():
        sites.setdefault(tuple((str(bus), float(mw)) for bus, mw in mine.items()), []).append(str(site))
    if method == "off" or not sites:
        return SiteImpact()
    probed = add_probes(net, list(dict.fromkeys(bus for draw in sites for bus, _ in draw)))
    rows: list[list[pd.DataFrame]] = [[], [], [], []]
    reasons = []
    for snapshot in net.snapshots or (None,):
        look = _Look(read_state(probed, snapshot), list(sites), criteria, power_factor, method, options)
        if look.reason:
            reasons.append(look.reason)
        for draw, tables in zip(sites, look.build_tables(), strict=True):
            for part, table in zip(rows, tables, strict=True):
                for site in sites[draw] if len(table) else ():
                    part.append(table.assign(site=site))
    columns = (
        IMPACT_COLUMNS,
        ("site", "stage", *BANK_COLUMNS),
        ("site", "stage", *RAISED_COLUMNS),
        LOSS_COLUMNS,
    )
    order = {str(site): k for k, site in enumerate(points)}
    impact, banks, raised, losses = (
        join_parts(part, names)[list(names)].sort_values(
            "site", key=lambda ids: ids.map(order), kind="stable", ignore_index=True
        )
        for part, names in zip(rows, columns, strict=True)
    )
    return SiteImpact(impact, banks, raised, losses, tuple(reasons))


class _Look:
    """One state of the grid with the hub at each site."""

    def __init__(
        self,
        state: State,
        draws: Sequence[Draw],
        criteria: Criteria | None,
        power_factor: float,
        method: ImpactMethod,
        options: PowerFlowOptions,
    ) -> None:
        self.state, self.case, self.draws, self.criteria = state, state.case, draws, criteria
        self.options, self.reactive = options, math.tan(math.acos(power_factor))
        self.plan: DcPlan = plan_dc(self.case, options.dc_convention, options.distributed_slack)
        self.normal = build_limits(state.net, self.case, criteria, "normal")
        self.outage = build_limits(state.net, self.case, criteria, "outage", (LOSS_CLASS,))
        self.probe = {name: i for i, name in enumerate(self.case.labels.load)}
        self.branches = state.net.branches()
        self.index = pd.Index(self.case.labels.branch, dtype=object)
        self.node = dict(zip(self.case.labels.bus, self.case.bus_node.tolist(), strict=True))
        wanted = [(), *draws, *(left for draw in draws for left in _lose_each(draw))]
        self.scenarios: dict[Draw, int] = {draw: k for k, draw in enumerate(dict.fromkeys(wanted))}
        self.reason = ""
        self.by_ac: list[_Flows | None] = [None] * len(self.scenarios)
        self.by_dc: dict[Draw, _Flows | None] = {}
        if method == "ac":
            self._solve_ac()

    def _load(self, draw: Draw) -> tuple[Floats, Floats]:
        """Give the loads with a draw [p.u.]."""
        p, q = self.case.load_p.copy(), self.case.load_q.copy()
        for bus, mw in draw:
            at = self.probe[f"{PROBE_PREFIX}{bus}"]
            p[at], q[at] = mw / self.case.base_mva, mw / self.case.base_mva * self.reactive
        return p, q

    def _solve_ac(self) -> None:
        """Solve every scenario in one batch."""
        case = self.case
        loads = [self._load(draw) for draw in self.scenarios]
        sets = Injections(load_p=np.stack([p for p, _ in loads]), load_q=np.stack([q for _, q in loads]))
        found = solve_batch(case, plan_batch(case, self.options), None, sets, keep="all")
        assert found.s_from is not None and found.s_to is not None and found.vm is not None
        if not found.solved[0]:
            self.reason = f"{self.state.label or 'stored state'}: {found.reason.get(0, 'no AC solution')}"
            return
        for k in np.flatnonzero(found.solved).tolist():
            here, there = found.s_from[k] * case.base_mva, found.s_to[k] * case.base_mva
            top = np.maximum(np.abs(here), np.abs(there))
            self.by_ac[k] = _Flows(here.real, here.imag, self._hide_joins(top), found.vm[k])

    def _hide_joins(self, top: Floats) -> Floats:
        """Leave out branches without impedance, whose flow no equation has."""
        return np.where(self.case.branch_joins, np.nan, top)

    def _solve_dc(self, draw: Draw) -> _Flows | None:
        """Solve a scenario by DC; None where the units cannot follow."""
        if draw not in self.by_dc:
            case: Case = replace(self.case, load_p=self._load(draw)[0])
            options = self.options
            dc = solve_dc(case, options.dc_convention, options.distributed_slack, self.plan)
            p = dc.p_from * case.base_mva
            able = float(dc.missing.max(initial=0.0)) <= options.tolerance
            flows = _Flows(p, np.zeros(len(p)), self._hide_joins(np.abs(p)), np.full(case.n_node, np.nan))
            self.by_dc[draw] = flows if able else None
        return self.by_dc[draw]

    def _find_pair(self, draw: Draw) -> _Pair | None:
        """Give the states of one hub, all by AC or all by DC."""
        every: list[Draw] = [(), draw, *_lose_each(draw)]
        for stage in ("ac", "dc"):
            found = [
                self.by_ac[self.scenarios[one]] if stage == "ac" else self._solve_dc(one) for one in every
            ]
            flows = [one for one in found if one is not None]
            if len(flows) == len(every):
                return _Pair(stage, flows[0], flows[1], flows[2:])
        return None

    def build_tables(self) -> list[tuple[pd.DataFrame, ...]]:
        """Build impact, banks, raised branches and losses of every hub."""
        pairs = [self._find_pair(draw) for draw in self.draws]
        transformer = self.state.net.transformer
        tables = [
            None if one is None else (self._frame(one.without), self._frame(one.with_hub)) for one in pairs
        ]
        shares = [
            pd.Series(dtype=float)
            if both is None
            else find_shares(transformer, *both, sum(mw for _, mw in draw))
            for both, draw in zip(tables, self.draws, strict=True)
        ]
        worst = self._find_worst(pairs, shares)
        built = []
        for draw, pair, both, share, outages in zip(self.draws, pairs, tables, shares, worst, strict=True):
            if pair is None or both is None:
                built.append(self._describe_unknown(draw))
                continue
            banks = build_banks(transformer, share, *both, *outages)
            raised = list_raised(self.branches, *both)
            where = {"snapshot": self.state.label, "stage": pair.stage}
            impact = pd.DataFrame([self._describe(draw, pair, banks, raised)])
            losses = pd.DataFrame(self._describe_losses(draw, pair))
            built.append((impact, banks.assign(**where), raised.assign(**where), losses))
        return built

    def _frame(self, flows: _Flows) -> pd.DataFrame:
        return pd.DataFrame(
            {"p_from_mw": flows.p, "loading_percent": self._load_percent(flows, self.case.rate)},
            index=self.index,
        )

    def _load_percent(self, flows: _Flows, rate: Floats) -> Floats:
        return np.asarray(100.0 * flows.top / (rate * self.case.base_mva))

    def _find_worst(
        self, pairs: Sequence[_Pair | None], shares: Sequence[pd.Series]
    ) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
        """Find the worst outage of every supplying bank, without and with each hub."""
        banks = list(dict.fromkeys(str(bank) for share in shares for bank in share.index))
        nothing = pd.DataFrame(columns=["percent", "contingency"])
        if not banks:
            return [(nothing, nothing)] * len(pairs)
        every = [part for one in pairs if one is not None for part in (one.without, one.with_hub)]
        flows = list({id(one): one for one in every}.values())
        percent, outage = search_worst_outages(
            self.state.net,
            self.case,
            self.plan,
            self.criteria,
            np.nan_to_num(np.stack([one.p for one in flows])),
            np.nan_to_num(np.stack([one.q for one in flows])),
            self.index.get_indexer(pd.Index(banks)),
        )
        found = {
            id(one): pd.DataFrame({"percent": percent[k], "contingency": outage[k]}, index=banks)
            for k, one in enumerate(flows)
        }
        return [
            (nothing, nothing) if one is None else (found[id(one.without)], found[id(one.with_hub)])
            for one in pairs
        ]

    def _describe_unknown(self, draw: Draw) -> tuple[pd.DataFrame, ...]:
        """Fill the rows of a hub that the units cannot follow."""
        where = {"snapshot": self.state.label, "stage": ""}
        impact = pd.DataFrame(
            [dict.fromkeys(IMPACT_COLUMNS, math.nan) | where | {"bank": "", "bus": draw[0][0]}]
        )
        nothing = dict.fromkeys(LOSS_COLUMNS, math.nan) | {"worst_element": ""}
        losses = [nothing | where | self._judge_size(bus, mw) for bus, mw in draw]
        return impact.assign(voltage_state="not judged"), pd.DataFrame(), pd.DataFrame(), pd.DataFrame(losses)

    def _describe(self, draw: Draw, pair: _Pair, banks: pd.DataFrame, raised: pd.DataFrame) -> dict[str, Any]:
        """Describe the grid with the hub beside that without it."""
        node = [self.node[bus] for bus, _ in draw]
        lowest = int(np.argmin(np.nan_to_num(pair.with_hub.vm[node])))
        bus, vm = draw[lowest][0], float(pair.with_hub.vm[node[lowest]])
        at = self.case.labels.bus.index(bus)
        first: dict[str, Any] = {"bank": "", **dict.fromkeys(IMPACT_COLUMNS[5:9], math.nan)}
        if len(banks):
            # a bank whose outages all split the grid has no N-1 figure
            row = banks.loc[banks["n1_after_percent"].fillna(-1.0).idxmax()]
            first = {name: row[name] for name in first}
        over = [
            int((self._load_percent(one, self.normal.rate) > 100.0 + LIMIT_TOLERANCE).sum())
            for one in (pair.without, pair.with_hub)
        ]
        outside = [int(self._find_outside(one, self.normal).sum()) for one in (pair.without, pair.with_hub)]
        return {
            "snapshot": self.state.label,
            "stage": pair.stage,
            "banks": len(banks),
            **first,
            "raised": len(raised),
            "raised_mw": float((raised["after_mw"] - raised["before_mw"]).sum()),
            "overloads_before": over[0],
            "overloads_after": over[1],
            "bus": bus,
            "vm_before_pu": float(pair.without.vm[node[lowest]]),
            "vm_after_pu": vm,
            "voltage_state": judge_voltage(vm, self.normal.vm_low[at], self.normal.vm_high[at]),
            "outside_before": outside[0],
            "outside_after": outside[1],
        }

    def _find_outside(self, flows: _Flows, limits: Limits, low: bool = True) -> np.ndarray:
        """Mark the buses outside their range, or above it alone, (n_bus,) bool."""
        vm = np.where(self.case.bus_node >= 0, flows.vm[self.case.bus_node], np.nan)
        high = vm > limits.vm_high + VOLTAGE_TOLERANCE
        return np.asarray(high | (vm < limits.vm_low - VOLTAGE_TOLERANCE) if low else high)

    def _judge_size(self, bus: str, mw: float) -> dict[str, Any]:
        """Hold what is lost at one point against the largest load that may be lost."""
        limit = self.criteria.max_load_loss_mw if self.criteria is not None else math.inf
        return {"bus": bus, "lost_mw": mw, "limit_mw": limit, "state": judge_loss(mw, limit)}

    def _describe_losses(self, draw: Draw, pair: _Pair) -> list[dict[str, Any]]:
        """Describe the grid after the loss of each point of connection beside that with the hub."""
        rate = self.outage.rate
        before = self._load_percent(pair.with_hub, rate)
        high = self._find_outside(pair.with_hub, self.outage, low=False)
        rows = []
        for (bus, mw), after in zip(draw, pair.after, strict=True):
            loading = self._load_percent(after, rate)
            over = loading > 100.0 + LIMIT_TOLERANCE
            worst = int(np.nanargmax(loading)) if np.isfinite(loading).any() else -1
            moved = 100.0 * np.abs(after.p - pair.with_hub.p) / (rate * self.case.base_mva)
            turned = (after.p * pair.with_hub.p < 0.0) & (moved > RISE_POINTS)
            vm = [float(one.vm[self.node[bus]]) for one in (pair.with_hub, after)]
            rows.append(
                {
                    "snapshot": self.state.label,
                    "stage": pair.stage,
                    **self._judge_size(bus, mw),
                    "vm_before_pu": vm[0],
                    "vm_after_pu": vm[1],
                    "rise_percent": 100.0 * (vm[1] - vm[0]),
                    "high_buses": int((self._find_outside(after, self.outage, low=False) & ~high).sum()),
                    "worst_element": str(self.index[worst]) if worst >= 0 else "",
                    "worst_loading_percent": float(loading[worst]) if worst >= 0 else math.nan,
                    "overloads": int(over.sum()),
                    "caused": int((over & ~(before > 100.0 + LIMIT_TOLERANCE)).sum()),
                    "reversed": int(turned.sum()),
                }
            )
        return rows


def _lose_each(draw: Draw) -> list[Draw]:
    """List what is left of a hub after the loss of each of its points."""
    return [draw[:k] + draw[k + 1 :] for k in range(len(draw))]
