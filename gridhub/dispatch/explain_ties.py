"""Why hours that each have a dispatch have none together: the fewest MW that what ties them must give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridhub.case.case import Case
from gridhub.dispatch.coupling import CoupledRows, Coupling
from gridhub.dispatch.explain import SMALLEST_GIVE
from gridhub.dispatch.hour_model import Accuracy, HourModel, solve_one_way
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.problem import HourProblem
from gridhub.dispatch.programme import LinearProgramme
from gridhub.dispatch.result import Conflict
from gridhub.dispatch.security import SecurityPlan

UNITS = {"storage": "MWh", "budget": "MWh", "call": "MWh"}
"""Unit of what each kind gives; else MW."""


def explain_ties(
    problems: Sequence[HourProblem],
    limits: FlowLimits,
    security: SecurityPlan | None,
    coupling: Coupling,
    accuracy: Accuracy,
) -> list[list[Conflict]]:
    """Find the least MW and MWh that ramps, reserve, storage, budgets and longest calls must give.

    Parameters
    ----------
    problems : sequence of HourProblem
        The hours, each of which has a dispatch.
    limits : FlowLimits
    security : SecurityPlan, optional
    coupling : Coupling
    accuracy : Accuracy

    Returns
    -------
    list of list of Conflict
        Of each hour, what must give most first; empty where nothing is proven.

    Notes
    -----
    The programme of the hours at no cost, in which every row that ties them may give at 1 per MW or MWh, as
    `gridhub.dispatch.explain.explain_hour` does for one hour.
    """
    free = [
        replace(one, columns=replace(one.columns, price=0.0 * one.columns.price, bend=0.0 * one.columns.bend))
        for one in problems
    ]
    # a limit that has a price may be exceeded as far as it takes
    limits = replace(
        limits,
        excess_price=0.0 if np.isfinite(limits.excess_price) else np.inf,
        excess_price_after=0.0 if np.isfinite(limits.excess_price_after) else np.inf,
    )
    programme = LinearProgramme(1.0)
    models = [HourModel(one, limits, accuracy, programme=programme) for one in free]
    if coupling.reserve is not None:
        coupling = replace(coupling, reserve=replace(coupling.reserve, price=1.0))
    rows = CoupledRows(programme, models, coupling, soft=True)
    for model in models:
        model.add_interfaces()
    solution = solve_one_way(models, security)
    conflicts: list[list[Conflict]] = [[] for _ in problems]
    if solution.status != "optimal":
        return conflicts
    for ties in rows.ties:
        given = solution.x[ties.give].sum(axis=0)
        for i in np.flatnonzero(given > SMALLEST_GIVE).tolist():
            name = _name(problems[0].case, ties.kind, int(ties.element[i]))
            found = Conflict(ties.kind, name, (), float(ties.limit[i]), float(given[i]))
            conflicts[int(ties.hour[i])].append(found)
    if coupling.reserve is not None:
        short = rows.read_shortage(solution)
        for t in np.flatnonzero(short > SMALLEST_GIVE).tolist():
            need = float(coupling.reserve.need[t])
            conflicts[t].append(Conflict("reserve", "", (), need, float(short[t])))
    return [sorted(own, key=lambda one: -one.give_mw) for own in conflicts]


def _name(case: Case, kind: str, element: int) -> str:
    ids = {"ramp": case.labels.generator, "storage": case.labels.storage}
    return ids.get(kind, case.labels.load)[element]


def describe_ties(conflicts: Sequence[Conflict]) -> str:
    """Say what must give in an hour.

    Examples
    --------
    >>> describe_ties([Conflict("ramp", "coal 1", (), 20.0, 80.0)])
    'Here must give: ramp coal 1 (20.0 MW) by 80.0 MW.'
    """
    parts = []
    for one in conflicts:
        unit = UNITS.get(one.kind, "MW")
        name = f"{one.kind} {one.element}".rstrip()
        parts.append(f"{name} ({one.limit_mw:.1f} {unit}) by {one.give_mw:.1f} {unit}")
    return f"Here must give: {', '.join(parts)}."
