"""Remedial schemes as candidates: after an outage that overloads a route, an action that relieves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.actions.remedial_schemes import Action, Condition, RemedialScheme
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import settle_state
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.contracts import Contract, cost_contract
from gridhub.analysis.works.judging import WorksTask, list_lost
from gridhub.analysis.works.works import find_route
from gridhub.case.case import Case, Floats, Outage
from gridhub.case.compile import compile_case
from gridhub.costs import Costs
from gridhub.model.network import Network
from gridhub.solvers.dc import DcPlan, DcState, plan_dc, solve_dc
from gridhub.solvers.factors import TransferOperator, compute_pair_factors, find_splitting_sets
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.slack import plan_slack

KIND = "remedial_scheme"
"""Kind of these candidates, and name of their cost."""

MARGIN = 1.1
"""What an action is sized for, over the overload of the worst outage by AC: assumed."""

ARMED_SHARE = 0.85
"""A scheme acts where the route carries this share of its limit in MW after the outage: assumed, so that a
flow at its limit in MVA sets it off at a power factor of 0.85 and above."""

SMALLEST_PULL = 0.05
"""MW off a circuit per MW of an action, below which none is offered: assumed."""

MOST_UNITS = 4
"""Units that one scheme trips at most: assumed."""

OPENINGS = 30
"""Branches whose opening is looked at, those that take most off the circuit at first sight."""

SPLIT = 1e-6
"""1 - h of a branch below which its opening counts as a split."""

NOTE = (
    "acts after the named outages alone, at once; failure of the scheme, its communication and what its "
    "action costs each time are not assessed"
)

SOURCE, AS_OF = "assumed, no source: candidate of a reinforcement plan", "2026-11"
"""What a scheme of a candidate says of itself."""


class _Overload(NamedTuple):
    """Overload of a branch after an outage: where, and how much must come off it [p.u.]."""

    snapshot: str
    contingency: str
    element: str
    need: float


@dataclass(frozen=True)
class _Offer:
    """An action, in words and MW, and what it costs beside the scheme."""

    word: str
    actions: tuple[Action, ...]
    text: str
    contract: Contract | None = None
    note: str = ""


def list_scheme_candidates(
    net: Network,
    costs: Costs,
    routes: Sequence[str],
    violations: pd.DataFrame,
    task: WorksTask,
    loads: Sequence[str] = (),
) -> tuple[list[Candidate], list[str]]:
    r"""Make schemes for routes that outages overload.

    Parameters
    ----------
    net : Network
    costs : Costs
        Without the item ``remedial_scheme`` nothing is offered.
    routes : sequence of str
        Overloaded routes and transformers.
    violations : DataFrame
        Columns of ``Security.violations``.
    task : WorksTask
        Its outages and criteria.
    loads : sequence of str
        Load that may be shed under a contract: that of the hub. Other load is never shed by a candidate.

    Returns
    -------
    list of Candidate
        For each route at most one of each action: trip of units, run-back of a link, shedding of the hub's
        load, opening of a branch.
    list of str
        Actions that would help and that the criteria forbid.

    Notes
    -----
    After the outage :math:`K` a MW produced at bus b moves the flow of the branch l by
    :math:`h'_{lb} - \sum_g w_g h'_{lb(g)}`, h' the transfer factors of the grid without K, w the shares by
    which units take up an imbalance. Opening the branch z moves it by :math:`h'_{lz} f'_z / (1 - h'_{zz})`.
    An action is sized for the worst outage, by DC, times `MARGIN`; every other outage that overloads the
    route and that it relieves is named too. An overload with everything in service is left to other works.
    What is tripped or shed stays within what the criteria let an outage take away.
    """
    found: list[Candidate] = []
    refused: list[str] = []
    if KIND not in costs:
        return found, refused
    views: dict[tuple[str, str], _View | None] = {}
    for route in routes:
        elements = find_route(net, route).index.tolist() or [route]
        elements = [name for name in elements if name in net.branches().index]
        overloads = _list_overloads(net, violations, elements, task)
        if not overloads:
            continue
        for one in overloads:
            key = (one.snapshot, one.contingency)
            if key not in views:
                views[key] = _View.build(net, task, *key)
        known = [one for one in overloads if views[one.snapshot, one.contingency] is not None]
        if not known:
            continue
        worst = max(known, key=lambda one: one.need)
        view = views[worst.snapshot, worst.contingency]
        assert view is not None
        for offer in _list_offers(view, worst, elements, task, loads, costs):
            if isinstance(offer, str):
                refused.append(f"scheme for {route} after {worst.contingency}: {offer}")
            elif offer is not None:
                served = [
                    one
                    for one in known
                    if one is worst or _relieves(views[one.snapshot, one.contingency], one, offer.actions)
                ]
                found.append(_build(route, offer, worst, served, task, costs))
    return found, refused


def _list_offers(
    view: _View,
    worst: _Overload,
    elements: Sequence[str],
    task: WorksTask,
    loads: Sequence[str],
    costs: Costs,
) -> list[_Offer | str | None]:
    """List an offer of each action; a text says why the criteria forbid it, None that it does not help."""
    return [
        _offer_trip(view, worst, task),
        _offer_run_back(view, worst),
        _offer_shed(view, worst, task, loads, costs),
        _offer_opening(view, worst, elements),
    ]


def _list_overloads(
    net: Network, violations: pd.DataFrame, elements: Sequence[str], task: WorksTask
) -> list[_Overload]:
    mine = violations[
        (violations["kind"] == "thermal")
        & violations["element"].isin(list(elements))
        & (violations["contingency"] != "")
    ]
    rows = zip(
        *(mine[name] for name in ("snapshot", "contingency", "element", "value", "limit")), strict=True
    )
    return [
        _Overload(str(state), str(key), str(element), MARGIN * float(value - limit) / net.base_mva)
        for state, key, element, value, limit in rows
        if key in task.outages[str(state)].index
    ]


class _View:
    """The grid after an outage, by DC."""

    def __init__(self, net: Network, case: Case, outage: Outage, kind: str, task: WorksTask) -> None:
        options: PowerFlowOptions = task.options
        self.net, self.kind, self.options, self.outage = net, kind, options, outage
        self.case = case.take_out(outage)
        self.plan: DcPlan = plan_dc(self.case, options.dc_convention)
        self.state: DcState = solve_dc(self.case, options.dc_convention, options.distributed_slack, self.plan)
        self.limit = build_limits(net, case, task.criteria, "outage").rate
        self.branch = {name: k for k, name in enumerate(case.labels.branch)}
        lost = [case.generator_p[k] for k in outage.generator]
        self.lost_mw = float(np.sum(lost)) * case.base_mva

    @classmethod
    def build(cls, net: Network, task: WorksTask, snapshot: str, contingency: str) -> _View | None:
        """Build the view of an outage; None where it splits the grid or loses a joint."""
        state = settle_state(net, snapshot or None)
        case, _ = choose_references(compile_case(state))
        table = task.outages[snapshot].loc[[contingency]]
        (outage,) = find_outages(state, case, table)
        joined = bool(case.branch_joins[list(outage.branch)].any())
        if joined or bool(find_splitting_sets(case, [outage.branch])[0]):
            return None
        kind = str(table["kind"].iloc[0]) if "kind" in table else ""
        return cls(state, case, outage, kind, task)

    @cached_property
    def weight(self) -> Floats:
        """Share of each node in taking up an imbalance, (n_node,)."""
        slack = plan_slack(self.case, self.plan.islands, self.options.distributed_slack)
        node = self.case.bus_node[self.case.generator_bus]
        known = node >= 0
        share = np.bincount(node[known], slack.share[known], self.case.n_node)
        return np.asarray(share, dtype=float)

    def find_row(self, element: str) -> Floats:
        """Flow in a branch per MW produced at each node and taken off the units that share, with the flow."""
        weight = np.zeros(self.case.n_branch)
        weight[self.branch[element]] = 1.0
        row = TransferOperator(self.plan).apply_transposed(weight)
        return self.find_sign(element) * (row - row @ self.weight)

    def find_sign(self, element: str) -> float:
        """Direction of a flow after the outage, 1 or -1."""
        return -1.0 if self.state.p_from[self.branch[element]] < 0 else 1.0

    def take(self, row: Floats, buses: pd.Series) -> Floats:
        """Values of a row at buses; NaN at dead ones."""
        position = {name: k for k, name in enumerate(self.case.labels.bus)}
        node = self.case.bus_node[[position[str(bus)] for bus in buses]]
        return np.where(node >= 0, row[node], np.nan)


def _relieves(view: _View | None, one: _Overload, actions: Sequence[Action]) -> bool:
    """Whether actions take something off a branch after an outage, by DC."""
    if view is None:
        return False
    return _measure_relief(view, one, actions) > 0.0


def _measure_relief(view: _View, one: _Overload, actions: Sequence[Action]) -> float:
    """Measure what actions take off a branch [p.u.], by DC to first order."""
    row, relief = view.find_row(one.element), 0.0
    case = view.case
    for action in actions:
        if action.kind == "shed":
            load = view.net.load.loc[list(action.elements)]
            mw = load["p_mw"].to_numpy(dtype=float) * action.share / case.base_mva
            relief -= float(np.nansum(view.take(row, load["bus"]) * mw))
        elif action.kind == "run_back":
            link = view.net.hvdc.loc[list(action.elements)]
            more = (action.to_mw - link["p_mw"].to_numpy(dtype=float)) / case.base_mva
            pull = view.take(row, link["to_bus"]) - view.take(row, link["from_bus"])
            relief -= float(np.nansum(pull * more))
        else:
            unit = view.net.generator
            unit = unit[unit.index.isin(action.elements)]
            power = pd.Series(view.state.generator_p, index=list(case.labels.generator))
            mine = power.reindex(unit.index).to_numpy(dtype=float)
            relief += float(np.nansum(view.take(row, unit["bus"]) * mine))
            opened = [view.branch[name] for name in action.elements if name in view.branch]
            for k in opened:
                relief += float(_open(view, one, np.array([k]))[0][0])
    return relief


def _offer_trip(view: _View, worst: _Overload, task: WorksTask) -> _Offer | str | None:
    """Offer the fewest units, then the smallest, whose trip takes the overload off."""
    unit = view.net.generator
    power = view.state.generator_p
    pull = view.take(view.find_row(worst.element), unit["bus"])
    on = np.array([name in view.case.labels.generator for name in unit.index], dtype=bool)
    at = {name: k for k, name in enumerate(view.case.labels.generator)}
    p = np.array([power[at[str(name)]] if here else 0.0 for name, here in zip(unit.index, on, strict=True)])
    useful = np.flatnonzero((p > 0) & (np.nan_to_num(pull) > SMALLEST_PULL))
    if not len(useful):
        return None
    relief = pull * p
    _, _, most = task.criteria.loss_limits(view.kind) if task.criteria is not None else (0.0, 0.0, math.inf)
    room = (most - view.lost_mw) / view.case.base_mva
    single = [k for k in useful.tolist() if relief[k] >= worst.need]
    chosen = [min(single, key=lambda k: (p[k], -pull[k]))] if single else []
    if not chosen:
        for k in sorted(useful.tolist(), key=lambda k: -relief[k])[:MOST_UNITS]:
            chosen.append(k)
            if relief[chosen].sum() >= worst.need:
                break
    mw = float(p[chosen].sum()) * view.case.base_mva
    names = tuple(str(unit.index[k]) for k in chosen)
    if float(p[chosen].sum()) > room:
        return (
            f"trip of {', '.join(names)} takes {mw:,.0f} MW of generation: the criteria let the outage take "
            f"{most:,.0f} MW in all"
        )
    return _Offer("trip", (Action("trip", names),), f"trip {', '.join(names)}, {mw:,.0f} MW")


def _offer_run_back(view: _View, worst: _Overload) -> _Offer | None:
    """Offer a link whose set-point, within its limits, takes the overload off."""
    link = view.net.hvdc
    link = link[link["in_service"].to_numpy(dtype=bool)]
    if link.empty:
        return None
    row = view.find_row(worst.element)
    pull = view.take(row, link["to_bus"]) - view.take(row, link["from_bus"])
    base, now = view.case.base_mva, link["p_mw"].to_numpy(dtype=float)
    for k in np.argsort(-np.abs(np.nan_to_num(pull)), kind="stable").tolist():
        if not abs(pull[k]) > SMALLEST_PULL:
            break
        change = math.ceil(worst.need / abs(pull[k]) * base / 10.0) * 10.0
        to_mw = float(now[k] - math.copysign(change, pull[k]))
        low, high = (float(link[name].iloc[k]) for name in ("p_min_mw", "p_max_mw"))
        if (math.isnan(low) or to_mw >= low) and (math.isnan(high) or to_mw <= high):
            name = str(link.index[k])
            action = Action("run_back", (name,), to_mw=to_mw)
            return _Offer("run-back", (action,), f"run {name} from {now[k]:,.0f} to {to_mw:,.0f} MW")
    return None


def _offer_shed(
    view: _View,
    worst: _Overload,
    task: WorksTask,
    loads: Sequence[str],
    costs: Costs,
) -> _Offer | str | None:
    """Offer to shed a share of the hub's load, in steps of 5 %."""
    load = view.net.load.loc[list(loads)] if loads else view.net.load.iloc[:0]
    p = load["p_mw"].to_numpy(dtype=float)
    if not p.sum() > 0:
        return None
    pull = view.take(view.find_row(worst.element), load["bus"])
    together = -float(np.nansum(pull * p)) / view.case.base_mva
    if not together > SMALLEST_PULL * float(p.sum()) / view.case.base_mva:
        return None
    share = math.ceil(20.0 * worst.need / together - 1e-9) / 20.0
    if share > 1.0:
        return None
    mw = share * float(p.sum())
    _, most, _ = task.criteria.loss_limits(view.kind) if task.criteria is not None else (0.0, math.inf, 0.0)
    if mw > most:
        return f"shedding {mw:,.0f} MW of the hub: the criteria let {most:,.0f} MW of load be lost at once"
    contract = cost_contract(costs, mw, hours=0.0) if "flexible_load" in costs else None
    paid = f"; contract with the hub: {contract.note}" if contract is not None and contract.note else ""
    return _Offer(
        "shedding",
        (Action("shed", tuple(str(name) for name in loads), share=share),),
        f"shed {share:.0%} of the hub's load, {mw:,.0f} MW",
        contract,
        paid,
    )


def _open(view: _View, one: _Overload, branches: np.ndarray) -> tuple[Floats, Floats]:
    """Give what opening each branch takes off another, and all flows with it open, (n_branch, k) [p.u.]."""
    flow = view.state.p_from
    pair = compute_pair_factors(view.case, view.plan, branches)
    left = 1.0 - pair[branches, np.arange(len(branches))]
    share = np.divide(flow[branches], left, out=np.full(len(branches), np.nan), where=left > SPLIT)
    after = flow[:, None] + pair * share
    after[branches, np.arange(len(branches))] = 0.0
    at = view.branch[one.element]
    return np.asarray(view.find_sign(one.element) * (flow[at] - after[at])), after


def _offer_opening(view: _View, worst: _Overload, elements: Sequence[str]) -> _Offer | None:
    """Offer the branch whose opening takes the overload off and overloads least elsewhere."""
    case, flow = view.case, view.state.p_from
    row = np.zeros(case.n_branch)
    row[view.branch[worst.element]] = 1.0
    transfer = TransferOperator(view.plan).apply_transposed(row)
    usable = case.branch_on & ~case.branch_joins & ~np.isnan(flow)
    usable[[view.branch[name] for name in elements if name in view.branch]] = False
    through = np.where(usable, transfer[case.branch_from] - transfer[case.branch_to], 0.0)
    first = -view.find_sign(worst.element) * through * np.nan_to_num(flow)
    near = np.argsort(-first, kind="stable")[:OPENINGS]
    near = near[first[near] > 0]
    if not len(near):
        return None
    relief, after = _open(view, worst, near)
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.maximum(np.abs(after) / view.limit[:, None] - 1.0, 0.0)
    points = np.nansum(over, axis=0)
    good = np.flatnonzero(np.nan_to_num(relief) >= worst.need)
    if not len(good):
        return None
    best = good[np.lexsort((-relief[good], points[good].round(6)))[0]]
    name = str(case.labels.branch[near[best]])
    return _Offer(
        "opening",
        (Action("trip", (name,)),),
        f"open {name}",
        note="; what a second outage does while it is open is not assessed",
    )


def _build(
    route: str, offer: _Offer, worst: _Overload, served: Sequence[_Overload], task: WorksTask, costs: Costs
) -> Candidate:
    """Build the candidate: one scheme for each outage served."""
    elements: dict[str, tuple[str, ...]] = {}
    watched: dict[str, str] = {}
    for one in [worst, *served]:
        table = task.outages[one.snapshot]
        elements[one.contingency] = list_lost(table, one.contingency)
        watched.setdefault(one.contingency, one.element)
    limit = _find_limits(task)
    name = f"{offer.word} scheme {route} after {worst.contingency}"
    if len(elements) > 1:
        name += f" and {len(elements) - 1} more"
    schemes = tuple(
        RemedialScheme(
            f"{name}: {contingency}",
            outage,
            (Condition(watched[contingency], ARMED_SHARE * limit[watched[contingency]], "either", "after"),),
            offer.actions,
            SOURCE,
            AS_OF,
            "assumed",
        )
        for contingency, outage in elements.items()
    )
    outages = ", ".join(list(elements)[:3]) + (" …" if len(elements) > 3 else "")
    contract = offer.contract
    cost = costs[KIND] if contract is None else costs[KIND] + contract.cost
    return Candidate(
        name,
        KIND,
        route,
        f"after {outages} {offer.text}",
        cost,
        lambda one: one,
        note=NOTE + offer.note,
        schemes=schemes,
        ready=None if contract is None else contract.ready,
    )


def _find_limits(task: WorksTask) -> dict[str, float]:
    """Find the smallest limit after an outage of each branch over the states of a task [MVA]."""
    found: dict[str, float] = {}
    for name in task.outages:
        state = settle_state(task.net, name or None)
        case, _ = choose_references(compile_case(state))
        rates = build_limits(state, case, task.criteria, "outage").rate * case.base_mva
        for branch, rate in zip(case.labels.branch, rates.tolist(), strict=True):
            found[branch] = min(rate, found.get(branch, math.inf))
    return found
