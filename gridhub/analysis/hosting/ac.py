"""AC check of hosting: the DC figure lowered by bisection, voltages and reactive limits included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.search import SINGLE
from gridhub.analysis.hosting.states import State, read_state
from gridhub.analysis.security.comparison import WORSE
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.outages import watch_nodes
from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.batch_result import THERMAL, VOLTAGE_HIGH, VOLTAGE_LOW, BatchResult
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.factors import compute_set_factors, find_splitting_sets
from gridhub.solvers.pickup import trace_pickup
from gridhub.solvers.rooms import compute_drawn
from gridhub.solvers.scenario import Injections, Watch

PROBE_PREFIX = "hosting:"
"""Ids of the loads that grow."""

UNSOLVED = 9
"""Kind of a breach beside those of `gridhub.solvers.batch_result`: no solution."""

STEP_MW = 1.0
"""Width at which a bisection ends [MW]."""

TIGHT_STATES = 2
"""States of each bus in which all outages are solved by AC: those with the least room by DC."""

KINDS = ("thermal", "voltage", "nose")
"""What is bisected; an outage that loses its solution counts as voltage."""

NOSE_MARGIN = 0.05
"""By how much the injection may grow before a state, or an outage in it, loses its solution."""

STRETCH = {"nose": 1.0 + NOSE_MARGIN}
"""Kind -> by how much the injection is stretched when it is looked at."""


@dataclass(frozen=True, slots=True)
class Met:
    """Largest power without a new or worse violation of a kind.

    Attributes
    ----------
    amount : float
        [p.u.].
    element, contingency, snapshot : str
        What is met there; empty where nothing is met up to where was looked.
    """

    amount: float
    element: str = ""
    contingency: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Breaches:
    """New or worse violations at one power.

    Attributes
    ----------
    outage : (m,) int
        Position in the outages; -1 = everything in service.
    kind, position : (m,) int
        Of `gridhub.solvers.batch_result`, or `UNSOLVED`; branch, node, or -1.
    """

    outage: Ints
    kind: Ints
    position: Ints

    def select(self, kind: str) -> Bools:
        """Mark those of "thermal", "voltage" (lost solutions too) or "nose" (lost solutions alone)."""
        if kind == "nose":
            return np.asarray(self.kind == UNSOLVED)
        thermal = self.kind == THERMAL
        return np.asarray(thermal if kind == "thermal" else ~thermal)


def add_probes(net: Network, buses: Sequence[str]) -> Network:
    """Put a load of 0 MW at each bus: what grows."""
    index = [f"{PROBE_PREFIX}{bus}" for bus in buses]
    rows = complete_table("load", pd.DataFrame({"bus": list(buses), "p_mw": 0.0}, index=index))
    old = net.load
    return net.replace(load=pd.concat([old, rows.reindex(columns=old.columns)]) if len(old) else rows)


class AcSearch:
    """AC search of one state; what the state violates without the injection is found once.

    Parameters
    ----------
    net : Network
        With probes, see `add_probes`.
    snapshot : str or None
    buses : sequence of str
    criteria : Criteria or None
    options : HostingOptions
    outages : bool
        Whether outages are looked at.

    Raises
    ------
    NotConverged
        If the state itself has no AC solution.
    """

    def __init__(
        self,
        net: Network,
        snapshot: str | None,
        buses: Sequence[str],
        criteria: Criteria | None,
        options: HostingOptions,
        outages: bool = True,
    ) -> None:
        self.state: State = read_state(net, snapshot)
        case = self.state.case
        self.case, self.options = case, options
        self.probe = np.array([case.labels.load.index(f"{PROBE_PREFIX}{bus}") for bus in buses])
        table = list_contingencies(self.state.net, SINGLE).iloc[: None if outages else 0]
        single = find_outages(self.state.net, case, table)
        kept = [k for k, one in enumerate(single) if not any(case.branch_joins[i] for i in one.branch)]
        self.outages = [single[k] for k in kept]
        self.names = [str(table.index[k]) for k in kept]
        self.plan = plan_batch(case, options.power_flow)
        before, after = (
            build_limits(self.state.net, case, criteria, which) for which in ("normal", "outage")
        )
        self.before, self.after = watch_nodes(case, before), watch_nodes(case, after)
        self.existing: dict[tuple[int, int, int], float] = {}
        self.growth = {THERMAL: options.worsening_points, UNSOLVED: math.inf}
        self._find_existing()

    def _find_existing(self) -> None:
        """Note what is violated without the injection, and by how much."""
        every = np.arange(len(self.outages))
        intact, after = self._solve(0, 0.0, every)
        if not intact.solved.all():
            raise NotConverged(
                f"{self.state.net.name!r}, {self.state.label or 'stored state'}: no AC solution before "
                f"anything is added ({intact.reason.get(0, '')}); try `gridhub flow` on it, or leave the "
                "snapshot out",
                "NOT_CONVERGED",
            )
        for outage, kind, position, measure in self._measure(intact, after, every):
            self.existing[outage, kind, position] = measure

    def count_existing(self, kind: str) -> int:
        """Count what is violated without the injection: "thermal" or "voltage"."""
        return sum((one == THERMAL) == (kind == "thermal") for _, one, _ in self.existing)

    def _load(self, j: int, amount: float) -> tuple[Floats, Floats]:
        """Give the loads with what grows at one bus [p.u.]; a plant is taken at power factor 1."""
        p, q = self.case.load_p.copy(), self.case.load_q.copy()
        p[self.probe[j]] = self.options.direction * amount
        if self.options.kind == "load":
            q[self.probe[j]] = amount * math.tan(math.acos(self.options.power_factor))
        return p, q

    def _solve(self, j: int, amount: float, outages: Ints) -> tuple[BatchResult, BatchResult | None]:
        """Solve the intact state and outages with the injection."""
        p, q = self._load(j, amount)
        one = Injections(load_p=p[None, :], load_q=q[None, :])
        intact = solve_batch(self.case, self.plan, None, one, watch=self.before)
        if not intact.solved.all() or not len(outages):
            return intact, None
        case: Case = replace(self.case, load_p=p, load_q=q)
        chosen: list[Outage] = [self.outages[k] for k in outages.tolist()]
        return intact, solve_batch(case, self.plan, chosen, watch=self.after)

    def _measure(
        self, intact: BatchResult, after: BatchResult | None, outages: Ints
    ) -> list[tuple[int, int, int, float]]:
        """List violations: outage, kind, position, how bad (percent, or p.u. beyond the limit)."""
        rows = []
        for result, watch, number in ((intact, self.before, np.array([-1])), (after, self.after, outages)):
            if result is None:
                continue
            found = result.findings
            beyond = _find_depth(found.kind, found.position, found.value, watch)
            owner = number[found.scenario]
            rows += list(
                zip(
                    owner.tolist(), found.kind.tolist(), found.position.tolist(), beyond.tolist(), strict=True
                )
            )
            rows += [(int(number[k]), UNSOLVED, -1, 0.0) for k in np.flatnonzero(~result.solved).tolist()]
        return rows

    def find_breaches(self, j: int, amount: float, outages: Ints) -> Breaches:
        """Find what is new or worse with an injection [p.u.] at bus `j`."""
        intact, after = self._solve(j, amount, outages)
        found = []
        for outage, kind, position, measure in self._measure(intact, after, outages):
            before = self.existing.get((outage, kind, position))
            growth = self.growth.get(kind, WORSE["voltage_low"])
            if before is None or measure > before + growth:
                found.append((outage, kind, position))
        rows = np.array(found, dtype=np.int64).reshape(-1, 3)
        if self.options.effect > 0 and len(rows):
            rows = rows[~self._is_far(j, rows)]
        return Breaches(rows[:, 0], rows[:, 1], rows[:, 2])

    def find_intact_breaches(self, amount: Floats) -> Ints:
        """List the buses whose injection, one at a time, breaks something with everything in service.

        Parameters
        ----------
        amount : (n_bus,) float
            [p.u.].
        """
        result = self._solve_each(amount)
        found = result.findings
        depth = _find_depth(found.kind, found.position, found.value, self.before)
        broken = set(np.flatnonzero(~result.solved).tolist())
        broken |= set(np.flatnonzero(~self._solve_each(amount * STRETCH["nose"]).solved).tolist())
        for j, kind, position, measure in zip(found.scenario, found.kind, found.position, depth, strict=True):
            before = self.existing.get((-1, int(kind), int(position)), -math.inf)
            if measure > before + self.growth.get(int(kind), WORSE["voltage_low"]):
                broken.add(int(j))
        return np.array(sorted(broken), dtype=np.int64)

    def _solve_each(self, amount: Floats) -> BatchResult:
        """Solve the intact state with the injection at each bus, one at a time."""
        loads = [self._load(j, one) for j, one in enumerate(amount.tolist())]
        sets = Injections(load_p=np.stack([p for p, _ in loads]), load_q=np.stack([q for _, q in loads]))
        return solve_batch(self.case, self.plan, None, sets, watch=self.before)

    def _is_far(self, j: int, rows: Ints) -> Bools:
        """Mark overloads of branches that the injection moves by less than ``options.effect``, by DC."""
        flow = self.options.power_flow
        plan = plan_dc(self.case, flow.dc_convention, flow.distributed_slack)
        node = self.case.bus_node[self.case.load_bus[self.probe[[j]]]]
        slope = self.find_slope(plan, node)
        far = np.zeros(len(rows), dtype=bool)
        for outage in np.unique(rows[:, 0]).tolist():
            mine = (rows[:, 0] == outage) & (rows[:, 1] == THERMAL)
            after = slope
            if outage >= 0:
                lost = [i for i in self.outages[outage].branch if self.case.branch_on[i]]
                if not lost or find_splitting_sets(self.case, [lost])[0]:
                    continue
                after = compute_set_factors(self.case, plan, [lost]).apply(0, slope)
            far[mine] = np.abs(after[rows[mine, 2]]) < self.options.effect
        return far

    def find_slope(self, plan: DcPlan, node: Ints) -> Floats:
        """Change of every flow per MW of the injection at first, by DC, (n_branch,) [MW/MW]."""
        flow = self.options.power_flow
        drawn = np.nan_to_num(compute_drawn(plan, node, self.options.direction)[0])
        state = solve_dc(self.case, flow.dc_convention, flow.distributed_slack, plan)
        path = trace_pickup(state, plan, int(plan.islands.island[node[0]]), STEP_MW, self.options.direction)
        moved = 0.0 if path is None else (path.flow[1] - path.flow[0]) / path.amount[1]
        return np.asarray(drawn + moved)

    def rank_carriers(self, j: int, count: int) -> Ints:
        """Find the outages of the branches that carry most of the injection, by DC; none splits the grid."""
        flow = self.options.power_flow
        plan = plan_dc(self.case, flow.dc_convention, flow.distributed_slack)
        slope = np.abs(self.find_slope(plan, self.case.bus_node[self.case.load_bus[self.probe[[j]]]]))
        splits = find_splitting_sets(self.case, [one.branch for one in self.outages])
        carried = [max((slope[i] for i in one.branch), default=0.0) for one in self.outages]
        return np.argsort(-np.where(splits, -1.0, carried), kind="stable")[:count]

    def bisect(
        self, j: int, upper: float, kinds: Sequence[str] = KINDS, outages: Ints | None = None
    ) -> dict[str, Met]:
        """Find the largest injection at bus `j` without a new or worse violation, kind by kind.

        Parameters
        ----------
        upper : float
            Nothing above is looked for [p.u.].
        outages : (k,) int, optional
            Outages looked at; None: all.

        Notes
        -----
        First with everything in service; then all outages are solved at what that allows, and those with a
        breach there are bisected. A breach of an outage that shows below that alone is not seen. The margin
        to the nose is looked at last, up to what the other kinds leave: there must be a solution with the
        injection larger by `NOSE_MARGIN`.
        """
        every = np.arange(len(self.outages)) if outages is None else outages
        seen: dict[float, Breaches] = {}
        met: dict[str, Met] = {}
        for kind in kinds:
            met[kind] = Met(_reach(met) if kind == "nose" and met else upper)
            for after_outage in (False, True):
                top = met[kind].amount * STRETCH.get(kind, 1.0)
                if top > 0:
                    if top not in seen:
                        seen[top] = self.find_breaches(j, top, every)
                    met[kind] = self._narrow(j, met[kind], kind, seen[top], after_outage)
        return met

    def _narrow(self, j: int, top: Met, kind: str, breaches: Breaches, after_outage: bool) -> Met:
        """Bisect below a power whose breaches are known: of the intact state, or of the outages in it."""
        mine = breaches.select(kind) & ((breaches.outage >= 0) == after_outage)
        if not mine.any():
            return top
        suspects = np.unique(breaches.outage[mine]) if after_outage else np.empty(0, dtype=np.int64)
        low, high, last = 0.0, top.amount, breaches
        while high - low > STEP_MW / self.case.base_mva:
            middle = 0.5 * (low + high)
            found = self.find_breaches(j, middle * STRETCH.get(kind, 1.0), suspects)
            if found.select(kind).any():
                high, last = middle, found
            else:
                low = middle
        return self._name(low, last, kind)

    def _name(self, amount: float, breaches: Breaches, kind: str) -> Met:
        first = int(np.flatnonzero(breaches.select(kind))[0])
        outage, what, position = (
            int(part[first]) for part in (breaches.outage, breaches.kind, breaches.position)
        )
        labels = self.case.labels
        if what == UNSOLVED:
            element = "no AC solution"
        elif what == THERMAL:
            element = labels.branch[position]
        else:
            element = labels.bus[int(np.flatnonzero(self.case.bus_node == position)[0])]
        return Met(amount, element, self.names[outage] if outage >= 0 else "", self.state.label)


def _find_depth(kind: Ints, position: Ints, value: Floats, watch: Watch) -> Floats:
    """How bad violations are: loading [%], or distance beyond the limit [p.u.]; growing."""
    depth = value.copy()
    low, high = kind == VOLTAGE_LOW, kind == VOLTAGE_HIGH
    depth[low] = watch.vm_low[position[low]] - value[low]
    depth[high] = value[high] - watch.vm_high[position[high]]
    return depth


def check_by_ac(
    net: Network,
    snapshots: Sequence[str],
    buses: Sequence[str],
    criteria: Criteria | None,
    options: HostingOptions,
    upper: Floats,
    rooms: Floats,
) -> list[dict[str, Met]]:
    """Lower DC figures by AC: all outages in the tightest states of each bus, the intact grid in all.

    Parameters
    ----------
    net : Network
    snapshots : sequence of str
        States; ("",) for the tables themselves.
    buses : sequence of str
    upper : (n_bus,) float
        DC figure [p.u.].
    rooms : (n_state, n_bus) float
        DC room of each state by itself: says which are the tightest.

    Returns
    -------
    list of dict
        Per bus: kind of `KINDS` -> Met. Where no nose is near, its amount is what the others leave.
    """
    probed = add_probes(net, buses)
    tight = np.argsort(rooms, axis=0, kind="stable")[:TIGHT_STATES]
    met = [{kind: Met(float(amount)) for kind in KINDS} for amount in upper]
    for k in np.argsort(np.bincount(tight.ravel(), minlength=len(snapshots)), kind="stable")[::-1].tolist():
        search = AcSearch(probed, snapshots[k] or None, buses, criteria, options, bool((tight == k).any()))
        mine = np.flatnonzero((tight == k).any(axis=0))
        rest = search.find_intact_breaches(np.array([_reach(one) for one in met]))
        work = [(j, True) for j in mine.tolist()] + [(j, False) for j in np.setdiff1d(rest, mine).tolist()]

        def look(job: tuple[int, bool], search: AcSearch = search) -> tuple[int, dict[str, Met]]:
            j, outages = job
            none = np.empty(0, dtype=np.int64)
            return j, search.bisect(j, _reach(met[j]), outages=None if outages else none)

        with ThreadPoolExecutor(options.power_flow.threads or 1) as pool:
            for j, found in pool.map(look, work):
                for kind in KINDS:
                    if found[kind].element and found[kind].amount < met[j][kind].amount:
                        met[j][kind] = found[kind]
    for one in met:
        if not one["nose"].element:
            one["nose"] = Met(_reach(one))
    return met


def _reach(met: dict[str, Met]) -> float:
    return min(one.amount for one in met.values())
