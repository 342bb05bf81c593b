"""What the dispatch of an hour gives: power, prices, what binds and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gridhub.case.case import Floats, Ints


class DispatchStatus(StrEnum):
    """How the dispatch of an hour ended.

    OPTIMAL
        Least cost, every limit kept (or exceeded at its price).
    INFEASIBLE
        No dispatch keeps every limit; `HourResult.conflicts` names what must give.
    UNSOLVED
        The solver gave up; `HourResult.message` says why, numbers are NaN.
    """

    OPTIMAL = "OPTIMAL"
    INFEASIBLE = "INFEASIBLE"
    UNSOLVED = "UNSOLVED"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A limit that takes part in an infeasible hour.

    Attributes
    ----------
    kind : {"branch", "interface", "unit", "storage", "link", "load", "ramp", "reserve", "budget", "call"}
        The last four tie hours together, as does the energy that "storage" must end with where every hour has
        a dispatch for itself.
    element : str
        Id; "" for the reserve, which is that of all units.
    outage : tuple of str
        Ids of what is lost; empty in the intact network.
    limit_mw : float
        Limit of a branch or interface, power that a unit, storage or link must give at least, load; MW of a
        ramp or of reserve, MWh of a budget, of a longest call, or in storage at the end.
    give_mw : float
        By how much it must give when as few MW as possible do; 0: it holds, and others give because of it.
    """

    kind: str
    element: str
    outage: tuple[str, ...]
    limit_mw: float
    give_mw: float


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """Limits that bind: those with a price, or exceeded at one.

    Attributes
    ----------
    kind : tuple of {"branch", "interface", "link"}
    element : (k,) int
        Position of the branch, interface or link.
    outage : (k,) int
        Position of the outage; -1 in the intact network.
    flow : (k,) float
        Flow in that state [MW].
    limit : (k,) float
        Limit that binds, with the sign of the flow [MW].
    shadow_price : (k,) float
        What one more MW of limit saves [currency/MWh].
    rent : (k,) float
        shadow_price times the limit's size [currency/h].
    excess : (k,) float
        Flow beyond the limit, paid for [MW].
    """

    kind: tuple[str, ...]
    element: Ints
    outage: Ints
    flow: Floats
    limit: Floats
    shadow_price: Floats
    rent: Floats
    excess: Floats


NO_CONSTRAINTS = Constraints(
    (),
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int64),
    np.empty(0),
    np.empty(0),
    np.empty(0),
    np.empty(0),
    np.empty(0),
)
"""Where there are no prices."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of an hour by what it is paid for [currency/h].

    Attributes
    ----------
    generation, curtailment, storage, shedding, calls, excess, reserve : float
        `storage` is the price of what is given less the worth of what is taken in; `calls` what flexible
        loads are paid; `excess` what flows beyond
        soft limits cost; `reserve` what missing reserve costs.
    """

    generation: float
    curtailment: float
    storage: float
    shedding: float
    calls: float
    excess: float
    reserve: float = 0.0

    @property
    def total(self) -> float:
        """All of it [currency/h]."""
        own = self.generation + self.curtailment + self.storage + self.shedding + self.calls
        return own + self.excess + self.reserve


UNKNOWN_COST = Cost(*[float("nan")] * 7)
"""Where no dispatch keeps the limits."""


@dataclass(frozen=True, slots=True, eq=False)
class HourResult:
    """Dispatch of one hour. Power in MW, positions as in the case.

    Attributes
    ----------
    status : DispatchStatus
    message : str
        What happened where the status is not OPTIMAL; otherwise what a reader should know, or nothing.
    generator_p, curtailment : (n_generator,) float
        Output; what sun and wind could give beyond it (0 for other units).
    storage_p : (n_storage,) float
        Discharge positive.
    hvdc_p : (n_hvdc,) float
        Taken at the from end.
    shed : (n_load,) float
        Load in live islands that is not served, beyond what is called.
    called : (n_load,) float
        What flexible loads leave unserved of their offer.
    dead_load_mw : float
        Load in islands without a reference: not part of the problem, and not served.
    flow : (n_branch,) float
        At the from end, intact network.
    interface_flow : (n_interface,) float
    losses : (n_branch,) float
        What branches lose in the balance [MW]; 0 where losses are left out.
    cost : Cost
    cost_intact : float
        Total of the same hour without the outages; NaN where no dispatch keeps the limits of the intact
        network [currency/h].
    cost_market : float
        Total without any limit of the grid [currency/h].
    price, price_energy, price_loss, price_congestion : (n_bus,) float
        Cost of one more MW at a bus, the load-weighted mean of its island, what the change of losses has in
        it, and the rest [currency/MWh]; NaN in dead islands.
    constraints : Constraints
    constrained_off, constrained_on : (n_generator,) float
        By how much the limits of the grid and the outages lower and raise the output, against the dispatch
        without them that is nearest among those of equal cost; curtailment by the grid included.
    cuts : (2, k) int
        Branch and outage of each limit that was added: a start for a similar hour.
    rounds, iterations : int
        Rounds of added limits, and simplex iterations in all.
    conflicts : tuple of Conflict
        Of an infeasible hour, what must give most first. All else above is then of the hour in which these
        give way by ``give_mw``.
    """

    status: DispatchStatus
    message: str
    generator_p: Floats
    curtailment: Floats
    storage_p: Floats
    hvdc_p: Floats
    shed: Floats
    called: Floats
    dead_load_mw: float
    flow: Floats
    interface_flow: Floats
    losses: Floats
    cost: Cost
    cost_intact: float
    cost_market: float
    price: Floats
    price_energy: Floats
    price_loss: Floats
    price_congestion: Floats
    constraints: Constraints
    constrained_off: Floats
    constrained_on: Floats
    cuts: Ints
    rounds: int
    iterations: int
    conflicts: tuple[Conflict, ...] = ()

    @property
    def security_cost(self) -> float:
        """Cost of keeping the limits after every outage too, beyond the intact network's [currency/h]."""
        return self.cost.total - self.cost_intact

    @property
    def congestion_cost(self) -> float:
        """What the limits of the grid cost in all, those after an outage included [currency/h]."""
        return self.cost.total - self.cost_market
