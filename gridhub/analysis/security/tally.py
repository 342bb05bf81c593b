"""What many hours of a security analysis come to: the worst of each branch, outage and limit, and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.analysis.security.hour import KINDS, HourResult, Slots, Violations
from gridhub.case.case import Floats, Ints
from gridhub.solvers.batch_result import STATUSES

Rows = Mapping[str, np.ndarray | int]
"""Values by name; a plain number stands for every row."""

UNITS = ("MVA", "p.u.", "p.u.", "p.u.", "MW", "MW")
"""Unit of each kind of violation (`KINDS`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Running results over hours, changed in place; hours are positions, outage -1 is the N state.

    Attributes
    ----------
    branch : dict of (n_branch,) arrays
        loading, hour, outage (the highest after an outage), base_loading, base_hour.
    outage : dict of (k,) arrays
        not_run, violations, hours (with violations, by weight), loading, element, hour (the highest),
        lost_load, lost_generation (the most), and one count for each status by name.
    slot : dict of (n_slot,) arrays
        count, hours, beyond, value, limit, hour, outage: how often, and the worst.
    """

    branch: dict[str, np.ndarray]
    outage: dict[str, np.ndarray]
    slot: dict[str, np.ndarray]

    def add(self, hour: int, found: HourResult, weight: float = 1.0) -> None:
        """Count one hour that is solved; `weight` is the number of hours it stands for."""
        outcomes = found.outcomes
        assert outcomes.branch_loading is not None and outcomes.branch_outage is not None
        new: Rows = {"loading": outcomes.branch_loading, "hour": hour, "outage": outcomes.branch_outage}
        _take_higher(self.branch, "loading", new)
        _take_higher(self.branch, "base_loading", {"base_loading": found.base_loading, "base_hour": hour})
        own = self.outage
        for number, status in enumerate(STATUSES):
            own[status.value] += outcomes.status == number
        new = {"loading": outcomes.worst_loading, "hour": hour, "element": outcomes.worst_branch}
        _take_higher(own, "loading", new)
        _take_higher(own, "lost_load", {"lost_load": found.lost_load})
        _take_higher(own, "lost_generation", {"lost_generation": found.lost_generation})
        self._add_violations(hour, found.violations, weight)

    def skip(self) -> None:
        """Count one hour whose outages were not run."""
        self.outage["not_run"] += 1

    def _add_violations(self, hour: int, found: Violations, weight: float) -> None:
        """Count the violations of one hour by outage and by limit, and keep the worst of each limit."""
        after = found.outage[found.outage >= 0]
        count = np.bincount(after, minlength=len(self.outage["violations"]))
        self.outage["violations"] += count
        self.outage["hours"] += weight * (count > 0)
        count = np.bincount(found.slot, minlength=len(self.slot["count"]))
        self.slot["count"] += count
        self.slot["hours"] += weight * (count > 0)
        beyond = np.abs(found.value - found.limit)
        order = np.lexsort((-beyond, found.slot))
        slot, first = np.unique(found.slot[order], return_index=True)
        row = order[first]
        better = ~(beyond[row] <= self.slot["beyond"][slot])
        slot, row = slot[better], row[better]
        for name, values in (
            ("beyond", beyond), ("value", found.value), ("limit", found.limit), ("outage", found.outage),
        ):  # fmt: skip
            self.slot[name][slot] = values[row]
        self.slot["hour"][slot] = hour

    def merge(self, other: Tally) -> None:
        """Add later hours."""
        _take_higher(self.branch, "loading", {name: other.branch[name] for name in _OF_LOADING})
        _take_higher(self.branch, "base_loading", {name: other.branch[name] for name in _OF_BASE})
        _take_higher(self.outage, "loading", {name: other.outage[name] for name in _OF_OUTAGE})
        for name in ("lost_load", "lost_generation"):
            _take_higher(self.outage, name, {name: other.outage[name]})
        for name in ("not_run", "violations", "hours", *(status.value for status in STATUSES)):
            self.outage[name] += other.outage[name]
        for name in ("count", "hours"):
            self.slot[name] += other.slot[name]
        _take_higher(self.slot, "beyond", {name: other.slot[name] for name in _OF_SLOT})


_OF_LOADING = ("loading", "hour", "outage")
_OF_BASE = ("base_loading", "base_hour")
_OF_OUTAGE = ("loading", "hour", "element")
_OF_SLOT = ("beyond", "value", "limit", "hour", "outage")


def _take_higher(own: dict[str, np.ndarray], by: str, new: Rows) -> None:
    """Take over the rows whose value is higher than the one so far, which is NaN where there is none."""
    value = np.asarray(new[by])
    better = (value > own[by]) | (np.isnan(own[by]) & ~np.isnan(value))
    for name, values in new.items():
        own[name][better] = values if isinstance(values, int) else values[better]


def start_tally(n_branch: int, n_outage: int, n_slot: int) -> Tally:
    """Start with no hour."""

    def unknown(size: int) -> Floats:
        return np.full(size, np.nan)

    def nobody(size: int) -> Ints:
        return np.full(size, -1, dtype=np.int64)

    def zero(size: int) -> Ints:
        return np.zeros(size, dtype=np.int64)

    branch: dict[str, np.ndarray] = {
        "loading": unknown(n_branch),
        "hour": nobody(n_branch),
        "outage": nobody(n_branch),
    }
    branch |= {"base_loading": unknown(n_branch), "base_hour": nobody(n_branch)}
    outage: dict[str, np.ndarray] = {
        name: zero(n_outage) for name in (*(s.value for s in STATUSES), "not_run", "violations")
    }
    outage["hours"] = np.zeros(n_outage)
    outage |= {name: unknown(n_outage) for name in ("loading", "lost_load", "lost_generation")}
    outage |= {name: nobody(n_outage) for name in ("element", "hour")}
    slot: dict[str, np.ndarray] = {
        "count": zero(n_slot),
        "hours": np.zeros(n_slot),
        "hour": nobody(n_slot),
        "outage": nobody(n_slot),
    }
    slot |= {name: unknown(n_slot) for name in ("beyond", "value", "limit")}
    return Tally(branch, outage, slot)


def write_tally(tally: Tally) -> dict[str, pd.DataFrame]:
    """Bring a tally into tables that can be kept; only limits that were violated."""
    slot = pd.DataFrame(tally.slot)
    return {
        "branch": pd.DataFrame(tally.branch),
        "outage": pd.DataFrame(tally.outage),
        "limit": slot[slot["count"] > 0].rename_axis("slot").reset_index(),
    }


def read_tally(tables: dict[str, pd.DataFrame], n_slot: int) -> Tally:
    """Make a tally out of the tables it was kept in."""
    own = start_tally(0, 0, n_slot)
    rows = tables["limit"]["slot"].to_numpy()
    for name, values in own.slot.items():
        values[rows] = tables["limit"][name].to_numpy()
    branch, outage = (
        {str(name): values.to_numpy().copy() for name, values in tables[table].items()}
        for table in ("branch", "outage")
    )
    return Tally(branch, outage, own.slot)


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Ids behind the positions of a tally.

    Attributes
    ----------
    hours : Index
    contingency, branch : Index
    slots : Slots
    """

    hours: pd.Index
    contingency: pd.Index
    branch: pd.Index
    slots: Slots

    def take_hours(self, position: Ints) -> pd.Series:
        """Labels of hours; missing at -1."""
        labels = pd.Series(self.hours.take(np.maximum(position, 0)))
        return labels if (position >= 0).all() else labels.where(position >= 0)

    def take_outages(self, position: Ints) -> np.ndarray:
        """Ids of contingencies; "" at -1."""
        return _take(self.contingency, position)

    def take_branches(self, position: Ints) -> np.ndarray:
        """Ids of branches; "" at -1."""
        return _take(self.branch, position)


def _take(names: Sequence[str] | pd.Index, position: Ints) -> np.ndarray:
    return np.array([*names, ""], dtype=object)[position]


def _count_hours(hours: Floats) -> np.ndarray:
    """Give hours as whole numbers where they are."""
    return hours.astype(np.int64) if (hours == np.round(hours)).all() else hours


def build_branch_table(tally: Tally, names: Names) -> pd.DataFrame:
    """Make ``SecurityHours.branch``."""
    own, slot = tally.branch, tally.slot
    thermal = slice(0, len(names.branch))
    return pd.DataFrame(
        {
            "worst_loading_percent": own["loading"],
            "worst_hour": names.take_hours(own["hour"]).array,
            "worst_contingency": names.take_outages(own["outage"]),
            "base_loading_percent": own["base_loading"],
            "base_hour": names.take_hours(own["base_hour"]).array,
            "violations": slot["count"][thermal],
            "hours_with_violations": _count_hours(slot["hours"][thermal]),
        },
        index=names.branch,
    )


def build_contingency_table(tally: Tally, names: Names, kinds: Sequence[str]) -> pd.DataFrame:
    """Make ``SecurityHours.status``."""
    own = tally.outage
    counts = {status.value.lower(): own[status.value] for status in STATUSES if status.value != "SCREENED"}
    return pd.DataFrame(
        {
            "kind": list(kinds),
            **counts,
            "not_run": own["not_run"],
            "violations": own["violations"],
            "hours_with_violations": _count_hours(own["hours"]),
            "worst_element": names.take_branches(own["element"]),
            "worst_loading_percent": own["loading"],
            "worst_hour": names.take_hours(own["hour"]).array,
            "lost_load_mw": own["lost_load"],
            "lost_generation_mw": own["lost_generation"],
        },
        index=names.contingency,
    )


def build_element_table(tally: Tally, names: Names) -> pd.DataFrame:
    """Make ``SecurityHours.elements``: limits that were violated, most often first."""
    own, slots = tally.slot, names.slots
    rows = np.flatnonzero(own["count"])
    rows = rows[np.lexsort((rows, -own["count"][rows], -own["hours"][rows]))]
    kind = slots.kind[rows]
    return pd.DataFrame(
        {
            "element": slots.element[rows],
            "kind": np.array(KINDS, dtype=object)[kind],
            "violations": own["count"][rows],
            "hours_with_violations": _count_hours(own["hours"])[rows],
            "worst_value": own["value"][rows],
            "limit": own["limit"][rows],
            "unit": np.array(UNITS, dtype=object)[kind],
            "worst_hour": names.take_hours(own["hour"][rows]).array,
            "worst_contingency": names.take_outages(own["outage"][rows]),
        }
    )
