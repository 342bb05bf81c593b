"""Remedial schemes that switch shunts after an outage that has no solution or takes voltages out of range."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.actions.remedial_schemes import Action, RemedialScheme
from gridhub.analysis.security.security import settle_state
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.judging import WorksTask, list_lost, measure_excess
from gridhub.analysis.works.scheme_candidates import AS_OF, KIND, NOTE, SOURCE
from gridhub.costs import Costs
from gridhub.model.network import Network

LOW, HIGH = ("no_solution", "voltage_low"), ("voltage_high",)
"""Violations that reactors, and that capacitors, are switched out for."""


def list_switching_candidates(
    net: Network, costs: Costs, violations: pd.DataFrame, task: WorksTask, most: int
) -> list[Candidate]:
    """Make schemes that switch out what pulls voltages the wrong way after an outage.

    Parameters
    ----------
    net : Network
    costs : Costs
        Without the item ``remedial_scheme`` nothing is offered.
    violations : DataFrame
        Columns of ``Security.violations``.
    task : WorksTask
        Its outages.
    most : int
        Candidates at most, those behind most violation first.

    Returns
    -------
    list of Candidate
        One for each set of shunts: the reactors (voltage low, or no solution) or capacitors (voltage high) in
        service at the ends of what is lost and at the buses out of range; each outage has a scheme.
    """
    if KIND not in costs:
        return []
    mine = violations[violations["kind"].isin((*LOW, *HIGH)) & (violations["contingency"] != "")]
    mine = mine.assign(points=measure_excess(mine))
    found: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
    weight: dict[tuple[str, ...], float] = {}
    for (snapshot, contingency), rows in mine.groupby(["snapshot", "contingency"], sort=False):
        outages = task.outages.get(str(snapshot))
        if outages is None or contingency not in outages.index:
            continue
        lost = list_lost(outages, str(contingency))
        state = settle_state(net, str(snapshot) or None)
        low = rows["kind"].isin(LOW).any()
        at = _find_ends(state, lost) | set(rows.loc[rows["kind"].isin(LOW if low else HIGH), "element"])
        shunt = state.shunt
        wrong = shunt["b_mvar"] < 0 if low else shunt["b_mvar"] > 0
        ids = tuple(map(str, shunt.index[wrong & shunt["in_service"] & shunt["bus"].isin(at)]))
        if ids:
            found.setdefault(ids, {})[str(contingency)] = lost
            weight[ids] = weight.get(ids, 0.0) + float(rows["points"].sum())
    chosen = sorted(found, key=lambda ids: -weight[ids])[:most]
    return [_build(net, ids, found[ids], costs) for ids in chosen]


def _find_ends(net: Network, lost: tuple[str, ...]) -> set[str]:
    """Find the buses that what is lost ends at."""
    branches = net.branches()
    rows = branches[branches.index.isin(lost)]
    return {str(bus) for end in ("from_bus", "to_bus") for bus in rows[end]}


def _build(
    net: Network, ids: tuple[str, ...], outages: dict[str, tuple[str, ...]], costs: Costs
) -> Candidate:
    """Build the candidate: one scheme for each outage, without a condition."""
    bus, first = str(net.shunt.at[ids[0], "bus"]), next(iter(outages))
    name = f"switching scheme {bus} after {first}"
    if len(outages) > 1:
        name += f" and {len(outages) - 1} more"
    action = Action("switch", ids, on=False)
    shown = ", ".join(list(outages)[:3]) + (" …" if len(outages) > 3 else "")
    mvar = float(net.shunt.loc[list(ids), "b_mvar"].sum())
    return Candidate(
        name,
        KIND,
        bus,
        f"after {shown} {action.title}, {mvar:+,.0f} Mvar",
        costs[KIND],
        lambda one: one,
        note=NOTE,
        schemes=tuple(
            RemedialScheme(f"{name}: {contingency}", lost, (), (action,), SOURCE, AS_OF, "assumed")
            for contingency, lost in outages.items()
        ),
    )
