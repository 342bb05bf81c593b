"""Which rating of a branch holds in which state, after which class of contingency, and for how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

RatingColumn = Literal["rate_mva", "rate_b_mva", "rate_c_mva"]

RATING_COLUMNS: tuple[RatingColumn, ...] = ("rate_mva", "rate_b_mva", "rate_c_mva")
"""Columns of the branch tables; an empty one falls back to the one before it."""

SECOND_OUTAGE = "n-1-1"
"""Class of an outage that follows another one, after the adjustment between them."""


@dataclass(frozen=True, slots=True)
class RatingRule:
    """Which rating holds.

    Attributes
    ----------
    state : {"normal", "outage"}
    column : {"rate_mva", "rate_b_mva", "rate_c_mva"}
        Column of the branch tables.
    factor : float
        What its value is multiplied with.
    minutes : float
        How long it holds [min]; inf: without end.
    contingency : str
        Class of contingency it holds after: kind, event class, or "n-1-1"; "" where no other rule says more.
    min_kv, max_kv : float
        Branches it holds for, by nominal voltage of the higher end [kV].
    """

    state: Literal["normal", "outage"]
    column: RatingColumn
    factor: float
    minutes: float = math.inf
    contingency: str = ""
    min_kv: float = 0.0
    max_kv: float = math.inf

    @property
    def by_voltage(self) -> bool:
        """Whether it holds for some voltages alone."""
        return self.min_kv > 0.0 or self.max_kv < math.inf

    @property
    def name(self) -> str:
        """What it is called: ``rating outage tower 345-765 kV rate_c_mva``."""
        own = [f"rating {self.state}", self.contingency]
        own.append(f"{self.min_kv:g}-{self.max_kv:g} kV" if self.by_voltage else "")
        return " ".join(filter(None, [*own, self.column]))


def read_rule(row: dict[str, Any]) -> RatingRule:
    """Read a rule from a checked row of criteria."""
    return RatingRule(
        row["state"],
        row["column"],
        float(row["factor"]),
        float(row.get("minutes", math.inf)),
        row.get("contingency", ""),
        float(row.get("min_kv", 0.0)),
        float(row.get("max_kv", math.inf)),
    )


def choose_rules(
    rules: Sequence[RatingRule], state: str, contingencies: Sequence[str], vn_kv: ArrayLike
) -> NDArray[np.int64]:
    """Choose the rule that holds for each branch.

    Parameters
    ----------
    rules : sequence of RatingRule
    state : {"normal", "outage"}
    contingencies : sequence of str
        Classes the contingency belongs to, the one that counts most first.
    vn_kv : (n,) array_like
        Nominal voltages [kV].

    Returns
    -------
    (n,) int
        Position in `rules`: one for the class before one for all, then one for some voltages before one for
        all; -1 where none holds.
    """
    nominal = np.asarray(vn_kv, dtype=float)
    chosen = np.full(nominal.shape, -1, dtype=np.int64)
    order = ["", *reversed([name for name in contingencies if name])]
    for name in order:
        for by_voltage in (False, True):
            for k, rule in enumerate(rules):
                if (rule.state, rule.contingency, rule.by_voltage) == (state, name, by_voltage):
                    chosen[(nominal >= rule.min_kv) & (nominal <= rule.max_kv)] = k
    return chosen


def check_rules(rows: Sequence[dict[str, Any]], note: Callable[[str, str, str, object, str], None]) -> None:
    """Note what is wrong with rows that are each of the right form.

    Parameters
    ----------
    rows : sequence of dict
    note : callable
        Takes code, place, key, value and message of a fault.
    """
    rules = [read_rule(row) for row in rows]
    for i, (row, rule) in enumerate(zip(rows, rules, strict=True), start=1):
        if not rule.min_kv <= rule.max_kv:
            shown = f"{rule.min_kv:g}, {rule.max_kv:g}"
            note("E-RANGE", f"rating {i}", "min_kv", shown, "wants min_kv <= max_kv")
        if rule.state == "normal":
            for key in ("minutes", "contingency"):
                if key in row:
                    note("E-KEY", f"rating {i}", key, row[key], "a normal rating holds always")
        elif not rule.minutes > 0.0:
            note("E-RANGE", f"rating {i}", "minutes", rule.minutes, "wants more than 0")
        for other in rules[: i - 1]:
            same = (rule.state, rule.contingency, rule.by_voltage)
            if same == (other.state, other.contingency, other.by_voltage) and (
                rule.min_kv <= other.max_kv and other.min_kv <= rule.max_kv
            ):
                place = rule.name.removesuffix(f" {rule.column}")
                note("E-DUP", place, "", None, "is given twice")
    general = {rule.state for rule in rules if not rule.contingency and not rule.by_voltage}
    for state in ("normal", "outage"):
        if state not in general:
            text = "no rating is given for this state and every contingency and voltage"
            note("E-KEY", "rating", "state", state, text)
