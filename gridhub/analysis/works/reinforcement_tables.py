"""Tables of a reinforcement plan: candidates, works, what each clears, and the selection as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.security.comparison import KEY
from gridhub.analysis.works.candidates import DELAYS, Candidate
from gridhub.analysis.works.judging import measure_excess
from gridhub.analysis.works.optimum import Optimum
from gridhub.analysis.works.selection import Step
from gridhub.costs import Costs
from gridhub.errors import name_ids

CANDIDATE_COLUMNS = (
    "kind",
    "target",
    "description",
    "length_km",
    "cost_low",
    "cost_base",
    "cost_high",
    "cost_usd_base",
    "lead_years",
    "lead_p50_years",
    "lead_p90_years",
    "price_year",
    "cost_source",
    "cost_confidence",
    "note",
    "methods",
    "fault_bus",
    "fault_before_ka",
    "fault_after_ka",
    "breaker_ka",
    "fault_state",
)

WORK_COLUMNS = ("candidate", *CANDIDATE_COLUMNS[:11])

STEP_COLUMNS = (
    "step",
    "candidate",
    "cost_base",
    "removed_points",
    "removed_per_cost",
    "cleared",
    "left_violations",
    "left_points",
    "kept",
)

SCHEME_COLUMNS = (
    "snapshot",
    "contingency",
    "variant",
    "schemes",
    "status",
    "violations",
    "worst_element",
    "worst_loading_percent",
    "tripped_mw",
    "shed_mw",
    "run_back_mw",
)

Selections = Mapping[str, tuple[Sequence[Candidate], pd.DataFrame]]
"""Method -> works, and what the full AC run leaves."""

CLEARED_COLUMNS = ("step", "candidate", *KEY, "loading_percent")


def _describe(one: Candidate, costs: Costs) -> dict[str, Any]:
    delay, lead = costs.delays.get(DELAYS.get(one.kind, "")), one.cost.lead_years
    return {
        "kind": one.kind,
        "target": one.target,
        "description": one.description,
        "length_km": one.length_km,
        "cost_low": one.cost.low,
        "cost_base": one.cost.base,
        "cost_high": one.cost.high,
        "cost_usd_base": one.cost.base / costs.dollar,
        "lead_years": lead,
        "lead_p50_years": lead + delay.find_years([0.5])[0] if delay is not None else float("nan"),
        "lead_p90_years": lead + delay.find_years([0.9])[0] if delay is not None else float("nan"),
        "price_year": one.cost.price_year,
        "cost_source": one.cost.source,
        "cost_confidence": one.cost.confidence,
        "note": one.note,
    }


def build_candidates(
    candidates: Sequence[Candidate],
    methods: Selections,
    faults: Mapping[str, Mapping[str, Any]],
    costs: Costs,
) -> pd.DataFrame:
    """Make ``ReinforcementPlan.candidates``; `faults` holds the fault level by candidate."""
    taken = {method: {one.name for one in works} for method, (works, _) in methods.items()}
    rows = [
        {
            **_describe(one, costs),
            "methods": tuple(method for method in taken if one.name in taken[method]),
            **faults.get(one.name, {}),
        }
        for one in candidates
    ]
    names = pd.Index([one.name for one in candidates], dtype=object, name="candidate")
    return pd.DataFrame(rows, index=names, columns=list(CANDIDATE_COLUMNS))


def build_works(works: Sequence[Candidate], costs: Costs) -> pd.DataFrame:
    """Make ``ReinforcementPlan.works``."""
    rows = [{"candidate": one.name, **_describe(one, costs)} for one in works]
    return pd.DataFrame(rows, columns=list(WORK_COLUMNS))


def _find_gone(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    keys = [pd.MultiIndex.from_frame(table[list(KEY)]) for table in (before, after)]
    return before[~keys[0].isin(keys[1])]


def build_steps(steps: Sequence[Step], kept: Sequence[Candidate]) -> pd.DataFrame:
    """Make ``ReinforcementPlan.greedy_steps``; `kept` are the works of the greedy choice in the end."""
    rows = []
    for number, step in enumerate(steps, start=1):
        base = step.candidate.cost.base
        rows.append(
            {
                "step": number,
                "candidate": step.candidate.name,
                "cost_base": base,
                "removed_points": step.removed,
                "removed_per_cost": step.removed / base if base > 0 else float("inf"),
                "cleared": len(_find_gone(step.before, step.left)),
                "left_violations": len(step.left),
                "left_points": float(measure_excess(step.left).sum()),
                "kept": step.candidate in kept,
            }
        )
    return pd.DataFrame(rows, columns=list(STEP_COLUMNS))


def build_cleared(steps: Sequence[Step]) -> pd.DataFrame:
    """Make ``ReinforcementPlan.cleared``: what is gone with each step and was there before it."""
    rows = [
        {"step": number, "candidate": step.candidate.name, **row}
        for number, step in enumerate(steps, start=1)
        for row in _find_gone(step.before, step.left).to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(CLEARED_COLUMNS))


def build_selection(
    methods: Selections,
    before: pd.DataFrame,
    candidates: Sequence[Candidate],
    optimum: Optimum | None,
) -> pd.DataFrame:
    """Make ``ReinforcementPlan.selection``; the objective of both methods is that of the MILP solved last."""
    rows = []
    for method, (works, left) in methods.items():
        names = {one.name for one in works}
        taken = np.array([one.name in names for one in candidates], dtype=bool)
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
            "objective": float("nan") if optimum is None else optimum.problem.measure(taken),
            "proven": optimum is not None and method == "milp" and optimum.optimal,
            "from_greedy": optimum is not None and method == "milp" and optimum.seeded,
        }
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(list(methods), name="method"))


def write_verdict(
    selection: pd.DataFrame, method: str, money_unit: str, unserved: Sequence[str], left: pd.DataFrame
) -> str:
    """Say in a sentence or two what the works of a method do, and what they leave without an AC solution."""
    row = selection.loc[[method]].iloc[0]
    if not row["before_violations"]:
        return "Nothing is violated: no works are needed."
    cost = (
        f"{row['works']:.0f} works for {row['cost_base']:,.0f} {money_unit} "
        f"({row['cost_low']:,.0f} to {row['cost_high']:,.0f})"
    )
    if not row["left_violations"]:
        return f"{cost} remove all {row['before_violations']:.0f} violations, verified by AC."
    text = f"{row['left_violations']:.0f} of {row['before_violations']:.0f} violations are left with {cost}"
    text += f"; no candidate for {name_ids(unserved)}." if unserved else "."
    dark = left[left["kind"] == "no_solution"]
    states = dark.loc[dark["contingency"] == "", "snapshot"].astype(str)
    if len(states):
        text += (
            " With everything in service there is no AC solution, so that nothing was judged, in "
            f"{name_ids(name or 'the only state' for name in states)}."
        )
    if len(states) < len(dark):
        text += f" {len(dark) - len(states)} of those left are outages without an AC solution."
    return text
