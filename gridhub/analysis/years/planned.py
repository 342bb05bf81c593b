"""Where projects with dates come from: the plans of a network, and the works of a reinforcement plan."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gridhub.analysis.works.candidates import DELAYS, cost_link, cost_route
from gridhub.analysis.works.reinforcement import ReinforcementPlan
from gridhub.analysis.years.projects import Project
from gridhub.costs import Cost, Costs
from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.model.plan import Plan, find_needs, find_waiting

PLANNED_KINDS = ("station", "line", "hvdc")
"""Kinds of planned projects that are drawn where nothing else is asked for; the others come as expected."""

NO_ROOM = ("flexible_load", "remedial_scheme")
"""Kinds of works that hosting capacity does not know: they cost, and change no room."""


def list_planned(
    net: Network, plan: Plan, costs: Costs | None, last: int, names: Sequence[str] | None
) -> list[Project]:
    """List the projects of a network's plans whose date is drawn.

    Parameters
    ----------
    net : Network
        As it stands at its vintage.
    plan : Plan
    costs : Costs or None
    last : int
        Projects expected later are left out.
    names : sequence of str or None
        None: those of `PLANNED_KINDS`.

    Returns
    -------
    list of Project
        To put one of them into a network changes nothing: `apply_plan` has put it there.

    Raises
    ------
    InputError
        If a name is no project of the plans, or one that is never applied; all are listed.
    """
    table = plan.project
    if names is not None:
        known = {str(name): str(reason) for name, reason in table["reason"].items()}
        why = {one: known.get(one, "no such project in the plans") for one in names}
        issues = [Issue("error", "E-PLAN", "project", one, "", "", text) for one, text in why.items() if text]
        if issues:
            raise InputError(issues, "projects")
    due = table[(table["reason"].astype(str) == "") & (table["year"] <= last)]
    chosen = due[due["kind"].isin(PLANNED_KINDS) if names is None else due.index.isin(list(names))]
    mine = [str(name) for name in chosen.index]
    due_year = chosen["year"].astype(int)
    direct = find_needs(plan)
    waiting = {name: find_waiting(direct, [name]) for name in mine}
    vn_kv = net.bus["vn_kv"]
    if "bus" in plan.rows:
        vn_kv = pd.concat([vn_kv, plan.rows["bus"]["vn_kv"]])
    return [
        Project(
            name,
            int(due_year[name]),
            _stay,
            kind=str(chosen.at[name, "kind"]),
            needs=tuple(one for one in mine if name in waiting[one]),
            cost=_cost_planned(plan, vn_kv, costs, name) if costs is not None else None,
            name_ko=str(chosen.at[name, "name_ko"]) if "name_ko" in chosen else "",
        )
        for name in mine
    ]


def list_works(plan: ReinforcementPlan, decided: int) -> list[Project]:
    """Make projects of the works of a reinforcement plan, decided at the end of a year.

    Each is expected after its usual lead time; one without a lead time at the end of the next year. What a
    contract is paid every year is no spending of a project.
    """
    return [
        Project(
            one.name,
            decided + (math.ceil(one.cost.lead_years) if one.cost.lead_years > 0 else 1),
            one.apply,
            kind=DELAYS.get(one.kind, one.kind),
            cost=one.once,
        )
        for one in plan.chosen
    ]


def _stay(net: Network) -> Network:
    return net


def _cost_planned(plan: Plan, vn_kv: pd.Series, costs: Costs, name: str) -> Cost | None:
    """Cost the lines and links of a planned project; None where it has none, or the region no cost."""
    found: list[Cost | None] = []
    line = plan.rows.get("line")
    if line is not None:
        mine = line[line["project"] == name]
        for _, rows in mine.groupby(mine["route"].where(mine["route"] != "", mine.index.to_series())):
            first = rows.iloc[0]
            kv, km = float(vn_kv[first["from_bus"]]), float(first["length_km"])
            found.append(cost_route(costs, kv, str(first["construction"]), km, len(rows)))
    link = plan.rows.get("hvdc")
    if link is not None and (link["project"] == name).any():
        poles = link[link["project"] == name]
        found.append(cost_link(costs, float(poles["p_max_mw"].sum()), float(poles["length_km"].iloc[0])))
    known = [one for one in found if one is not None]
    return sum(known[1:], start=known[0]) if known and len(known) == len(found) else None
