"""Result of an hour out of its solved programme: power, prices, binding limits, costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Floats, Ints
from gridhub.case.matrices import sum_at_nodes
from gridhub.dispatch.hour_model import HourModel, find_excess, weigh_links
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.market import find_nearest_market
from gridhub.dispatch.offers import Offers
from gridhub.dispatch.problem import HourProblem, Kind
from gridhub.dispatch.programme import FEASIBILITY, LpSolution
from gridhub.dispatch.result import (
    NO_CONSTRAINTS,
    UNKNOWN_COST,
    Constraints,
    Cost,
    DispatchStatus,
    HourResult,
)

SMALLEST_SHADOW = 1e-7
"""Shadow price, in shares of the largest price, below which a limit does not count as binding."""


@dataclass(frozen=True, slots=True, eq=False)
class StagedRun:
    """An hour solved in stages, each adding limits to the last.

    Attributes
    ----------
    problem : HourProblem
        With closed directions of links.
    model : HourModel
    market : LpSolution
        Without a grid.
    intact : LpSolution or None
        With the limits of the intact network; None where `market` has no solution.
    last : LpSolution
        The last stage that was reached.
    message : str
        What a reader should know.
    rounds, iterations : int
    """

    problem: HourProblem
    model: HourModel
    market: LpSolution
    intact: LpSolution | None
    last: LpSolution
    message: str
    rounds: int
    iterations: int


def price_buses(
    problem: HourProblem, price: Floats, delivery: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    r"""Price of each bus, and its parts of energy and losses [currency/MWh].

    Parameters
    ----------
    problem : HourProblem
    price : (n_node,) float
        Of one more MW drawn at each node.
    delivery : (n_node,) float, optional
        Prices that a grid without limits would have, up to a factor for each island
        (`gridhub.dispatch.losses.LossCurves.find_delivery`); None: without losses.

    Returns
    -------
    price, energy, loss : (n_bus,) float
        NaN in dead islands. An island without load is priced at its reference.

    Notes
    -----
    Energy is the load-weighted mean of the island. With the prices v that losses alone would make, of mean 1,

    .. math:: \pi = \lambda + \lambda (v - 1) + (\pi - \lambda v), \quad \lambda = w'\pi,\; w'v = 1

    are energy, losses and congestion, of which the last two have mean 0.
    """
    case, islands = problem.case, problem.plan.islands
    load = np.where(case.load_on, np.maximum(case.load_p, 0.0), 0.0)
    weight = sum_at_nodes(case, case.load_bus, load)
    total = np.bincount(islands.island, weight, islands.count)
    bare = np.flatnonzero((total == 0) & (islands.reference >= 0))
    weight[islands.reference[bare]] = 1.0
    total[bare] = 1.0
    total[islands.reference < 0] = np.nan
    delivery = np.ones(len(price)) if delivery is None else delivery
    mean, scale = (
        (np.bincount(islands.island, weight * one, islands.count) / total)[islands.island]
        for one in (price, delivery)
    )
    loss = mean * (delivery / scale - 1.0)
    node = case.bus_node
    there = (node >= 0) & np.where(node >= 0, islands.live[node], False)
    found = (np.where(there, one[node], np.nan) for one in (price, mean, loss))
    return next(found), next(found), next(found)


class HourReader:
    """Reads the result of an hour out of its programme.

    Parameters
    ----------
    offers : Offers
    limits : FlowLimits
    run : StagedRun
    """

    def __init__(self, offers: Offers, limits: FlowLimits, run: StagedRun) -> None:
        self.problem, self.offers, self.limits, self.run = run.problem, offers, limits, run
        self.n_column = len(run.problem.columns.kind)

    def read(self, status: DispatchStatus) -> HourResult:
        """Read an hour whose last stage is optimal."""
        last, problem = self.run.last, self.problem
        x = last.x[: self.n_column]
        change = self._sum_units(x) - self._sum_units(find_nearest_market(problem, self.run.market, x))
        delivery = self.run.model.losses.find_delivery(last)
        price, energy, loss = price_buses(problem, self.run.model.find_prices(last), delivery)
        return replace(
            self._read_power(status, x),
            cost=self._compute_cost(last),
            price=price,
            price_energy=energy,
            price_loss=loss,
            price_congestion=price - energy - loss,
            constraints=self._list_constraints(last),
            constrained_off=np.maximum(-change, 0.0),
            constrained_on=np.maximum(change, 0.0),
        )

    def read_unsolved(self, status: DispatchStatus) -> HourResult:
        """Read an hour without any dispatch: NaN."""
        return self._read_power(status, np.full(self.n_column, np.nan))

    def _read_power(self, status: DispatchStatus, x: Floats) -> HourResult:
        problem, case, columns, run = self.problem, self.problem.case, self.problem.columns, self.run
        p, flow = self._sum_units(x), problem.compute_flow(x)
        no_bus, no_unit = np.full(len(case.bus_node), np.nan), np.full(len(p), np.nan)
        return HourResult(
            status=status,
            message=run.message,
            generator_p=p,
            curtailment=self._find_curtailment(p),
            storage_p=columns.sum_by_element(x, len(case.storage_bus), Kind.STORAGE_OUT, Kind.STORAGE_IN),
            hvdc_p=columns.sum_by_element(x, len(case.hvdc_on), Kind.LINK_FORWARD, Kind.LINK_BACKWARD),
            shed=self._find_shed(x),
            called=self._find_called(x),
            dead_load_mw=self._find_dead_load(),
            flow=flow,
            interface_flow=self._sum_interfaces(x, flow),
            losses=columns.sum_by_element(x, case.n_branch, Kind.BRANCH_LOSS),
            cost=UNKNOWN_COST,
            cost_intact=self._total(run.intact),
            cost_market=self._total(run.market),
            price=no_bus,
            price_energy=no_bus,
            price_loss=no_bus,
            price_congestion=no_bus,
            constraints=NO_CONSTRAINTS,
            constrained_off=no_unit,
            constrained_on=no_unit,
            cuts=np.stack(run.model.cuts),
            rounds=run.rounds,
            iterations=run.iterations,
        )

    def _sum_units(self, x: Floats) -> Floats:
        columns, n = self.problem.columns, len(self.problem.case.generator_bus)
        return columns.sum_by_element(x, n, Kind.UNIT_BASE) + columns.sum_by_element(x, n, Kind.UNIT_BLOCK)

    def _find_alive_units(self) -> Ints:
        columns = self.problem.columns
        return np.asarray(columns.element[columns.kind == Kind.UNIT_BASE])

    def _find_curtailment(self, p: Floats) -> Floats:
        units = self.offers.units
        curtailable = np.zeros(len(p), dtype=bool)
        curtailable[self._find_alive_units()] = True
        curtailable &= ~np.isnan(units.curtail_price)
        return np.where(curtailable, np.maximum(units.high - p, 0.0), 0.0)

    def _find_shed(self, x: Floats) -> Floats:
        columns, case = self.problem.columns, self.problem.case
        chosen = np.flatnonzero(columns.kind == Kind.LOAD)
        shed = np.zeros(len(case.load_bus))
        shed[columns.element[chosen]] = case.base_mva * case.load_p[columns.element[chosen]] - x[chosen]
        return np.where(np.abs(shed) > FEASIBILITY, shed, 0.0)

    def _find_called(self, x: Floats) -> Floats:
        called = self.problem.columns.sum_by_element(x, len(self.problem.case.load_bus), Kind.CALL)
        return np.where(np.abs(called) > FEASIBILITY, called, 0.0)

    def _find_dead_load(self) -> float:
        columns, case = self.problem.columns, self.problem.case
        dead = case.load_on.copy()
        dead[columns.element[columns.kind == Kind.LOAD]] = False
        return float(case.base_mva * case.load_p[dead].sum())

    def _sum_interfaces(self, x: Floats, flow: Floats) -> Floats:
        interfaces = self.limits.interfaces
        of = ~interfaces.is_link
        total = np.bincount(
            interfaces.interface[of],
            interfaces.direction[of] * flow[interfaces.member[of]],
            len(interfaces.names),
        )
        return np.asarray(total + weigh_links(self.problem, interfaces) @ x)

    def _compute_cost(self, solution: LpSolution) -> Cost:
        columns, offers = self.problem.columns, self.offers
        units, storage, x = offers.units, offers.storage, solution.x[: self.n_column]
        block = np.flatnonzero(columns.kind == Kind.UNIT_BLOCK)
        curtail_price = np.nan_to_num(units.curtail_price)
        own_price = columns.price[block] + curtail_price[columns.element[block]]
        shed = self._find_shed(x)
        paid = (shed > 0) & np.isfinite(offers.shed_price)  # firm load that gives way has no price
        out, into = (columns.kind == kind for kind in (Kind.STORAGE_OUT, Kind.STORAGE_IN))
        rows = self.run.model.rows
        price = np.where(rows.outage < 0, self.limits.excess_price, self.limits.excess_price_after)
        over = find_excess(rows, solution)
        return Cost(
            generation=float(
                units.constant[self._find_alive_units()].sum()
                + own_price @ x[block]
                + columns.bend[block] @ x[block] ** 2
            ),
            curtailment=float(curtail_price @ self._find_curtailment(self._sum_units(x))),
            storage=float(
                storage.discharge_price[columns.element[out]] @ x[out]
                - storage.charge_value[columns.element[into]] @ x[into]
            ),
            shedding=float(offers.shed_price[paid] @ shed[paid]),
            calls=float(offers.call_price @ self._find_called(x)),
            excess=float(price[over > 0] @ over[over > 0]),
        )

    def _total(self, solution: LpSolution | None) -> float:
        if solution is None or solution.status != "optimal":
            return float("nan")
        return self._compute_cost(solution).total

    def _list_constraints(self, solution: LpSolution) -> Constraints:
        rows, columns = self.run.model.rows, self.problem.columns
        x = solution.x[: self.n_column]
        least = SMALLEST_SHADOW * max(1.0, float(np.abs(columns.price).max(initial=0.0)))
        over = find_excess(rows, solution)
        dual = self.run.model.find_row_duals(solution)
        chosen = np.flatnonzero((np.abs(dual) > least) | (over > 1e-6))
        flow = self.run.model.compute_row_flows(solution)[chosen]
        limit = np.where(dual[chosen] < 0, rows.high[chosen], rows.low[chosen])
        link = np.flatnonzero(
            columns.select(Kind.LINK_FORWARD, Kind.LINK_BACKWARD)
            & (columns.high > columns.low)
            & (solution.reduced_cost[: self.n_column] < -least)
        )
        sign = np.where(columns.kind[link] == Kind.LINK_FORWARD, 1.0, -1.0)
        shadow = np.concatenate([np.abs(dual[chosen]), -solution.reduced_cost[link]])
        limit = np.concatenate([limit, sign * columns.high[link]])
        return Constraints(
            kind=tuple(str(kind) for kind in rows.kind[chosen]) + ("link",) * len(link),
            element=np.concatenate([rows.element[chosen], columns.element[link]]),
            outage=np.concatenate([rows.outage[chosen], np.full(len(link), -1)]),
            flow=np.concatenate([flow, sign * x[link]]),
            limit=limit,
            shadow_price=shadow,
            rent=shadow * np.abs(limit),
            excess=np.concatenate([over[chosen], np.zeros(len(link))]),
        )
