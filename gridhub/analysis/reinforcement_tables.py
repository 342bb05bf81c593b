"""Tables of a reinforcement plan: candidates, works, what each clears, and the selection as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gridhub.analysis.comparison import KEY
from gridhub.analysis.work_candidates import Candidate
from gridhub.analysis.work_judging import measure_excess
from gridhub.analysis.work_selection import Step
from gridhub.errors import name_ids

CANDIDATE_COLUMNS = (
    "kind",
    "target",
    "description",
    "length_km",
    "cost_low",
    "cost_base",
    "cost_high",
    "lead_years",
    "cost_source",
    "cost_confidence",
    "note",
    "chosen",
)

WORK_COLUMNS = (
    "step",
    "candidate",
    *CANDIDATE_COLUMNS[:8],
    "removed_points",
    "removed_per_cost",
    "cleared",
    "left_violations",
    "left_points",
)

CLEARED_COLUMNS = ("step", "candidate", *KEY, "loading_percent")


def _describe(one: Candidate) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "target": one.target,
        "description": one.description,
        "length_km": one.length_km,
        "cost_low": one.cost.low,
        "cost_base": one.cost.base,
        "cost_high": one.cost.high,
        "lead_years": one.cost.lead_years,
        "cost_source": one.cost.source,
        "cost_confidence": one.cost.confidence,
        "note": one.note,
    }


def build_candidates(candidates: Sequence[Candidate], steps: Sequence[Step]) -> pd.DataFrame:
    """Make ``ReinforcementPlan.candidates``."""
    taken = {step.candidate.name for step in steps}
    rows = [{**_describe(one), "chosen": one.name in taken} for one in candidates]
    names = pd.Index([one.name for one in candidates], dtype=object, name="candidate")
    return pd.DataFrame(rows, index=names, columns=list(CANDIDATE_COLUMNS))


def _find_gone(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    keys = [pd.MultiIndex.from_frame(table[list(KEY)]) for table in (before, after)]
    return before[~keys[0].isin(keys[1])]


def build_works(steps: Sequence[Step]) -> pd.DataFrame:
    """Make ``ReinforcementPlan.works``."""
    rows = []
    for number, step in enumerate(steps, start=1):
        base = step.candidate.cost.base
        rows.append(
            {
                "step": number,
                "candidate": step.candidate.name,
                **_describe(step.candidate),
                "removed_points": step.removed,
                "removed_per_cost": step.removed / base if base > 0 else float("inf"),
                "cleared": len(_find_gone(step.before, step.left)),
                "left_violations": len(step.left),
                "left_points": float(measure_excess(step.left).sum()),
            }
        )
    return pd.DataFrame(rows, columns=list(WORK_COLUMNS))


def build_cleared(steps: Sequence[Step]) -> pd.DataFrame:
    """Make ``ReinforcementPlan.cleared``: what is gone with each step and was there before it."""
    rows = [
        {"step": number, "candidate": step.candidate.name, **row}
        for number, step in enumerate(steps, start=1)
        for row in _find_gone(step.before, step.left).to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(CLEARED_COLUMNS))


def build_selection(
    methods: Mapping[str, tuple[Sequence[Candidate], pd.DataFrame]], before: pd.DataFrame
) -> pd.DataFrame:
    """Make ``ReinforcementPlan.selection`` from the works of each method and what the full AC run leaves."""
    rows = []
    for works, left in methods.values():
        row: dict[str, Any] = {"works": len(works)}
        for end in ("low", "base", "high"):
            row[f"cost_{end}"] = float(sum(getattr(one.cost, end) for one in works))
        row |= {
            "lead_years": max((one.cost.lead_years for one in works), default=float("nan")),
            "before_violations": len(before),
            "before_points": float(measure_excess(before).sum()),
            "left_violations": len(left),
            "left_points": float(measure_excess(left).sum()),
            "left_worst_percent": float(left["loading_percent"].astype(float).max()),
        }
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(list(methods), name="method"))


def write_verdict(selection: pd.DataFrame, money_unit: str, unserved: Sequence[str]) -> str:
    """Say in one sentence what the works do."""
    row = selection.iloc[0]
    if not row["before_violations"]:
        return "Nothing is violated: no works are needed."
    cost = (
        f"{row['works']:.0f} works for {row['cost_base']:,.0f} {money_unit} "
        f"({row['cost_low']:,.0f} to {row['cost_high']:,.0f})"
    )
    if not row["left_violations"]:
        return f"{cost} remove all {row['before_violations']:.0f} violations, verified by AC."
    left = f"{row['left_violations']:.0f} of {row['before_violations']:.0f} violations are left with {cost}"
    return f"{left}; no candidate for {name_ids(unserved)}." if unserved else f"{left}."
