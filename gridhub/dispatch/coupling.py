"""What ties hours together: energy in storage, ramps, budgets and calls of flexible load; and reserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from gridhub.case.case import Floats, Ints
from gridhub.dispatch.hour_model import HourModel
from gridhub.dispatch.problem import UNIT_KINDS, Kind
from gridhub.dispatch.programme import LinearProgramme, LpSolution

SMALLEST_CALL = 1e-3
"""Power that counts as no call, and as nothing to call [MW]."""


@dataclass(frozen=True, slots=True, eq=False)
class StorageRules:
    """Energy of pumped storage and batteries over the hours.

    Attributes
    ----------
    energy : (n_storage,) float
        When full [MWh]; NaN: takes no part.
    efficiency : (n_storage,) float
        Round trip; its square root holds for each way.
    start, end : (n_storage,) float
        Energy before the first hour, and at least after the last [MWh].
    """

    energy: Floats
    efficiency: Floats
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RampRules:
    """How fast units move.

    Attributes
    ----------
    per_hour : (n_generator,) float
        Largest change from hour to hour [MW]; infinite: any.
    before : (n_generator,) float or None
        Output in the hour before the first [MW]; None: the first hour is free.
    """

    per_hour: Floats
    before: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class BudgetRules:
    """Energy that flexible loads may be called for over the hours, within what each hour lets them.

    Attributes
    ----------
    load : (k,) int
        Positions of the loads.
    energy : (k,) float
        [MWh].
    """

    load: Ints
    energy: Floats


@dataclass(frozen=True, slots=True, eq=False)
class CallRules:
    """How long flexible loads may be called without a break.

    Attributes
    ----------
    load : (k,) int
        Positions of the loads.
    longest : (k,) int
        Hours in a row.
    before : (n_hour, k) float
        What was called in the hours before the first, as shares of what was offered; the last one last.
    """

    load: Ints
    longest: Ints
    before: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ReserveRules:
    """Room that units keep above their output.

    Attributes
    ----------
    need : (n_hour,) float
        [MW].
    room : (n_generator,) float
        Most that a unit may count [MW]; 0: it takes no part.
    price : float
        Of reserve that is missing [currency/MWh]; infinite: none may be.
    """

    need: Floats
    room: Floats
    price: float


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """All that ties hours together; None: not at all.

    Attributes
    ----------
    storage : StorageRules or None
    ramp : RampRules or None
    budget : BudgetRules or None
    call : CallRules or None
    reserve : ReserveRules or None
    """

    storage: StorageRules | None = None
    ramp: RampRules | None = None
    budget: BudgetRules | None = None
    call: CallRules | None = None
    reserve: ReserveRules | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every hour is for itself."""
        return all(getattr(self, name) is None for name in self.__dataclass_fields__)


Entries = tuple[Ints, Ints, Floats | float]
"""Rows, columns and values of some coefficients."""


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """Rows that tie hours together, each with columns that let it give at 1 per MW.

    Attributes
    ----------
    kind : {"ramp", "storage", "budget", "call"}
    element : (k,) int
        Position of the unit, storage or load.
    hour : (k,) int
        Last hour of each row.
    limit : (k,) float
        [MW or MWh].
    give : (2, k) int
        Columns that stand in for what is missing, and for what is too much.
    """

    kind: str
    element: Ints
    hour: Ints
    limit: Floats
    give: Ints


def list_calls(offer: Floats, longest: int, before: Floats) -> list[tuple[Ints, Floats, float]]:
    """List the runs of `longest` + 1 hours that could all be called: hours, weight of each, and most of all.

    Parameters
    ----------
    offer : (n_hour,) float
        [MW].
    longest : int
        Hours in a row.
    before : (k,) float
        Shares called in the hours before, the last one last.

    Examples
    --------
    >>> runs = list_calls(np.array([50.0, 25.0, 50.0]), 2, np.zeros(0))
    >>> [(hours.tolist(), weight.tolist(), most) for hours, weight, most in runs]
    [([0, 1, 2], [1.0, 2.0, 1.0], 100.0)]
    """
    runs = []
    for last in range(len(offer)):
        hours = np.arange(max(last - longest, 0), last + 1)
        hours = hours[offer[hours] > SMALLEST_CALL]
        past = before[max(len(before) - max(longest - last, 0), 0) :]
        if len(hours) and len(hours) + np.count_nonzero(past) > longest:
            size = float(offer[hours].max())
            runs.append((hours, size / offer[hours], size * max(longest - float(past.sum()), 0.0)))
    return runs


class CoupledRows:
    """Columns and rows of a programme that tie its hours together.

    Parameters
    ----------
    programme : LinearProgramme
    models : sequence of HourModel
        The hours, in order; all with the same columns.
    coupling : Coupling
    soft : bool
        Every row may give at 1 per MW or MWh (`ties`); reserve gives at its price in any case.
    """

    def __init__(
        self,
        programme: LinearProgramme,
        models: Sequence[HourModel],
        coupling: Coupling,
        soft: bool = False,
    ) -> None:
        self.programme, self.models, self.coupling, self.soft = programme, models, coupling, soft
        self.ties: list[Ties] = []
        self._energy = np.empty((len(models), 0), dtype=np.int64)
        self._stores: Ints = np.empty(0, dtype=np.int64)
        self._short: Ints | None = None
        if coupling.storage is not None:
            self._add_storage(coupling.storage)
        if coupling.ramp is not None:
            self._add_ramps(coupling.ramp)
        if coupling.budget is not None:
            self._add_budgets(coupling.budget)
        if coupling.call is not None:
            self._add_calls(coupling.call)
        if coupling.reserve is not None:
            self._add_reserves(coupling.reserve)

    def read_energy(self, solution: LpSolution) -> Floats:
        """Energy in storage after each hour, (n_hour, n_storage) [MWh]; NaN where it takes no part."""
        count = len(self.models[0].problem.case.storage_bus)
        energy = np.full((len(self.models), count), np.nan)
        energy[:, self._stores] = solution.x[self._energy]
        return energy

    def read_shortage(self, solution: LpSolution) -> Floats:
        """Reserve that is missing in each hour, (n_hour,) [MW]."""
        if self._short is None:
            return np.zeros(len(self.models))
        return np.asarray(solution.x[self._short])

    def _find(self, hour: int, *kinds: Kind) -> tuple[Ints, Ints]:
        """Columns of some kinds in the whole programme, and their elements."""
        model = self.models[hour]
        chosen = np.flatnonzero(model.problem.columns.select(*kinds))
        return model.part.columns[chosen], model.problem.columns.element[chosen]

    def _add_rows(self, entries: Sequence[Entries], low: Floats, high: Floats) -> Ints:
        row = np.concatenate([part[0] for part in entries])
        column = np.concatenate([part[1] for part in entries])
        value = np.concatenate([np.broadcast_to(part[2], len(part[0])) for part in entries])
        shape = (len(low), self.programme.count)
        return self.programme.add_rows(csr_array(coo_array((value, (row, column)), shape=shape)), low, high)

    def _add_free_rows(self, entries: Sequence[Entries], low: Floats, high: Floats) -> None:
        """Add rows that start out slack."""
        self.programme.start_from(np.empty(0, dtype=np.int64), self._add_rows(entries, low, high))

    def _add_ties(
        self,
        kind: str,
        element: Ints,
        hour: Ints,
        limit: Floats,
        entries: Sequence[Entries],
        bounds: tuple[Floats, Floats],
    ) -> None:
        """Add rows that tie hours together."""
        own = list(entries)
        if self.soft:
            count = len(element)
            price, most = np.ones(2 * count), np.full(2 * count, np.inf)
            give = self.programme.add_columns(np.zeros(2 * count), most, price)
            own.append((np.tile(np.arange(count), 2), give, np.repeat([1.0, -1.0], count)))
            self.ties.append(Ties(kind, element, hour, limit, give.reshape(2, count)))
        self._add_free_rows(own, *bounds)

    def _add_storage(self, rules: StorageRules) -> None:
        """Energy after = energy before + sqrt(efficiency) taken in - given / sqrt(efficiency)."""
        alive = self._find(0, Kind.STORAGE_OUT)[1]
        kept = np.flatnonzero(np.isfinite(rules.energy[alive]))
        stores, rows = alive[kept], np.arange(len(kept))
        self._stores = stores
        one_way, zero = np.sqrt(rules.efficiency[stores]), np.zeros(len(rows))
        columns: list[Ints] = []
        for hour in range(len(self.models)):
            last = hour == len(self.models) - 1
            end = np.minimum(rules.end, rules.energy)[stores]
            least = end if last and not self.soft else zero
            own = self.programme.add_columns(least, rules.energy[stores], zero)
            into, out = (self._find(hour, k)[0][kept] for k in (Kind.STORAGE_IN, Kind.STORAGE_OUT))
            entries: list[Entries] = [(rows, own, 1.0), (rows, into, -one_way), (rows, out, 1.0 / one_way)]
            if hour:
                entries.append((rows, columns[-1], -1.0))
            before = zero if hour else rules.start[stores]
            self._add_rows(entries, before, before)
            # the energy stands for its row in the first basis
            self.programme.start_from(own, np.empty(0, dtype=np.int64))
            columns.append(own)
        self._energy = np.stack(columns)
        if self.soft:
            at, any_more = np.full(len(stores), len(columns) - 1), np.full(len(stores), np.inf)
            self._add_ties("storage", stores, at, end, [(rows, columns[-1], 1.0)], (end, any_more))

    def _list_output(self, hour: int, number: Ints, sign: float) -> Entries:
        """Entries of the output of units; `number` is each unit's row, -1 for none."""
        column, unit = self._find(hour, *UNIT_KINDS)
        kept = number[unit] >= 0
        return number[unit][kept], column[kept], sign

    def _number(self, chosen: np.ndarray) -> tuple[Ints, Ints]:
        """Give numbers to the chosen units that are in the programme; -1 for the rest."""
        alive = np.unique(self._find(0, Kind.UNIT_BASE)[1])
        units = alive[chosen[alive]]
        number = np.full(len(chosen), -1)
        number[units] = np.arange(len(units))
        return units, number

    def _add_ramps(self, rules: RampRules) -> None:
        units, number = self._number(np.isfinite(rules.per_hour))
        step = rules.per_hour[units]
        before = None if rules.before is None else rules.before[units]
        for hour in range(len(self.models)):
            entries = [self._list_output(hour, number, 1.0)]
            if hour:
                entries.append(self._list_output(hour - 1, number, -1.0))
                bounds = -step, step
            elif before is not None:
                bounds = before - step, before + step
            else:
                continue
            self._add_ties("ramp", units, np.full(len(units), hour), step, entries, bounds)

    def _add_budgets(self, rules: BudgetRules) -> None:
        row = np.full(len(self.models[0].problem.case.load_bus), -1)
        row[rules.load] = np.arange(len(rules.load))
        called = []
        for hour in range(len(self.models)):
            column, load = self._find(hour, Kind.CALL)
            mine = row[load] >= 0
            called.append((row[load][mine], column[mine], 1.0))
        at, least = np.full(len(rules.load), len(self.models) - 1), np.full(len(rules.load), -np.inf)
        self._add_ties("budget", rules.load, at, rules.energy, called, (least, rules.energy))

    def _add_calls(self, rules: CallRules) -> None:
        r"""Over any H + 1 hours in a row, call no more than H hours' worth of the offer o.

        .. math:: \sum_{s=t-H}^{t} x_s / o_s \le H

        Calls of all or nothing that last H hours at most keep these rows, and with 0 <= x <= o they are the
        convex hull of such calls over all hours: their matrix of intervals is totally unimodular. A call in
        part may last longer.
        """
        columns = np.stack([self._find(hour, Kind.CALL)[0] for hour in range(len(self.models))])
        problems = [model.problem.columns for model in self.models]
        offers = np.stack([one.high[one.select(Kind.CALL)] for one in problems])
        entries: list[Entries] = []
        most: list[float] = []
        at: list[tuple[int, int]] = []
        for place, load in enumerate(self._find(0, Kind.CALL)[1].tolist()):
            for rule in np.flatnonzero(rules.load == load).tolist():
                longest = int(rules.longest[rule])
                rows = list_calls(offers[:, place], longest, rules.before[:, rule])
                for hours, share, room in rows:
                    entries.append((np.full(len(hours), len(most)), columns[hours, place], share))
                    most.append(room)
                    at.append((load, int(hours[-1])))
        if most:
            element, hour = np.array(at).T
            limit = np.array(most)
            self._add_ties("call", element, hour, limit, entries, (np.full(len(most), -np.inf), limit))

    def _add_reserves(self, rules: ReserveRules) -> None:
        """Output + reserve <= maximum for each unit, and reserves add up to the need of each hour."""
        units, number = self._number(rules.room > 0)
        rows, short = np.arange(len(units)), []
        most = np.full(1, np.inf if np.isfinite(rules.price) else 0.0)
        price = np.full(1, rules.price if np.isfinite(rules.price) else 0.0)
        for hour in range(len(self.models)):
            kept = self.programme.add_columns(np.zeros(len(units)), rules.room[units], np.zeros(len(units)))
            missing = self.programme.add_columns(np.zeros(1), most, price)
            columns, problem = self._find(hour, *UNIT_KINDS), self.models[hour].problem.columns
            highest = problem.high[problem.select(*UNIT_KINDS)]
            high = np.asarray(np.bincount(columns[1], highest, len(rules.room)), dtype=float)
            room: list[Entries] = [self._list_output(hour, number, 1.0), (rows, kept, 1.0)]
            self._add_free_rows(room, np.full(len(units), -np.inf), high[units])
            zero = np.zeros(len(kept), dtype=np.int64)
            total: list[Entries] = [(zero, kept, 1.0), (np.zeros(1, dtype=np.int64), missing, 1.0)]
            self._add_free_rows(total, rules.need[[hour]], np.full(1, np.inf))
            short.append(missing)
        self._short = np.concatenate(short)
