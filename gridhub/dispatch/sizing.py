"""Plants and storage of a hub sized by one linear programme over all hours: target share, or budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import block_array, coo_array, csr_array, eye_array

from gridhub.case.case import Floats
from gridhub.dispatch.programme import LinearProgramme

WEAR = 1e-6
"""Price of discharging, over the largest of plants per MWh of a full year: of two ways of running storage
that cost the same, the one that does not charge and discharge at once."""

HOURS_OF_YEAR = 8760.0


@dataclass(frozen=True, slots=True, eq=False)
class SizingProblem:
    """What a hub may build, and what it must serve.

    Attributes
    ----------
    load : (n,) float
        [MW], above 0 in some hour.
    weight : (n,) float
        Hours each hour stands for.
    block : int
        Hours in a row; storage ends each block as it began. n is a multiple of it.
    output : (n, k) float
        What a MW of each plant can give [MW].
    plant_cost, plant_low, plant_high : (k,) float
        [currency/MW] over all hours; [MW].
    power_cost, power_low, power_high : (s,) float
        Of storage units' power [currency/MW] over all hours; [MW].
    energy_cost, energy_low, energy_high : (s,) float
        Of what they hold [currency/MWh] over all hours; [MWh].
    efficiency : (s,) float
        Round trip.
    grid_price : (n,) float
        Of what is not matched [currency/MWh].
    grid_share : (n,) float
        Part of what is not matched that counts towards the target; 0: nothing of the grid does.
    """

    load: Floats
    weight: Floats
    block: int
    output: Floats
    plant_cost: Floats
    plant_low: Floats
    plant_high: Floats
    power_cost: Floats
    power_low: Floats
    power_high: Floats
    energy_cost: Floats
    energy_low: Floats
    energy_high: Floats
    efficiency: Floats
    grid_price: Floats
    grid_share: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SizingSolution:
    """How a sizing ended.

    Attributes
    ----------
    status : str
        "optimal", "infeasible", or what else HiGHS says; numbers are NaN if not optimal.
    plant_mw : (k,) float
    power_mw, energy_mwh : (s,) float
    unmatched, available : (n,) float
        Load not covered; what all plants together can give [MW].
    charge, discharge, stored : (n, s) float
        [MW]; after the hour [MWh].
    share : float
        Of the load, the grid's part included where it counts.
    cost : float
        Plants, storage, and energy from the grid [currency] over all hours.
    price_of_share : float
        What one more MWh of share costs [currency/MWh]; NaN without a target.
    """

    status: str
    plant_mw: Floats
    power_mw: Floats
    energy_mwh: Floats
    unmatched: Floats
    available: Floats
    charge: Floats
    discharge: Floats
    stored: Floats
    share: float
    cost: float
    price_of_share: float


def solve_sizing(
    problem: SizingProblem, share: float | None = None, budget: float | None = None
) -> SizingSolution:
    r"""Size plants and storage at least cost for a share, or for the largest share a budget buys.

    Parameters
    ----------
    problem : SizingProblem
    share : float, optional
        Least share of the load, 0 … 1.
    budget : float, optional
        Largest cost [currency] over all hours. The share is then the largest, and without either of the two
        the largest that the bounds of the sizes allow.

    Returns
    -------
    SizingSolution

    Raises
    ------
    ValueError
        If both are given.

    Notes
    -----
    With plants x, unmatched load u, charge c, discharge d and stored energy e:

    .. math:: \min \; \sum_k a_k x_k + \sum_s (b_s P_s + h_s E_s) + \sum_t w_t \pi_t u_t

    .. math:: \sum_k f_{kt} x_k + \sum_s (d_{st} - c_{st}) + u_t \ge L_t, \quad
              e_{st} = e_{s,t-1} + \sqrt{\eta_s}\, c_{st} - d_{st} / \sqrt{\eta_s}, \quad
              c_{st}, d_{st} \le P_s, \; e_{st} \le E_s

    .. math:: \sum_t w_t (1 - g_t)\, u_t \le (1 - \text{share}) \sum_t w_t L_t, \quad 0 \le u_t \le L_t

    Only contracted plants charge: charging while load is not matched loses energy and is never optimal.
    """
    if share is not None and budget is not None:
        raise ValueError("give a share or a budget, not both")
    return _Run(problem, share is not None, budget).solve(share)


def solve_shares(problem: SizingProblem, shares: Iterable[float]) -> Iterator[SizingSolution]:
    """Size plants and storage at least cost for several shares, each from the basis of the one before.

    Parameters
    ----------
    problem : SizingProblem
    shares : iterable of float
        Least shares of the load; near ones after each other are quick.

    Yields
    ------
    SizingSolution
        As `solve_sizing` gives.
    """
    run = _Run(problem, True, None)
    for share in shares:
        yield run.solve(share)


class _Run:
    """A programme that is built once and solved for one share after the other."""

    def __init__(self, problem: SizingProblem, by_share: bool, budget: float | None) -> None:
        self.problem, self.layout = problem, _Layout(problem)
        layout = self.layout
        fixed, hourly = layout.build_cost(problem), problem.weight * problem.grid_price
        rest = np.zeros(layout.count - layout.fixed - layout.n)
        self.cost = np.concatenate([fixed, hourly, rest])
        missing = problem.weight * (1.0 - problem.grid_share)
        lost = np.concatenate([np.zeros(layout.fixed), missing, rest])
        wear = WEAR * (float(fixed.max(initial=0.0)) / HOURS_OF_YEAR if by_share else 1.0)
        price = (self.cost if by_share else lost) + wear * layout.mark_discharge(problem)
        self.programme = LinearProgramme(float(np.abs(price).max(initial=0.0)), cold=True)
        self.programme.add_columns(*layout.build_bounds(problem), price)
        self.programme.add_rows(*layout.build_rows(problem))
        values = lost if by_share else self.cost
        self.scale = max(float(np.abs(values).max()), 1e-12)
        self.row = -1
        if by_share or budget is not None:
            limit = np.inf if budget is None else budget / self.scale
            row = csr_array(values[None, :] / self.scale)
            added = self.programme.add_rows(row, np.array([-np.inf]), np.array([limit]))
            self.row = int(added[0])

    def solve(self, share: float | None) -> SizingSolution:
        """Solve for a share, or for what else the programme was built for."""
        if share is not None:
            total = float(self.problem.weight @ self.problem.load)
            self.programme.change_row(self.row, -np.inf, (1.0 - share) * total / self.scale)
        solution = self.programme.solve()
        if solution.status != "optimal":
            return self.layout.fail(self.problem, solution.status)
        dual = np.nan if share is None else -float(solution.dual[self.row]) / self.scale
        return self.layout.read(self.problem, solution.x, self.cost, dual)


class _Layout:
    """Where columns stand: plants, power, energy; then by hour unmatched, charge, discharge, stored."""

    def __init__(self, problem: SizingProblem) -> None:
        self.n, self.k, self.s = len(problem.load), len(problem.plant_cost), len(problem.power_cost)
        self.fixed = self.k + 2 * self.s
        self.count = self.fixed + self.n * (1 + 3 * self.s)

    def build_cost(self, problem: SizingProblem) -> Floats:
        return np.concatenate([problem.plant_cost, problem.power_cost, problem.energy_cost])

    def build_bounds(self, problem: SizingProblem) -> tuple[Floats, Floats]:
        lows = [problem.plant_low, problem.power_low, problem.energy_low]
        highs = [problem.plant_high, problem.power_high, problem.energy_high, problem.load]
        low = np.concatenate([*lows, np.zeros(self.n * (1 + 3 * self.s))])
        return low, np.concatenate([*highs, np.full(3 * self.s * self.n, np.inf)])

    def mark_discharge(self, problem: SizingProblem) -> Floats:
        marks = np.zeros(self.count)
        for s in range(self.s):
            first = self.fixed + self.n * (2 + 3 * s)
            marks[first : first + self.n] = problem.weight
        return marks

    def build_rows(self, problem: SizingProblem) -> tuple[csr_array, Floats, Floats]:
        """Balance of every hour; then of every storage unit the energy, and the three sizes."""
        n, k, s = self.n, self.k, self.s
        one = eye_array(n, format="csr")
        hour = np.arange(n)
        before = np.where(hour % problem.block == 0, hour + problem.block - 1, hour - 1)
        step = csr_array((np.ones(n), (hour, before)), shape=(n, n)) - one
        root = np.sqrt(problem.efficiency)
        balance = [csr_array((n, 2 * s)), one] + [part for _ in range(s) for part in (-one, one, None)]
        rows = [[csr_array(problem.output) if k else csr_array((n, 0)), *balance]]
        low, high = [problem.load], [np.full(n, np.inf)]
        for i in range(s):
            front = [csr_array((n, k))]
            sizes = [_put(n, 2 * s, column) for column in (i, i, s + i)]
            empty: list[csr_array | None] = [None] * (3 * s)
            energy = list(empty)
            energy[3 * i : 3 * i + 3] = [root[i] * one, -one / root[i], step]
            rows.append([*front, csr_array((n, 2 * s)), None, *energy])
            low.append(np.zeros(n))
            high.append(np.zeros(n))
            for place, size in enumerate(sizes):
                within = list(empty)
                within[3 * i + place] = one
                rows.append([*front, -size, None, *within])
                low.append(np.full(n, -np.inf))
                high.append(np.zeros(n))
        widths = [k, 2 * s, n] + [n] * (3 * s)
        filled = [
            [csr_array((n, width)) if part is None else part for part, width in zip(row, widths, strict=True)]
            for row in rows
        ]
        return csr_array(block_array(filled, format="csr")), np.concatenate(low), np.concatenate(high)

    def read(self, problem: SizingProblem, x: Floats, cost: Floats, dual: float) -> SizingSolution:
        n, k, s = self.n, self.k, self.s
        hourly = x[self.fixed + n :].reshape(s, 3, n).transpose(1, 2, 0)
        charge, discharge, stored = np.maximum(hourly, 0.0)
        available = problem.output @ x[:k]
        need = problem.load + charge.sum(axis=1) - discharge.sum(axis=1) - available
        unmatched = np.clip(need, 0.0, problem.load)
        total = float(problem.weight @ problem.load)
        grid = float((problem.weight * problem.grid_price) @ unmatched)
        return SizingSolution(
            status="optimal",
            plant_mw=x[:k],
            power_mw=x[k : k + s],
            energy_mwh=x[k + s : self.fixed],
            unmatched=unmatched,
            available=available,
            charge=charge,
            discharge=discharge,
            stored=stored,
            share=1.0 - float((problem.weight * (1.0 - problem.grid_share)) @ unmatched) / total,
            cost=float(cost[: self.fixed] @ x[: self.fixed]) + grid,
            price_of_share=dual,
        )

    def fail(self, problem: SizingProblem, status: str) -> SizingSolution:
        nothing = np.full(self.n, np.nan)
        idle = np.full((self.n, self.s), np.nan)
        return SizingSolution(
            status=status,
            plant_mw=np.full(self.k, np.nan),
            power_mw=np.full(self.s, np.nan),
            energy_mwh=np.full(self.s, np.nan),
            unmatched=nothing,
            available=nothing,
            charge=idle,
            discharge=idle,
            stored=idle,
            share=np.nan,
            cost=np.nan,
            price_of_share=np.nan,
        )


def _put(n: int, width: int, column: int) -> csr_array:
    """Make a column of ones at `column` among `width`."""
    return csr_array(coo_array((np.ones(n), (np.arange(n), np.full(n, column))), shape=(n, width)))
