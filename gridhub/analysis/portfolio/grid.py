"""The grid of a portfolio: states as linear scenarios, and the check of a choice with its lines put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.states import State, list_states
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.selection import apply_works
from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.criteria import Criteria
from gridhub.dispatch.portfolio import GridScenario
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.factors import compute_outage_factors, find_bridge_branches

SMALLEST_EXCESS = 1e-6
"""Flow beyond a limit that counts as none [p.u.]."""

WIDEST_ANGLE = np.pi
"""Angle across a new line that no path of rated branches bounds [rad]: assumed."""

Key = tuple[str, str]
"""Snapshot, and the branch out ("" = everything in service; of a new line its candidate)."""


@dataclass(frozen=True, slots=True, eq=False)
class NewLines:
    """Branches that candidate works add, one each.

    Attributes
    ----------
    names : tuple of str
        Ids of the branches.
    from_node, to_node : (c,) int
    susceptance, rate, rate_after : (c,) float
        [p.u.]; an unrated one is infinite.
    """

    names: tuple[str, ...]
    from_node: Ints
    to_node: Ints
    susceptance: Floats
    rate: Floats
    rate_after: Floats


@dataclass(eq=False)
class PortfolioGrid:
    """A grid with candidate lines and sites, under a fixed total.

    Attributes
    ----------
    net : Network
    criteria : Criteria or None
    works : sequence of Candidate
    buses : sequence of str
        Of the sites.
    total_mw : float
    snapshots : sequence of str or None
    rate_share : float
        Share of a rating that active power may use.
    worsening : float
        Share of a rating by which what is beyond it already may grow.
    options : HostingOptions
    skipped : int
        Outages that split the grid, found by `check`.
    """

    net: Network
    criteria: Criteria | None
    works: Sequence[Candidate]
    buses: Sequence[str]
    total_mw: float
    snapshots: Sequence[str] | None
    rate_share: float
    worsening: float
    options: HostingOptions
    skipped: int = 0
    states: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Solve every state without hubs, and with the units following the whole total."""
        self.base = self.net.base_mva
        self.states = {
            one.label: one for one in list_states(self.net, self.snapshots, self.options).snapshots
        }
        first = next(iter(self.states.values()))
        self.node = self._find_nodes(first.case)
        self.plan = plan_dc(first.case, self.options.power_flow.dc_convention)
        self._check_island()
        self.lines = self._find_lines()
        self.injection: dict[str, Floats] = {}
        self.limits: dict[Key, Floats] = {}
        full = self._queue([self.total_mw, *[0.0] * (len(self.buses) - 1)])
        for label, state in self._list(self.net, full).items():
            plan = plan_dc(state.case, self.options.power_flow.dc_convention)
            dc = self._solve(state.case, plan, label)
            injection = np.nan_to_num(plan.incidence.T @ np.nan_to_num(dc))
            injection[self.node[0]] += self.total_mw / self.base
            self.injection[label] = injection

    def build(self, key: Key) -> GridScenario:
        """Make the linear scenario of a state and an outage."""
        label, lost = key
        case = self.states[label].case
        names = list(case.labels.branch)
        alive = np.array([name != lost for name in self.lines.names], dtype=bool)
        if lost and lost in names:
            case = case.take_out(Outage(branch=(names.index(lost),)))
        plan = plan_dc(case, self.options.power_flow.dc_convention)
        c, s, n = len(self.lines.names), len(self.buses), case.n_node
        right = np.zeros((n, 1 + s + c))
        shift_flow = plan.susceptance * plan.shift
        right[:, 0] = self.injection[label] + plan.incidence.T @ shift_flow
        right[self.node, 1 + np.arange(s)] -= 1.0
        right[self.lines.from_node, 1 + s + np.arange(c)] -= 1.0
        right[self.lines.to_node, 1 + s + np.arange(c)] += 1.0
        theta = plan.solve_angles(right)
        flow = plan.compute_flows(theta)
        flow[:, 0] -= shift_flow
        angle = theta[self.lines.from_node] - theta[self.lines.to_node]
        limit = self._find_limits(key)
        rows = np.flatnonzero(np.isfinite(limit) & case.branch_on & (np.abs(flow).max(axis=1) > 1e-9))
        rate = np.where(lost != "", self.lines.rate_after, self.lines.rate)
        return GridScenario(
            start=flow[rows, 0],
            per_site=flow[rows, 1 : 1 + s],
            per_work=flow[rows, 1 + s :],
            limit=limit[rows],
            angle_start=angle[:, 0],
            angle_per_site=angle[:, 1 : 1 + s],
            angle_per_work=angle[:, 1 + s :],
            susceptance=self.lines.susceptance,
            rate=rate,
            slack=self.lines.susceptance * self._bound_angles(case, plan, limit),
            alive=alive,
        )

    def check(self, contract_mw: Floats, chosen: Bools) -> dict[Key, float]:
        """Solve every state and outage with the lines put in: excess [p.u.] of each, worst first."""
        taken = [one for one, there in zip(self.works, chosen, strict=True) if there]
        net = apply_works(self.net, taken)
        found: dict[Key, float] = {}
        self.skipped = 0
        for label, state in self._list(net, self._queue(contract_mw.tolist())).items():
            case = state.case
            plan = plan_dc(case, self.options.power_flow.dc_convention)
            flow = np.nan_to_num(self._solve(case, plan, label))
            names = list(case.labels.branch)
            found |= self._measure((label, ""), names, flow)
            bridge = find_bridge_branches(case)
            out = np.flatnonzero(case.branch_on & ~case.branch_joins)
            self.skipped = max(self.skipped, int(bridge[out].sum()))
            out = out[~bridge[out]]
            factors = compute_outage_factors(case, plan, out, bridge)
            for column, k in enumerate(out.tolist()):
                found |= self._measure((label, names[k]), names, flow + factors[:, column] * flow[k])
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _measure(self, key: Key, names: list[str], flow: Floats) -> dict[Key, float]:
        known = self._find_limits(key)
        limit = np.full(len(names), np.inf)
        place = {name: i for i, name in enumerate(self.states[key[0]].case.labels.branch)}
        new = dict(zip(self.lines.names, self.lines.rate_after if key[1] else self.lines.rate, strict=True))
        for i, name in enumerate(names):
            limit[i] = known[place[name]] if name in place else new.get(name, np.inf)
        excess = float((np.abs(flow) - limit).max(initial=0.0))
        return {key: excess} if excess > SMALLEST_EXCESS else {}

    def _find_limits(self, key: Key) -> Floats:
        """Limits of the branches that stand already: what is beyond one without hubs may grow a little."""
        if key in self.limits:
            return self.limits[key]
        label, lost = key
        state = self.states[label]
        case = state.case
        rating = build_limits(state.net, case, self.criteria, "outage" if lost else "normal").rate
        names = list(case.labels.branch)
        cut = case.take_out(Outage(branch=(names.index(lost),))) if lost in names else case
        flow = np.abs(
            np.nan_to_num(self._solve(cut, plan_dc(cut, self.options.power_flow.dc_convention), label))
        )
        held = np.where(np.isnan(rating), np.inf, rating)
        free = self.rate_share * held
        limit = np.where(flow > free, np.maximum(flow, np.minimum(flow + self.worsening * held, held)), free)
        limit = np.where(flow > held, flow + self.worsening * held, limit)
        self.limits[key] = np.where(np.isfinite(held), limit, np.inf)
        return self.limits[key]

    def _bound_angles(self, case: Case, plan: DcPlan, limit: Floats) -> Floats:
        """Bound the angle across each new line by the shortest path of limits over susceptances."""
        if not self.lines.names:
            return np.empty(0)
        usable = case.branch_on & np.isfinite(limit) & (plan.susceptance > 0)
        span = np.zeros(case.n_branch)
        np.divide(limit, plan.susceptance, out=span, where=usable)
        span += np.abs(plan.shift)
        f, t = case.branch_from[usable], case.branch_to[usable]
        # of circuits side by side the tightest bounds the angle
        order = np.argsort(-span[usable], kind="stable")
        ends = zip(f[order].tolist(), t[order].tolist(), strict=True)
        widths = dict(zip(ends, span[usable][order].tolist(), strict=True))
        place = np.array(list(widths), dtype=np.int64).reshape(-1, 2)
        shape = (case.n_node, case.n_node)
        graph = coo_array((list(widths.values()), (place[:, 0], place[:, 1])), shape=shape).tocsr()
        far = dijkstra(graph, directed=False, indices=self.lines.from_node)
        found = far[np.arange(len(self.lines.names)), self.lines.to_node]
        return np.asarray(np.minimum(found, WIDEST_ANGLE))

    def _solve(self, case: Case, plan: DcPlan, label: str) -> Floats:
        dc = solve_dc(case, self.options.power_flow.dc_convention, True, plan)
        short = float(dc.missing.max(initial=0.0))
        if short > 1e-6:
            raise OptionError(
                f"{label or 'the stored state'}: the units miss {short * self.base:,.0f} MW of "
                f"{self.total_mw:,.0f} MW; ask for less, or leave the state out of snapshots"
            )
        return np.asarray(dc.p_from)

    def _queue(self, mw: Sequence[float]) -> dict[str, float]:
        queue: dict[str, float] = {}
        for bus, amount in zip(self.buses, mw, strict=True):
            queue[bus] = queue.get(bus, 0.0) + max(float(amount), 0.0)
        return queue

    def _list(self, net: Network, queue: Mapping[str, float]) -> dict[str, State]:
        options = replace(self.options, queue=queue)
        return {one.label: one for one in list_states(net, self.snapshots, options).snapshots}

    def _find_nodes(self, case: Case) -> Ints:
        place = {name: i for i, name in enumerate(case.labels.bus)}
        return np.array([case.bus_node[place[bus]] for bus in self.buses], dtype=np.int64)

    def _check_island(self) -> None:
        islands = self.plan.islands
        live = (self.node >= 0) & islands.live[np.maximum(self.node, 0)]
        if not live.all() or len(np.unique(islands.island[self.node])) != 1:
            raise OptionError(
                f"sites at {name_ids(self.buses)} are not all in one island with a reference: they share no "
                "total"
            )

    def _find_lines(self) -> NewLines:
        """Find the branch that each candidate adds; refuse what adds none, or several."""
        first = next(iter(self.states.values()))
        before = set(first.case.labels.branch)
        rows: list[tuple[str, int, int, float, float, float]] = []
        wrong = []
        for one in self.works:
            state = self._list(one.apply(self.net), {})[first.label]
            case = state.case
            new = [i for i, name in enumerate(case.labels.branch) if name not in before]
            if len(new) != 1 or case.n_node != first.case.n_node:
                wrong.append(one.name)
                continue
            i = new[0]
            plan = plan_dc(case, self.options.power_flow.dc_convention)
            limits = [build_limits(state.net, case, self.criteria, kind) for kind in ("normal", "outage")]
            rates = [float(limit.rate[i]) for limit in limits]
            f, t = int(case.branch_from[i]), int(case.branch_to[i])
            usable = [self.rate_share * (np.inf if np.isnan(rate) else rate) for rate in rates]
            rows.append((str(case.labels.branch[i]), f, t, float(plan.susceptance[i]), usable[0], usable[1]))
        names = tuple(row[0] for row in rows)
        twice = sorted({name for name in names if names.count(name) > 1})
        if wrong or twice:
            raise OptionError(
                f"works {name_ids([*wrong, *twice])}: each must add one branch of its own between standing "
                "buses (second circuits, banks); leave the others to plan_reinforcement"
            )
        numbers = np.array([row[1:] for row in rows], dtype=float).reshape(-1, 5)
        ends = numbers[:, :2].astype(np.int64)
        return NewLines(names, ends[:, 0], ends[:, 1], numbers[:, 2], numbers[:, 3], numbers[:, 4])
