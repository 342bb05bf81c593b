"""Contestants taking turns, and what is kept of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Measured:
    """Seconds that a contestant measured itself, in a process of its own."""

    seconds: float


@dataclass(frozen=True)
class Contestant:
    """One way of doing a piece of work.

    Attributes
    ----------
    name : str
    call : callable
        Does the work; may return `Measured`, else the call itself is timed.
    count : int
        Units of work (outages, hours, flows) that one call does: costs are given per unit.
    note : str
        Printed behind the figures.
    """

    name: str
    call: Callable[[], object]
    count: int = 1
    note: str = ""


@dataclass(frozen=True)
class Goal:
    """Ratio asked for: how many times the cost of `ours` the peer takes."""

    ours: str
    peer: str
    at_least: float
    aim: float


@dataclass(frozen=True)
class Agreement:
    """How far the answer of a peer is from ours; a ratio counts only beside it.

    Attributes
    ----------
    peer : str
    difference : float
        Largest difference of what both have solved.
    unit : str
    compared : int
        Units of work whose answers were laid side by side.
    both, only_ours, only_theirs : int or None
        How many units of work were solved by both, by gridhub alone, by the peer alone.
    """

    peer: str
    difference: float
    unit: str = "p.u. of |V|"
    compared: int = 1
    both: int | None = None
    only_ours: int | None = None
    only_theirs: int | None = None


@dataclass
class Table:
    """One row of the benchmark: its contestants, seconds, ratios and agreements.

    Attributes
    ----------
    title, unit : str
    contestants : sequence of Contestant
    seconds : dict
        Name -> seconds of each counted call.
    goals : sequence of Goal
    agreements : sequence of Agreement
    notes : list of str
    """

    title: str
    unit: str
    contestants: Sequence[Contestant]
    seconds: dict[str, list[float]]
    goals: Sequence[Goal] = ()
    agreements: Sequence[Agreement] = ()
    notes: list[str] = field(default_factory=list)

    def get_cost(self, name: str) -> float:
        """Median seconds per unit of work; NaN if the contestant did not run."""
        count = {one.name: one.count for one in self.contestants}
        return float(np.median(self.seconds[name])) / count[name] if name in self.seconds else float("nan")

    def get_ratio(self, goal: Goal) -> float:
        """How many times our cost the peer takes, from medians of one run."""
        return self.get_cost(goal.peer) / self.get_cost(goal.ours)

    def as_record(self) -> dict[str, object]:
        """Everything as plain data for the JSON file."""
        return {
            "title": self.title,
            "unit": self.unit,
            "contestants": [
                {
                    "name": one.name,
                    "count": one.count,
                    "median_s": float(np.median(self.seconds[one.name])),
                    "seconds": self.seconds[one.name],
                    "note": one.note,
                }
                for one in self.contestants
                if one.name in self.seconds
            ],
            "ratios": [{**vars(goal), "measured": self.get_ratio(goal)} for goal in self.goals],
            "agreements": [vars(one) for one in self.agreements],
            "notes": self.notes,
        }


def time_in_turns(contestants: Sequence[Contestant], turns: int, warm: bool = True) -> dict[str, list[float]]:
    """Call each contestant once uncounted (if `warm`), then `turns` times in turns; seconds per call."""
    if warm:
        for one in contestants:
            one.call()
    seconds: dict[str, list[float]] = {one.name: [] for one in contestants}
    for _ in range(turns):
        for one in contestants:
            start = time.perf_counter()
            answer = one.call()
            passed = time.perf_counter() - start
            seconds[one.name].append(answer.seconds if isinstance(answer, Measured) else passed)
    return seconds


def format_seconds(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    if not np.isfinite(seconds):
        return "-"
    for factor, unit in ((1.0, "s "), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1.0 or unit == "us":
            return f"{seconds * factor:,.4g} {unit}"
    raise AssertionError


def print_table(table: Table) -> None:
    """Print one row of the benchmark."""
    print(f"\n{table.title}")
    for one in table.contestants:
        if one.name in table.seconds:
            fastest = min(table.seconds[one.name]) / one.count
            cost = f"{format_seconds(table.get_cost(one.name)):>12} per {table.unit}"
            print(
                f"  {one.name:34}{cost} (fastest {format_seconds(fastest)}; {one.count:,} a call) {one.note}"
            )
    for goal in table.goals:
        ratio = table.get_ratio(goal)
        verdict = "aim met" if ratio >= goal.aim else "met" if ratio >= goal.at_least else "NOT MET"
        wanted = f"at least {goal.at_least:g}, aim {goal.aim:g}"
        print(f"  = {goal.peer} / {goal.ours}: {ratio:.2f} ({wanted}: {verdict})")
    for one in table.agreements:
        counts = ""
        if one.both is not None:
            alone = f"by gridhub alone {one.only_ours:,}, by it alone {one.only_theirs:,}"
            counts = f"; solved by both {one.both:,}, {alone}"
        print(f"  difference to {one.peer}: {one.difference:.1e} {one.unit} over {one.compared:,}{counts}")
    for note in table.notes:
        print(f"  {note}")
