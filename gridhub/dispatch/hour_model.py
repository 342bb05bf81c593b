"""The linear programme of an hour: balance, interfaces, and branch limits added as they are broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, hstack

from gridhub.case.case import Floats, Ints
from gridhub.dispatch.bent_costs import COST_ERROR, BentCosts
from gridhub.dispatch.cuts import INTACT, FlowRows, find_breaches, weigh_flows, write_flow_rows
from gridhub.dispatch.limits import FlowLimits, InterfaceLimits
from gridhub.dispatch.links import close_columns, find_both_ways
from gridhub.dispatch.losses import LOSS_TOLERANCE_MW, LossCurves
from gridhub.dispatch.problem import HourProblem, Kind, find_shift_flow
from gridhub.dispatch.programme import LinearProgramme, LpSolution, ProgrammePart
from gridhub.dispatch.security import SecurityPlan

MAX_ROUNDS = 200
"""Rounds of added limits after which an hour is given up."""

LARGEST_ANGLE = 1e3
"""Bound of every angle [rad], far beyond any that occurs: HiGHS cannot tell an infeasible programme with free
columns from a badly scaled one."""


class RowKind(StrEnum):
    """What a row holds."""

    INTERFACE = "interface"
    BRANCH = "branch"


LimitKey = tuple[RowKind, int, int]
"""Kind, branch or interface, and outage of a limit."""

NO_ALLOWANCE: Mapping[LimitKey, float] = MappingProxyType({})
"""Every limit as it is."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """By how much a solution may miss.

    Attributes
    ----------
    flow_mw : float
        A limit of the grid.
    cost : float
        Bent costs, relative to the hour's cost.
    losses_mw : float
        The losses of branches, added up.
    """

    flow_mw: float
    cost: float = COST_ERROR
    losses_mw: float = LOSS_TOLERANCE_MW


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Limits in the programme so far, in its order; the balance of the nodes stands before them.

    Attributes
    ----------
    kind : (n_row,) object
        `RowKind`.
    element, outage : (n_row,) int
        Interface or branch; the outage, `INTACT` where there is none.
    low, high : (n_row,) float
        Limits of the flow [MW]; infinite = none.
    excess : (n_row, 2) int
        Columns of the flow above `high` and below `low`; -1 where the limit is hard.
    """

    kind: np.ndarray
    element: Ints
    outage: Ints
    low: Floats
    high: Floats
    excess: Ints


class HourModel:
    """Linear programme of an hour that grows by the limits its solution breaks.

    Its columns are those of the problem, then the angles of the free nodes (times the power base), the bent
    part of quadratic costs, and what flows exceed soft limits by. Its rows are the power balance of every
    live node, that of flexible loads which may be shed too, then limits and tangents of bent costs as they
    come.

    Parameters
    ----------
    problem : HourProblem
    limits : FlowLimits
    accuracy : Accuracy
    allowance : mapping, optional
        (kind, element, outage) -> MW by which a limit is raised.
    programme : LinearProgramme, optional
        One of many hours that this one is to be a part of; None: one of its own.
    """

    def __init__(
        self,
        problem: HourProblem,
        limits: FlowLimits,
        accuracy: Accuracy,
        allowance: Mapping[LimitKey, float] = NO_ALLOWANCE,
        programme: LinearProgramme | None = None,
    ) -> None:
        self.problem, self.limits, self.tolerance_mw = problem, limits, accuracy.flow_mw
        self.allowance = allowance
        columns = problem.columns
        self.n_column, self.n_free = len(columns.kind), len(problem.plan.free)
        self.nodes = np.flatnonzero(problem.plan.islands.live)
        self.part = ProgrammePart(
            LinearProgramme(find_largest_price(problem)) if programme is None else programme
        )
        self.part.add_columns(columns.low, columns.high, columns.price)
        self.rounds = 0
        self.iterations = 0
        self.closed: Ints = np.empty(0, dtype=np.int64)
        none, no_limit = np.empty(0, dtype=np.int64), np.empty(0)
        empty = Rows(np.empty(0, dtype=object), none, none, no_limit, no_limit, none.reshape(0, 2))
        nothing = weigh_flows(problem, csr_array((0, problem.case.n_branch)))
        self._parts: list[tuple[Rows, FlowRows, csr_array, Ints]] = [
            (empty, nothing, csr_array((0, self.n_column + self.n_free)), none)
        ]
        self._known: set[tuple[int, int]] = set()
        self._add_balance()
        self._add_calls()
        self.losses = LossCurves(self.part, problem, accuracy.losses_mw)
        self.curves = BentCosts(self.part, columns, accuracy.cost)

    @property
    def rows(self) -> Rows:
        """All limits in the order of the programme's rows."""
        names = Rows.__dataclass_fields__
        return Rows(
            **{name: np.concatenate([getattr(part[0], name) for part in self._parts]) for name in names}
        )

    @property
    def cuts(self) -> tuple[Ints, Ints]:
        """Branch and outage of every branch limit added so far."""
        rows = self.rows
        chosen = rows.kind == RowKind.BRANCH
        return rows.element[chosen], rows.outage[chosen]

    def compute_row_flows(self, solution: LpSolution) -> Floats:
        """Flow that each limit holds, soft or not, (n_row,) [MW]."""
        x = solution.x[: self.n_column + self.n_free]
        return np.concatenate([matrix @ x + part.offset for _, part, matrix, _ in self._parts])

    def find_row_duals(self, solution: LpSolution) -> Floats:
        """Change of the cost per MW of each limit, (n_row,) [currency/MWh]."""
        at = np.concatenate([at for *_, at in self._parts])
        # a solution of an earlier stage knows nothing of rows added later
        there = at < len(solution.dual)
        return np.where(there, solution.dual[np.where(there, at, 0)], 0.0)

    def find_prices(self, solution: LpSolution) -> Floats:
        """Cost of one more MW drawn at each node, (n_node,) [currency/MWh]; 0 at dead ones.

        The dual of the node's balance, and of the limits that count injections rather than angles.
        """
        price = np.zeros(self.problem.case.n_node)
        price[self.nodes] = solution.dual[: len(self.nodes)]
        for _, part, _, at in self._parts:
            price += part.by_node.T @ solution.dual[at]
        return price

    def _add_balance(self) -> None:
        """Every live node: what is injected, less what is drawn, flows away.

        The angles start as basic unknowns, each standing for the balance of its node: what is left for the
        simplex method is one balance per island, as if the angles had been eliminated.
        """
        problem, plan, part = self.problem, self.problem.plan, self.part
        widest = np.full(self.n_free, LARGEST_ANGLE * problem.case.base_mva)
        part.add_columns(-widest, widest, np.zeros(self.n_free))
        away = csr_array(plan.incidence.T @ diags_array(plan.susceptance) @ plan.incidence)[self.nodes]
        shift_flow = find_shift_flow(problem.case, plan)
        value = (problem.drawn - plan.incidence.T @ shift_flow)[self.nodes]
        injected = csr_array(problem.columns.injection)[self.nodes]
        part.add_rows(csr_array(hstack([injected, -away[:, plan.free]])), value, value)
        part.start_from(
            basic_columns=self.n_column + np.arange(self.n_free),
            basic_rows=np.flatnonzero(~np.isin(self.nodes, plan.free)),
        )

    def _add_calls(self) -> None:
        """Every flexible load that may be shed too: no more is called and shed than there is load."""
        columns = self.problem.columns
        calls, loads = columns.match_calls()
        both = columns.low[loads] < columns.high[calls]
        calls, loads = calls[both], loads[both]
        count = len(calls)
        at = np.tile(np.arange(count), 2)
        entries = np.repeat([1.0, -1.0], count), (at, np.concatenate([loads, calls]))
        matrix = csr_array(coo_array(entries, shape=(count, self.part.count)))
        rows = self.part.add_rows(matrix, np.zeros(count), np.full(count, np.inf))
        self.part.start_from(np.empty(0, dtype=np.int64), rows)

    def add_interfaces(self) -> None:
        """Hold every interface within its limits, in the intact network."""
        interfaces, problem = self.limits.interfaces, self.problem
        count = len(interfaces.names)
        if not count:
            return
        of = np.flatnonzero(~interfaces.is_link)
        entries = interfaces.direction[of], (interfaces.interface[of], interfaces.member[of])
        rows = weigh_flows(problem, csr_array(coo_array(entries, shape=(count, problem.case.n_branch))))
        rows = replace(rows, by_column=csr_array(weigh_links(problem, interfaces)))
        low = np.where(np.isnan(interfaces.reverse), -np.inf, -interfaces.reverse)
        high = np.where(np.isnan(interfaces.forward), np.inf, interfaces.forward)
        intact, price = np.full(count, INTACT), self.limits.excess_price
        self._add(RowKind.INTERFACE, np.arange(count), intact, rows, low, high, price)

    def add_branches(self, security: SecurityPlan | None, branch: Ints, outage: Ints) -> int:
        """Hold branches within their limits in the given states; how many rows were not there yet."""
        new = [
            pair
            for pair in dict.fromkeys(zip(branch.tolist(), outage.tolist(), strict=True))
            if pair not in self._known
        ]
        self._known.update(new)
        rate = self.limits.rate_after
        for after, (least, most), price in (
            (False, self.limits.find_range(), self.limits.excess_price),
            (True, (-rate, rate), self.limits.excess_price_after),
        ):
            chosen = np.array([p for p in new if (p[1] != INTACT) == after], dtype=np.int64).reshape(-1, 2)
            if len(chosen):
                at, lost = chosen[:, 0], chosen[:, 1]
                rows = write_flow_rows(self.problem, security, at, lost)
                self._add(RowKind.BRANCH, at, lost, rows, least[at], most[at], price)
        return len(new)

    def _add(
        self,
        kind: RowKind,
        element: Ints,
        outage: Ints,
        rows: FlowRows,
        low: Floats,
        high: Floats,
        excess_price: float,
    ) -> None:
        count = len(element)
        matrix = csr_array(hstack([rows.by_column, rows.by_angle]))
        keys = zip(element.tolist(), outage.tolist(), strict=True)
        more = np.array([self.allowance.get((kind, *key), 0.0) for key in keys])
        low, high = low - more, high + more
        own = [matrix, csr_array((count, self.part.count - matrix.shape[1]))]
        excess = np.full((count, 2), -1)
        if np.isfinite(excess_price):
            zero, most = np.zeros(2 * count), np.full(2 * count, np.inf)
            added = self.part.add_columns(zero, most, np.full(2 * count, excess_price))
            excess = added.reshape(2, count).T
            place = (np.tile(np.arange(count), 2), np.arange(2 * count))
            sign = np.repeat([-1.0, 1.0], count)
            own.append(csr_array((sign, place), shape=(count, 2 * count)))
        at = self.part.add_rows(csr_array(hstack(own)), low - rows.offset, high - rows.offset)
        kinds = np.full(count, kind, dtype=object)
        self._parts.append((Rows(kinds, element, outage, low, high, excess), rows, matrix, at))

    def add_broken(self, security: SecurityPlan | None, solution: LpSolution) -> int:
        """Add the limits that a solution of the hour breaks; how many rows were not there yet."""
        x = solution.x[: self.n_column]
        found = find_breaches(self.problem, self.limits, security, x, self.tolerance_mw, self.cuts)
        return self.add_branches(security, found.branch, found.outage)

    def close(self, chosen: Ints) -> None:
        """Hold columns at 0 from now on."""
        self.problem = close_columns(self.problem, chosen)
        self.closed = np.concatenate([self.closed, chosen])
        for column in self.part.columns[chosen].tolist():
            self.part.programme.change_bounds(column, 0.0, 0.0)

    def solve_until_clear(self, security: SecurityPlan | None) -> LpSolution:
        """Solve, add the limits that are broken, and again until none is; see `solve_parts`."""
        return solve_parts([self], security)


def find_largest_price(problem: HourProblem) -> float:
    """Find the size of the largest price of an hour, that of a bent cost where it is steepest included."""
    columns = problem.columns
    steepest = np.abs(columns.price) + 2.0 * columns.bend * np.where(columns.bend > 0, columns.high, 0.0)
    return float(steepest[np.isfinite(steepest)].max(initial=0.0))


def solve_parts(models: Sequence[HourModel], security: SecurityPlan | None, grid: bool = True) -> LpSolution:
    """Solve hours that share a programme, add the limits that are broken, and again until none is.

    Parameters
    ----------
    models : sequence of HourModel
    security : SecurityPlan, optional
    grid : bool
        False: no limits are added, only tangents of bent costs and losses.

    Returns
    -------
    LpSolution
        Of the whole programme: optimal with every limit kept or exceeded at its price; else the first round
        that is not optimal.
    """
    programme = models[0].part.programme
    for _ in range(MAX_ROUNDS):
        solution = programme.solve()
        for model in models:
            model.rounds += grid
        models[0].iterations += solution.iterations
        if solution.status != "optimal":
            return solution
        own = [model.part.read(solution) for model in models]
        pairs = list(zip(models, own, strict=True))
        added = sum(model.curves.refine(mine) + model.losses.refine(mine) for model, mine in pairs)
        if grid:
            added += sum(model.add_broken(security, mine) for model, mine in pairs)
        if not added:
            added = sum(model.losses.hold(mine) for model, mine in pairs)
        if not added:
            return solution
    return replace(solution, status=f"{MAX_ROUNDS} rounds of limits")


def solve_one_way(
    models: Sequence[HourModel], security: SecurityPlan | None, grid: bool = True
) -> LpSolution:
    """Solve as `solve_parts` does, and again until no lossy link and no storage runs both ways at once.

    What does would burn power at a negative price; it is held to the way it nets to (`HourModel.closed`).
    Each solve starts from the basis of the last.

    Parameters
    ----------
    models, security, grid
        As for `solve_parts`.

    Returns
    -------
    LpSolution
    """
    for model in models:
        model.losses.release()
    while True:
        solution = solve_parts(models, security, grid)
        if solution.status != "optimal":
            return solution
        both = [find_both_ways(model.problem, model.part.read(solution).x) for model in models]
        if not any(map(len, both)):
            return solution
        for model, some in zip(models, both, strict=True):
            model.close(some)


def find_excess(rows: Rows, solution: LpSolution) -> Floats:
    """Flow beyond each limit that is paid for, (n_row,) [MW]."""
    # a solution of an earlier stage knows nothing of rows added later
    known = (rows.excess >= 0) & (rows.excess < len(solution.x))
    return np.asarray(np.where(known, solution.x[np.where(known, rows.excess, 0)], 0.0).sum(axis=1))


def weigh_links(problem: HourProblem, interfaces: InterfaceLimits) -> Floats:
    """Part of the links in interfaces: what enters them at the sending end, (n_interface, n_column)."""
    columns, case = problem.columns, problem.case
    total = np.zeros((len(interfaces.names), len(columns.kind)))
    for at in np.flatnonzero(interfaces.is_link).tolist():
        link, row = interfaces.member[at], interfaces.interface[at]
        share = case.hvdc_loss_share[link]
        ahead = interfaces.direction[at] > 0
        for kind, factor in (
            (Kind.LINK_FORWARD, 1.0 if ahead else -(1.0 - share)),
            (Kind.LINK_BACKWARD, -1.0 if ahead else 1.0 + share),
            (Kind.LINK_LOSS, 0.0 if ahead else 1.0),
        ):
            total[row, (columns.kind == kind) & (columns.element == link)] += factor
    return total
