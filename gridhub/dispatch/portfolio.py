"""Sites, plants, storage and lines together at least cost of a year, as a MILP on HiGHS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from gridhub.case.case import Bools, Floats, Ints

WEAR = 1e-6
"""Price of discharging over that of energy: of two ways of running storage at one cost, the idle one."""

ROUNDING = 1e-8
"""Numbers of a solution below count as 0."""


@dataclass(frozen=True, slots=True, eq=False)
class GridScenario:
    """Flows of one state of the grid, intact or after an outage, linear in loads and new lines.

    Attributes
    ----------
    start : (r,) float
        Flow of each limited branch with the units following the whole total and no hub drawing [p.u.].
    per_site : (r, s) float
        Change per unit drawn at each site.
    per_work : (r, c) float
        Change per unit that flows through each new line.
    limit : (r,) float
        [p.u.]
    angle_start, angle_per_site, angle_per_work : (c,), (c, s) and (c, c) float
        Angle from end less to end of each new line [rad], likewise.
    susceptance, rate, slack : (c,) float
        Of each new line; and what its flow may be off its angles where it is not built [p.u.].
    alive : (c,) bool
        False: the new line is the one that is out.
    """

    start: Floats
    per_site: Floats
    per_work: Floats
    limit: Floats
    angle_start: Floats
    angle_per_site: Floats
    angle_per_work: Floats
    susceptance: Floats
    rate: Floats
    slack: Floats
    alive: Bools


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioProblem:
    """What may be built, what must be served. Power in p.u., energy in p.u. h, money of a year.

    Attributes
    ----------
    total : float
        Contract power of all sites together.
    low, high, cost, cost_per_unit : (s,) float
        Of a site, if it is used.
    load : (t,) float
        Draw per unit of contract power.
    weight : (t,) float
        Hours each hour stands for.
    block : int
        Hours in a row; storage ends each block as it began.
    output : (t, s, k) float
        Of a unit of each kind of plant at each site.
    plant_cost, plant_high : (k,) and (s, k) float
    power_cost, energy_cost, storage_high, efficiency : float, float, (s,) float, float
    grid_price, grid_share : (t,) float
    share : float
        Least carbon-free share of the energy.
    work_cost : (c,) float
    scenarios : tuple of GridScenario
    """

    total: float
    low: Floats
    high: Floats
    cost: Floats
    cost_per_unit: Floats
    load: Floats
    weight: Floats
    block: int
    output: Floats
    plant_cost: Floats
    plant_high: Floats
    power_cost: float
    energy_cost: float
    storage_high: Floats
    efficiency: float
    grid_price: Floats
    grid_share: Floats
    share: float
    work_cost: Floats
    scenarios: tuple[GridScenario, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioSolution:
    """What is built.

    Attributes
    ----------
    status : str
        "optimal", "time limit", or "infeasible"; numbers are NaN where nothing was found.
    contract : (s,) float
    plant : (s, k) float
    power, energy : (s,) float
    works : (c,) bool
    grid, charge, discharge, stored : (t, s) float
    cost : float
        Of a year.
    bound : float
        No portfolio is cheaper.
    """

    status: str
    contract: Floats
    plant: Floats
    power: Floats
    energy: Floats
    works: Bools
    grid: Floats
    charge: Floats
    discharge: Floats
    stored: Floats
    cost: float
    bound: float


@dataclass(slots=True, eq=False)
class _Rows:
    """Rows of the programme as they are collected."""

    row: list[Ints] = field(default_factory=list)
    column: list[Ints] = field(default_factory=list)
    value: list[Floats] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, terms: Sequence[tuple[Ints, Floats]], low: Floats, high: Floats) -> None:
        """Add n rows; each term gives for all of them the columns, (n,) or (n, m), and coefficients alike."""
        n = len(low)
        rows = self.count + np.arange(n)
        for column, value in terms:
            wide = np.broadcast_to(np.asarray(column).reshape(n, -1), (n, np.asarray(column).size // n))
            self.row.append(np.repeat(rows, wide.shape[1]))
            self.column.append(wide.ravel())
            self.value.append(
                np.broadcast_to(np.asarray(value, dtype=float).reshape(n, -1), wide.shape).ravel()
            )
        self.low.append(np.asarray(low, dtype=float))
        self.high.append(np.asarray(high, dtype=float))
        self.count += n

    def build(self, columns: int) -> LinearConstraint:
        values = np.concatenate(self.value)
        place = np.concatenate(self.row), np.concatenate(self.column)
        kept = np.abs(values) > 1e-9
        matrix = coo_array((values[kept], (place[0][kept], place[1][kept])), shape=(self.count, columns))
        return LinearConstraint(csr_array(matrix), np.concatenate(self.low), np.concatenate(self.high))


def solve_portfolio(problem: PortfolioProblem, time_limit_s: float = 300.0) -> PortfolioSolution:
    r"""Find sites, plants, storage and lines with the smallest cost of a year.

    Parameters
    ----------
    problem : PortfolioProblem
    time_limit_s : float

    Returns
    -------
    PortfolioSolution

    Notes
    -----
    With contract power x, plants p, storage P, E, energy from the grid u and lines y of a site s:

    .. math:: \min \sum_s (c_s z_s + v_s x_s + \sum_k a_k p_{sk} + b P_s + h E_s) + \sum_c w_c y_c
              + \sum_{st} w_t \pi_t u_{st}

    .. math:: \sum_s x_s = X, \quad l_s z_s \le x_s \le m_s z_s, \quad
              \sum_k f_{tsk} p_{sk} + d_{st} - q_{st} + u_{st} \ge \lambda_t x_s, \quad
              u_{st} \le \lambda_t x_s

    .. math:: \sum_{st} w_t (1 - g_t) u_{st} \le (1 - \text{share}) X \sum_t w_t \lambda_t

    In each state of the grid :math:`|F + D x + H f| \le r`, and for a new line
    :math:`|f_c| \le r_c y_c`, :math:`|f_c - b_c \Delta\theta_c(x, f)| \le M_c (1 - y_c)`: exact DC for every
    set of lines (disjunctive model). The grid sees the contract power, whatever plants give.

    References
    ----------
    L. Bahiense, G. C. Oliveira, M. Pereira, S. Granville, "A mixed integer disjunctive model for transmission
    network expansion", IEEE Transactions on Power Systems 16 (2001) 560-565, doi:10.1109/59.932295.
    """
    layout = _Layout(problem)
    rows = _Rows()
    layout.add_sites(rows)
    layout.add_hours(rows)
    for number, scenario in enumerate(problem.scenarios):
        layout.add_scenario(rows, number, scenario)
    price = layout.build_price()
    scale = max(float(np.abs(price).max(initial=0.0)), 1e-12)
    low, high, whole = layout.build_bounds()
    found = milp(
        price / scale,
        integrality=whole,
        bounds=Bounds(low, high),
        constraints=rows.build(layout.count),
        options={"mip_rel_gap": 1e-6, "time_limit": time_limit_s},
    )
    if found.x is None:
        return layout.fail("infeasible" if found.status == 2 else str(found.message))
    bound = getattr(found, "mip_dual_bound", None)
    return layout.read(
        found.x,
        "optimal" if found.status == 0 else "time limit",
        float(price @ found.x),
        scale * float(bound) if bound is not None else float(price @ found.x),
    )


class _Layout:
    """Where columns stand: sites, plants, storage, works; by hour and site; flows of works by scenario."""

    def __init__(self, problem: PortfolioProblem) -> None:
        self.problem = problem
        t, s, k = problem.output.shape
        c, n = len(problem.work_cost), len(problem.scenarios)
        self.t, self.s, self.k, self.c = t, s, k, c
        sizes = [s, s, s * k, s, s, c, t * s, t * s, t * s, t * s, n * c]
        ends = np.cumsum(sizes)
        parts = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        self.count = int(ends[-1])
        self.x, self.z, plant, self.power, self.energy, self.y = parts[:6]
        self.plant = plant.reshape(s, k)
        self.grid, self.charge, self.discharge, self.stored = (one.reshape(t, s) for one in parts[6:10])
        self.flow = parts[10].reshape(n, c)

    def build_price(self) -> Floats:
        p = self.problem
        price = np.zeros(self.count)
        price[self.x], price[self.z], price[self.y] = p.cost_per_unit, p.cost, p.work_cost
        price[self.plant] = p.plant_cost[None, :]
        price[self.power], price[self.energy] = p.power_cost, p.energy_cost
        price[self.grid] = (p.weight * p.grid_price)[:, None]
        wear = WEAR * max(float(p.grid_price.max(initial=0.0)), float(p.plant_cost.max(initial=0.0)) / 8760.0)
        price[self.discharge] = (wear * p.weight)[:, None]
        return price

    def build_bounds(self) -> tuple[Floats, Floats, Floats]:
        p = self.problem
        low, high, whole = np.zeros(self.count), np.full(self.count, np.inf), np.zeros(self.count)
        high[self.x] = p.high
        high[self.z] = high[self.y] = 1.0
        whole[self.z] = whole[self.y] = 1.0
        high[self.plant] = p.plant_high
        high[self.power] = p.storage_high
        for number, scenario in enumerate(p.scenarios):
            most = np.where(scenario.alive, np.minimum(scenario.rate, scenario.slack), 0.0)
            low[self.flow[number]], high[self.flow[number]] = -most, most
        return low, high, whole

    def add_sites(self, rows: _Rows) -> None:
        p = self.problem
        none, free = np.full(self.s, -np.inf), np.full(self.s, np.inf)
        rows.add([(self.x[None, :], np.ones((1, self.s)))], np.array([p.total]), np.array([p.total]))
        rows.add([(self.x, np.ones(self.s)), (self.z, -p.high)], none, np.zeros(self.s))
        rows.add([(self.x, np.ones(self.s)), (self.z, -p.low)], np.zeros(self.s), free)

    def add_hours(self, rows: _Rows) -> None:
        """Balance, share, and storage of every hour."""
        p, one = self.problem, np.ones(self.t)
        none, zero, free = np.full(self.t, -np.inf), np.zeros(self.t), np.full(self.t, np.inf)
        first = np.arange(self.t) % p.block == 0
        before = np.where(first, np.arange(self.t) + p.block - 1, np.arange(self.t) - 1)
        lift = np.sqrt(p.efficiency)
        for s in range(self.s):
            x, power, energy = (np.full(self.t, one_[s]) for one_ in (self.x, self.power, self.energy))
            u, q, d, e = (part[:, s] for part in (self.grid, self.charge, self.discharge, self.stored))
            plants = np.tile(self.plant[s], (self.t, 1))
            terms = [(plants, p.output[:, s, :]), (d, one), (q, -one), (u, one), (x, -p.load)]
            rows.add(terms, zero, free)
            rows.add([(u, one), (x, -p.load)], none, zero)
            rows.add([(e, one), (e[before], -one), (q, -lift * one), (d, one / lift)], zero, zero)
            for flow, size in ((q, power), (d, power), (e, energy)):
                rows.add([(flow, one), (size, -one)], none, zero)
        lost = np.broadcast_to((p.weight * (1.0 - p.grid_share))[:, None], self.grid.shape)
        most = (1.0 - p.share) * p.total * float(p.weight @ p.load)
        rows.add([(self.grid.reshape(1, -1), lost.reshape(1, -1))], np.array([-np.inf]), np.array([most]))

    def add_scenario(self, rows: _Rows, number: int, scenario: GridScenario) -> None:
        f, r = self.flow[number], len(scenario.start)
        terms = [(np.tile(self.x, (r, 1)), scenario.per_site)]
        if self.c:
            terms.append((np.tile(f, (r, 1)), scenario.per_work))
        if r:
            rows.add(terms, -scenario.limit - scenario.start, scenario.limit - scenario.start)
        mine = np.flatnonzero(scenario.alive)
        if not len(mine):
            return
        one, none, free = np.ones(len(mine)), np.full(len(mine), -np.inf), np.full(len(mine), np.inf)
        most = np.minimum(scenario.rate, scenario.slack)[mine]
        for sign in (1.0, -1.0):
            rows.add([(f[mine], sign * one), (self.y[mine], -most)], none, np.zeros(len(mine)))
        b, slack = scenario.susceptance[mine, None], scenario.slack[mine]
        off = [
            (f[mine], one),
            (np.tile(f, (len(mine), 1)), -b * scenario.angle_per_work[mine]),
            (np.tile(self.x, (len(mine), 1)), -b * scenario.angle_per_site[mine]),
        ]
        fixed = b[:, 0] * scenario.angle_start[mine]
        rows.add([*off, (self.y[mine], slack)], none, fixed + slack)
        rows.add([*off, (self.y[mine], -slack)], fixed - slack, free)

    def read(self, x: Floats, status: str, cost: float, bound: float) -> PortfolioSolution:
        x = np.where(np.abs(x) < ROUNDING, 0.0, x)
        return PortfolioSolution(
            status=status,
            contract=x[self.x],
            plant=x[self.plant],
            power=x[self.power],
            energy=x[self.energy],
            works=x[self.y] > 0.5,
            grid=x[self.grid],
            charge=x[self.charge],
            discharge=x[self.discharge],
            stored=x[self.stored],
            cost=cost,
            bound=bound,
        )

    def fail(self, status: str) -> PortfolioSolution:
        return self.read(np.full(self.count, np.nan), status, np.nan, np.nan)
