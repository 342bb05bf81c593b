"""Tables of a dispatch out of its hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.inputs import DispatchInputs
from gridhub.case.case import Case, Floats
from gridhub.case.matrices import sum_at_nodes
from gridhub.dispatch.horizon import HorizonResult
from gridhub.dispatch.problem import draw_losses
from gridhub.dispatch.result import HourResult

CONGESTION_COLUMNS = (
    "hour", "kind", "element", "contingency", "flow_mw", "limit_mw", "shadow_price", "rent", "excess_mw",
)  # fmt: skip
"""Columns of ``Dispatch.congestion``."""

CONFLICT_COLUMNS = ("hour", "kind", "element", "contingency", "limit_mw", "give_mw")
"""Columns of ``Dispatch.conflicts``."""

HOURLY: Mapping[str, tuple[str, Callable[[HourResult], Floats]]] = {
    "generation": ("generator", lambda one: one.generator_p),
    "curtailment": ("generator", lambda one: one.curtailment),
    "constrained_off": ("generator", lambda one: one.constrained_off),
    "constrained_on": ("generator", lambda one: one.constrained_on),
    "storage": ("storage", lambda one: one.storage_p),
    "shed": ("load", lambda one: one.shed),
    "flexible": ("load", lambda one: one.called),
    "hvdc": ("hvdc", lambda one: one.hvdc_p),
    "flow": ("branch", lambda one: one.flow),
    "interface_flow": ("interface", lambda one: one.interface_flow),
    "price": ("bus", lambda one: one.price),
    "price_loss": ("bus", lambda one: one.price_loss),
    "price_congestion": ("bus", lambda one: one.price_congestion),
}
"""Table -> whose ids its columns are, and where an hour's row comes from."""

TABLES = ("status", *HOURLY, "energy", "congestion", "conflicts")
"""Every table of a dispatch."""


def build_tables(inputs: DispatchInputs, first: int, found: HorizonResult) -> dict[str, pd.DataFrame]:
    """Make the tables of some hours in a row.

    Parameters
    ----------
    inputs : DispatchInputs
    first : int
        Position of the first of them.
    found : HorizonResult
    """
    labels, case = inputs.hours[first : first + len(found.hours)], inputs.case
    ids = {
        name: getattr(case.labels, name) for name in ("generator", "storage", "load", "hvdc", "branch", "bus")
    }
    ids["interface"] = inputs.limits.interfaces.names
    tables = {
        name: _stack(labels, ids[kind], kind, [take(one) for one in found.hours])
        for name, (kind, take) in HOURLY.items()
    }
    weather = list(np.array(case.labels.generator, dtype=object)[inputs.units.weather])
    tables["curtailment"] = tables["curtailment"][weather]
    tables["flexible"] = tables["flexible"][list(inputs.options.flexible)]
    tables["energy"] = _stack(labels, case.labels.storage, "storage", list(found.energy))
    tables["status"] = _build_status(inputs, first, found)
    tables["congestion"] = _build_congestion(inputs, labels, found.hours)
    tables["conflicts"] = _build_conflicts(inputs, labels, found.hours)
    return tables


def _stack(hours: pd.Index, ids: Sequence[str], kind: str, rows: Sequence[Floats]) -> pd.DataFrame:
    columns = pd.Index(list(ids), dtype=object, name=kind)
    return pd.DataFrame(np.array(rows).reshape(len(hours), len(ids)), index=hours, columns=columns)


def _build_status(inputs: DispatchInputs, first: int, found: HorizonResult) -> pd.DataFrame:
    rows = []
    for t, one in enumerate(found.hours):
        case = inputs.injections.apply(inputs.case, first + t if inputs.injections.count else -1)
        load = float(case.base_mva * case.load_p[case.load_on].sum()) - one.dead_load_mw
        cost = one.cost
        rows.append(
            {
                "status": one.status.value,
                "reason": one.message,
                "cost": cost.total,
                "cost_generation": cost.generation,
                "cost_curtailment": cost.curtailment,
                "cost_shedding": cost.shedding,
                "cost_flexible": cost.calls,
                "cost_excess": cost.excess,
                "cost_reserve": cost.reserve,
                "cost_intact": one.cost_intact,
                "cost_market": one.cost_market,
                "load_mw": load - one.shed.sum() - one.called.sum(),
                "shed_mw": one.shed.sum(),
                "flexible_mw": one.called.sum(),
                "dead_load_mw": one.dead_load_mw,
                "generation_mw": one.generator_p.sum(),
                "curtailed_mw": one.curtailment.sum(),
                "storage_mw": one.storage_p.sum(),
                "losses_mw": draw_losses(case, one.losses)[inputs.plan.islands.live].sum(),
                "reserve_short_mw": found.reserve_shortage[t],
                "imbalance_mw": find_imbalance(inputs, case, one),
                "rounds": one.rounds,
            }
        )
    return pd.DataFrame(rows, index=inputs.hours[first : first + len(found.hours)])


def sum_unserved(shed: pd.DataFrame, flexible: pd.DataFrame) -> pd.DataFrame:
    """Add what flexible loads were called for to what was shed, hour x load [MW]."""
    unserved = shed.astype(float)
    for load in flexible.columns:
        unserved[load] += flexible[load]
    return unserved


def find_imbalance(inputs: DispatchInputs, case: Case, one: HourResult) -> float:
    """Largest imbalance of any live island: what is injected less what is drawn [MW]."""
    islands, base = inputs.plan.islands, case.base_mva
    node_from, node_to = case.bus_node[case.hvdc_from_bus], case.bus_node[case.hvdc_to_bus]
    runs = case.hvdc_on & islands.live[node_from] & islands.live[node_to]
    arriving = one.hvdc_p - base * case.hvdc_loss - case.hvdc_loss_share * np.abs(one.hvdc_p)
    load = np.where(case.load_on, base * case.load_p - one.shed - one.called, 0.0)
    shunt = np.where(case.shunt_on, base * case.shunt_g, 0.0)
    injected = (
        sum_at_nodes(case, case.generator_bus, one.generator_p)
        + sum_at_nodes(case, case.storage_bus, one.storage_p)
        + sum_at_nodes(case, case.hvdc_to_bus, np.where(runs, arriving, 0.0))
        - sum_at_nodes(case, case.hvdc_from_bus, np.where(runs, one.hvdc_p, 0.0))
        - sum_at_nodes(case, case.load_bus, load)
        - sum_at_nodes(case, case.shunt_bus, shunt)
        - draw_losses(case, one.losses)
    )
    total = np.bincount(islands.island, np.where(islands.live, injected, 0.0), islands.count)
    return float(np.abs(total).max(initial=0.0))


def _build_congestion(inputs: DispatchInputs, hours: pd.Index, results: Sequence[HourResult]) -> pd.DataFrame:
    """List the limits that bind, by hour, the dearest first."""
    labels, limits = inputs.case.labels, inputs.limits
    ids = {"branch": labels.branch, "link": labels.hvdc, "interface": limits.interfaces.names}
    rows: list[tuple[Any, ...]] = []
    for hour, one in zip(hours, results, strict=True):
        found = one.constraints
        for i in np.argsort(-found.rent, kind="stable").tolist():
            kind, element, outage = found.kind[i], int(found.element[i]), int(found.outage[i])
            name, limit = ids[kind][element], float(found.limit[i])
            rate = limits.rate[element] if kind == "branch" and outage < 0 else np.nan
            by_angle = kind == "branch" and outage < 0 and not np.isclose(abs(limit), rate, rtol=1e-9)
            rows.append(
                (
                    hour,
                    "angle" if by_angle else kind,
                    name,
                    "" if outage < 0 else inputs.contingencies[outage],
                    float(found.flow[i]),
                    limit,
                    float(found.shadow_price[i]),
                    float(found.rent[i]),
                    float(found.excess[i]),
                )
            )
    return pd.DataFrame(rows, columns=list(CONGESTION_COLUMNS))


def _build_conflicts(inputs: DispatchInputs, hours: pd.Index, results: Sequence[HourResult]) -> pd.DataFrame:
    """List what must give, and what it conflicts with, in hours without a dispatch."""
    rows = [
        (hour, one.kind, one.element, "+".join(one.outage), one.limit_mw, one.give_mw)
        for hour, result in zip(hours, results, strict=True)
        for one in result.conflicts
    ]
    return pd.DataFrame(rows, columns=list(CONFLICT_COLUMNS))


def join_tables(parts: Sequence[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Put the tables of windows one below the other."""
    joined = {}
    for name in TABLES:
        frames = [part[name] for part in parts]
        if name in ("congestion", "conflicts"):
            full = [frame for frame in frames if len(frame)]
            joined[name] = pd.concat(full, ignore_index=True) if full else frames[0]
        else:
            joined[name] = frames[0] if len(frames) == 1 else pd.concat(frames)
    return joined
