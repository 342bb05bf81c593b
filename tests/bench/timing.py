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
class Seconds:
    """Seconds of each counted call.

    Attributes
    ----------
    wall, cpu : dict
        Name -> seconds by the clock, and of processor time of all threads of this process (empty for work
        done in another process). On a busy machine only ratios of processor time mean something.
    """

    wall: dict[str, list[float]]
    cpu: dict[str, list[float]]


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
    seconds : Seconds
        Of each counted call, by name.
    goals : sequence of Goal
    agreements : sequence of Agreement
    notes : list of str
    """

    title: str
    unit: str
    contestants: Sequence[Contestant]
    seconds: Seconds
    goals: Sequence[Goal] = ()
    agreements: Sequence[Agreement] = ()
    notes: list[str] = field(default_factory=list)

    def get_cost(self, name: str, cpu: bool = False) -> float:
        """Median seconds per unit of work, of the clock or of the processor; NaN if it is not known."""
        count = {one.name: one.count for one in self.contestants}
        seconds = (self.seconds.cpu if cpu else self.seconds.wall).get(name)
        return float(np.median(seconds)) / count[name] if seconds else float("nan")

    def get_ratio(self, goal: Goal, cpu: bool = False) -> float:
        """How many times our cost the peer takes, from medians of one run."""
        return self.get_cost(goal.peer, cpu) / self.get_cost(goal.ours, cpu)

    def as_record(self) -> dict[str, object]:
        """Everything as plain data for the JSON file."""
        return {
            "title": self.title,
            "unit": self.unit,
            "contestants": [
                {
                    "name": one.name,
                    "count": one.count,
                    "median_s": float(np.median(self.seconds.wall[one.name])),
                    "wall_s": self.seconds.wall[one.name],
                    "cpu_s": self.seconds.cpu[one.name],
                    "note": one.note,
                }
                for one in self.contestants
            ],
            "ratios": [
                {**vars(goal), "measured": self.get_ratio(goal), "by_cpu": self.get_ratio(goal, cpu=True)}
                for goal in self.goals
            ],
            "agreements": [vars(one) for one in self.agreements],
            "notes": self.notes,
        }


def time_in_turns(contestants: Sequence[Contestant], turns: int) -> Seconds:
    """Call each contestant once uncounted, then `turns` times in turns."""
    for one in contestants:
        one.call()
    seconds = Seconds({one.name: [] for one in contestants}, {one.name: [] for one in contestants})
    for _ in range(turns):
        for one in contestants:
            wall, cpu = time.perf_counter(), time.process_time()
            answer = one.call()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            elsewhere = isinstance(answer, Measured)
            seconds.wall[one.name].append(answer.seconds if elsewhere else wall)
            if not elsewhere:
                seconds.cpu[one.name].append(cpu)
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
        fastest = min(table.seconds.wall[one.name]) / one.count
        cpu = table.get_cost(one.name, cpu=True)
        own = f"; processor {format_seconds(cpu)}" if np.isfinite(cpu) else ""
        print(
            f"  {one.name:36}{format_seconds(table.get_cost(one.name)):>10} per {table.unit} "
            f"(fastest {format_seconds(fastest)}{own}; {one.count:,} a call) {one.note}"
        )
    for goal in table.goals:
        ratio, by_cpu = table.get_ratio(goal), table.get_ratio(goal, cpu=True)
        verdict = "aim met" if ratio >= goal.aim else "met" if ratio >= goal.at_least else "NOT MET"
        wanted = f"at least {goal.at_least:g}, aim {goal.aim:g}"
        busy = f"; by processor time {by_cpu:.2f}" if np.isfinite(by_cpu) else ""
        print(f"  = {goal.peer} / {goal.ours}: {ratio:.2f} ({wanted}: {verdict}{busy})")
    for one in table.agreements:
        counts = ""
        if one.both is not None:
            alone = f"by gridhub alone {one.only_ours:,}, by it alone {one.only_theirs:,}"
            counts = f"; solved by both {one.both:,}, {alone}"
        print(f"  difference to {one.peer}: {one.difference:.1e} {one.unit} over {one.compared:,}{counts}")
    for note in table.notes:
        print(f"  {note}")
