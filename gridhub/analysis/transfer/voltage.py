"""Largest transfer by voltage: bisection of AC power flows, intact and after every outage of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridhub.analysis.flow.power_flow import explain_failure
from gridhub.analysis.security.judging import VOLTAGE_TOLERANCE, Limits, spread_voltage
from gridhub.analysis.transfer.direction import Transfer
from gridhub.case.case import Bools, Case, Floats, Outage
from gridhub.solvers.ac import AcStart, make_start, solve_ac
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.options import PowerFlowOptions

HALVINGS = 8
"""Halvings of the range searched: it ends 1/256 of the range wide."""

BLOCK = 512
"""Outages solved together; bounds the memory to BLOCK states of the network."""


@dataclass(frozen=True, slots=True)
class VoltageLimit:
    """Largest transfer by voltage.

    Attributes
    ----------
    transfer : float
        Largest without a new violation [p.u.].
    width : float
        Of the range in which the limit lies [p.u.]; 0 if none was met.
    bus : str
        Bus furthest beyond its limit just above; "" without a limit, or where there is no solution.
    outage : int
        Position in the outages; -1 = intact.
    kind : str
        "voltage_low", "voltage_high", "no solution" or "".
    existing : int
        Bus-outage pairs beyond a limit without transfer, and outages without a solution: set aside.
    """

    transfer: float
    width: float
    bus: str
    outage: int
    kind: str
    existing: int


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Intact network (row 0) and outages (the other rows) at one transfer."""

    solved: Bools
    low: Floats
    high: Floats

    @property
    def beyond(self) -> Floats:
        """How far each bus is beyond a limit, (1 + k, n_bus) [p.u.]."""
        return np.fmax(self.low, self.high)


def find_voltage_limit(
    network: str,
    transfer: Transfer,
    outages: Sequence[Outage],
    limits: Sequence[Limits],
    options: PowerFlowOptions,
    most: float,
) -> VoltageLimit:
    """Find the largest transfer without a new voltage violation or a lost solution.

    Parameters
    ----------
    network : str
        Name, for messages.
    transfer : Transfer
    outages : sequence of Outage
    limits : (normal, outage)
    options : PowerFlowOptions
    most : float
        Nothing above is looked for [p.u.].

    Raises
    ------
    NotConverged
        If the state without transfer has no trustworthy solution.
    """
    search = _Search(transfer, outages, limits, options)
    without = search.solve(0.0)
    if not without.solved[0]:
        raise explain_failure(network, "", search.last, options)
    aside = (without.beyond > VOLTAGE_TOLERANCE) | ~without.solved[:, None]
    existing = int((aside & without.solved[:, None]).sum() + (~without.solved).sum())
    met = _find_new(search.solve(most), aside)
    if met is None:
        return VoltageLimit(most, 0.0, "", -1, "", existing)
    low, high = 0.0, most
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        found = _find_new(search.solve(middle), aside)
        low, high, met = (middle, high, met) if found is None else (low, middle, found)
    row, bus, kind = met
    name = transfer.growing.case.labels.bus[bus] if bus >= 0 else ""
    return VoltageLimit(low, high - low, name, row - 1, kind, existing)


def _find_new(state: _State, aside: Bools) -> tuple[int, int, str] | None:
    """Find the worst new violation: row, bus, kind; None if there is none."""
    lost = ~state.solved & ~aside.all(axis=1)
    if lost.any():
        return int(np.argmax(lost)), -1, "no solution"
    new = np.where(aside, -np.inf, np.nan_to_num(state.beyond, nan=-np.inf))
    row, bus = np.unravel_index(int(np.argmax(new)), new.shape)
    if new[row, bus] <= VOLTAGE_TOLERANCE:
        return None
    kind = "voltage_low" if state.low[row, bus] == state.beyond[row, bus] else "voltage_high"
    return int(row), int(bus), kind


class _Search:
    """Solves the intact network and all outages at a transfer."""

    def __init__(
        self,
        transfer: Transfer,
        outages: Sequence[Outage],
        limits: Sequence[Limits],
        options: PowerFlowOptions,
    ) -> None:
        self.transfer, self.outages, self.limits, self.options = transfer, outages, limits, options
        self.case = transfer.growing.case
        self.plan = plan_batch(self.case, options)
        self.start: AcStart | None = None

    def solve(self, amount: float) -> _State:
        """Solve at a transfer [p.u.]."""
        case = self._shift(amount)
        self.last = solve_ac(case, self.options, self.plan.newton, self.start)
        solved = [self.last.status.is_solved]
        vm = [spread_voltage(self.last)]
        if solved[0]:
            self.start = self.start or make_start(self.last)
            node = case.bus_node
            for first in range(0, len(self.outages), BLOCK):
                some = self.outages[first : first + BLOCK]
                batch = solve_batch(case, self.plan, some, base=self.last, keep="all")
                assert batch.vm is not None
                vm.append(np.where(node >= 0, batch.vm[:, node], np.nan))
                solved += batch.solved.tolist()
        else:
            vm.append(np.full((len(self.outages), len(vm[0])), np.nan))
            solved += [False] * len(self.outages)
        every = np.vstack(vm)
        low, high = (
            np.vstack([getattr(self.limits[0], name), *[getattr(self.limits[1], name)] * len(self.outages)])
            for name in ("vm_low", "vm_high")
        )
        return _State(np.array(solved), low - every, every - high)

    def _shift(self, amount: float) -> Case:
        """Add a transfer to the case."""
        transfer, case = self.transfer, self.case
        p, q = transfer.growing.load_at(amount)
        generated = case.generator_p.copy()
        generated[transfer.unit] += amount * transfer.share
        return replace(case, load_p=p, load_q=q, generator_p=generated)
