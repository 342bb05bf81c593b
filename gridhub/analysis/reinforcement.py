"""Reinforcements: made from what binds, costed as ranges, applied, and judged again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.headroom import find_headroom
from gridhub.costs import Cost, Costs
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.solvers.options import PowerFlowOptions

KINDS = ("second_circuit", "larger_conductor", "bank", "capacitor", "statcom", "storage", "flexible_load")
"""Kinds of candidates."""

ROUTES = 3
"""Routes that candidates are made for: those behind most violations and the ones that bind the headroom."""

STATCOM_MVAR = 400.0
"""Size of a STATCOM candidate [Mvar]: the unit built at Sinyeongju and Sinchungju."""

CAPACITOR_MVAR = 200.0
"""Size of a capacitor candidate [Mvar]: assumed."""

STORAGE_SHARE, STORAGE_HOURS = 0.25, 6.0
"""Storage candidate: share of the contract power (assumed) and hours (as in the Korean tenders)."""

FLEXIBLE_SHARE = 0.25
"""Share of the contract power shed on request where the hub offers none of its own: as shown for 3 hours."""

DRAWS = 10_000
"""Draws of the cost ranges when the order is tested."""

SMALLEST_GAIN_MW = 1.0
"""Gains below count as none: no cost per MW is given [MW]."""

SOURCE = "reinforcement candidate"

COLUMNS = (
    "candidate",
    "kind",
    "target",
    "description",
    "left_violations",
    "left_worst_percent",
    "gained_mw",
    "cost_low_bn",
    "cost_base_bn",
    "cost_high_bn",
    "cost_per_mw_low",
    "cost_per_mw_base",
    "cost_per_mw_high",
    "rank",
    "rank_kept_percent",
    "lead_years",
    "cost_source",
    "cost_confidence",
    "note",
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """One reinforcement.

    Attributes
    ----------
    name, kind, target, description : str
        What it is: name, one of `KINDS`, route, bank or bus, and in words.
    cost : Cost
        In the money unit of the costs.
    apply : callable
        Network -> new Network with it; a network without the target comes back unchanged.
    direct_mw : float
        Power it takes off the hub's own draw [MW]; 0 for grid works, whose gain is found by headroom.
    note : str
        What was assumed.
    """

    name: str
    kind: str
    target: str
    description: str
    cost: Cost
    apply: Callable[[Network], Network]
    direct_mw: float = 0.0
    note: str = ""


@dataclass(frozen=True, eq=False)
class Reinforcement:
    """Candidates side by side.

    Attributes
    ----------
    money_unit : str
        Unit of every cost, such as "bn KRW".
    table : DataFrame
        One row per candidate, cheapest per MW first: candidate, kind, target, description; left_violations
        (caused by the hub and not removed) and left_worst_percent (highest loading among them);
        gained_mw (headroom gained at the hub's point of connection, violations that exist without it set
        aside); cost_low_bn, cost_base_bn, cost_high_bn; cost_per_mw_low, _base, _high (NaN where nothing is
        gained); rank; rank_kept_percent (share of draws between low and high in which the rank stays);
        lead_years; cost_source, cost_confidence; note.
    flips : DataFrame
        One row per pair: cheaper, dearer (at base cost), flip_percent (share of draws in which the order of
        the pair is the other way round).
    seed : int
        Of the draws.
    """

    money_unit: str
    table: pd.DataFrame
    flips: pd.DataFrame
    seed: int


def _append(net: Network, table: str, rows: pd.DataFrame) -> Network:
    old = net.tables[table]
    new = complete_table(table, rows)
    for column in old.columns.difference(new.columns):
        empty: object = "" if old[column].dtype == object else False if old[column].dtype == bool else np.nan
        new[column] = pd.Series(empty, index=new.index)
    return net.replace(**{table: pd.concat([old, new[old.columns]]) if len(old) else new})


def add_circuit(net: Network, route: str) -> Network:
    """Add one more circuit like the first of a route, on towers of its own."""
    rows = find_route(net, route)
    if rows.empty:
        return net
    new = rows.iloc[[0]].copy()
    number = sum(str(name).startswith(f"{route}:added") for name in net.tables["line"].index) + 1
    new.index = pd.Index([f"{route}:added:{number}"], name="id")
    new["circuit"], new["tower"], new["in_service"] = f"added {number}", "", True
    new["source"], new["confidence"] = SOURCE, "assumed"
    return _append(net, "line", new)


def find_route(net: Network, route: str) -> pd.DataFrame:
    """Find the circuits of a route: by the column ``route``, else the line of that id."""
    line = net.line
    rows = line[(line["route"] == route) & (line["route"] != "")]
    return rows if len(rows) else line[line.index == route]


def change_conductor(net: Network, route: str, kind: Mapping[str, Any]) -> Network:
    """Rebuild all circuits of a route with another conductor.

    Parameters
    ----------
    net : Network
    route : str
    kind : mapping
        conductor, r_ohm_per_km, x_ohm_per_km, b_us_per_km, rate_mva.
    """
    rows = find_route(net, route)
    return net if rows.empty else set_conductor(net, rows.index, kind)


def set_conductor(net: Network, lines: pd.Index, kind: Mapping[str, Any]) -> Network:
    """Give some lines another conductor, by their length; see `change_conductor`."""
    line = net.line
    mine = line.index.isin(lines)
    km = line["length_km"].to_numpy(dtype=float)[mine]
    for column, per_km in (("r_ohm", "r_ohm_per_km"), ("x_ohm", "x_ohm_per_km"), ("b_us", "b_us_per_km")):
        values = line[column].to_numpy(dtype=float).copy()
        values[mine] = kind[per_km] * km
        line[column] = values
    for column in ("rate_mva", "rate_b_mva", "rate_c_mva"):
        values = line[column].to_numpy(dtype=float).copy()
        values[mine] = kind["rate_mva"] if column == "rate_mva" else np.nan
        line[column] = values
    line["conductor"] = line["conductor"].where(~mine, kind["conductor"])
    return net.replace(line=line)


def add_bank(net: Network, bank: str) -> Network:
    """Add one more transformer like an existing one."""
    table = net.transformer
    if bank not in table.index:
        return net
    new = table.loc[[bank]].copy()
    new.index = pd.Index([f"{bank}:added"], name="id")
    new["circuit"], new["in_service"], new["source"], new["confidence"] = "added", True, SOURCE, "assumed"
    return _append(net, "transformer", new)


def add_shunt(net: Network, bus: str, mvar: float) -> Network:
    """Add a capacitor, in service in every snapshot."""
    if bus not in net.tables["bus"].index:
        return net
    row = {"bus": bus, "b_mvar": mvar, "name": "added capacitor", "source": SOURCE, "confidence": "assumed"}
    return _append(net, "shunt", pd.DataFrame([row], index=[f"{bus}:added capacitor"]))


def add_statcom(net: Network, bus: str, mvar: float) -> Network:
    """Add a STATCOM: a unit without active power that holds 1 p.u. within +- `mvar`."""
    if bus not in net.tables["bus"].index:
        return net
    at_bus = net.generator
    at_bus = at_bus[(at_bus["bus"] == bus) & at_bus["regulating"] & at_bus["in_service"]]
    vm_pu = float(at_bus["vm_pu"].iloc[0]) if len(at_bus) else 1.0
    row = {"bus": bus, "p_min_mw": 0.0, "p_max_mw": 0.0, "q_min_mvar": -mvar, "q_max_mvar": mvar}
    row |= {"vm_pu": vm_pu, "participation": 0.0, "fuel": "other", "name": "added STATCOM"}
    row |= {"source": SOURCE, "confidence": "assumed"}
    return _append(net, "generator", pd.DataFrame([row], index=[f"{bus}:added statcom"]))


def add_storage(net: Network, bus: str, p_mw: float, hours: float) -> Network:
    """Add storage that discharges at full power: the state of the worst hour."""
    if bus not in net.tables["bus"].index:
        return net
    row = {"bus": bus, "p_mw": p_mw, "p_max_mw": p_mw, "e_mwh": p_mw * hours, "name": "added storage"}
    row |= {"source": SOURCE, "confidence": "assumed"}
    return _append(net, "storage", pd.DataFrame([row], index=[f"{bus}:added storage"]))


def shed_load(net: Network, loads: Sequence[str], share: float) -> Network:
    """Take a share off some loads, active and reactive: the state after the hub was asked to shed."""
    load = net.load
    mine = load.index.isin(list(loads))
    for column in ("p_mw", "q_mvar"):
        values = load[column].to_numpy(dtype=float).copy()
        values[mine] *= 1.0 - share
        load[column] = values
    return net.replace(load=load)


def find_conductors(net: Network, vn_kv: float) -> dict[str, dict[str, Any]]:
    """Find what overhead conductors the lines of a voltage have, per km of one circuit.

    Returns
    -------
    dict
        Conductor -> conductor, r_ohm_per_km, x_ohm_per_km, b_us_per_km (medians), rate_mva (median), by
        rising rating.
    """
    line = net.line
    vn = net.bus["vn_kv"].reindex(line["from_bus"]).to_numpy(dtype=float)
    km = line["length_km"].to_numpy(dtype=float)
    own = np.isclose(vn, vn_kv, rtol=0.02) & (km > 0) & (line["conductor"] != "").to_numpy(dtype=bool)
    own &= (line["construction"] == "overhead").to_numpy(dtype=bool)
    found: dict[str, dict[str, Any]] = {}
    for name, rows in line[own].groupby("conductor", sort=False):
        length = rows["length_km"].to_numpy(dtype=float)
        per_km = {
            f"{column}_per_km": float(np.median(rows[column].to_numpy(dtype=float) / length))
            for column in ("r_ohm", "x_ohm", "b_us")
        }
        found[str(name)] = {"conductor": str(name), **per_km, "rate_mva": float(rows["rate_mva"].median())}
    return dict(sorted(found.items(), key=lambda item: float(item[1]["rate_mva"])))


def _choose_line_cost(costs: Costs, vn_kv: float, construction: str) -> tuple[Cost, Cost] | None:
    """Choose the cost per route-km and per bay for a voltage; None if the region has none."""
    for kv in (765, 345, 154):
        if np.isclose(vn_kv, kv, rtol=0.02):
            kind = "cable" if construction == "cable" and f"line_{kv}_cable" in costs else "overhead"
            names = f"line_{kv}_{kind}", f"bay_{kv}"
            if all(name in costs for name in names):
                return costs[names[0]], costs[names[1]]
    return None


def find_contingency(costs: Costs) -> Cost:
    """Give the region's contingency factor on works; 1 if it has none."""
    return costs["contingency"] if "contingency" in costs else Cost(1.0, 1.0, 1.0, "factor", "", "none", "")


def cost_route(costs: Costs, vn_kv: float, construction: str, km: float, circuits: int) -> Cost | None:
    """Cost of a new overhead or cable route of up to two circuits on its own, with a bay at each end.

    Returns
    -------
    Cost or None
        With the contingency of the region; None if the region has no cost for the voltage.
    """
    unit = _choose_line_cost(costs, vn_kv, construction)
    if unit is None:
        return None
    return (unit[0] * km * ((circuits + 1) // 2) + unit[1] * (2 * circuits)) * find_contingency(costs)


def _list_line_candidates(net: Network, costs: Costs, route: str) -> list[Candidate]:
    rows = find_route(net, route)
    first = rows.iloc[0]
    km = float(first["length_km"])
    vn_kv = float(net.bus["vn_kv"].reindex([first["from_bus"]]).iloc[0])
    unit = _choose_line_cost(costs, vn_kv, str(first["construction"]))
    if unit is None or not km > 0:
        return []
    factor = find_contingency(costs)
    whole = unit[0] * km
    share = costs["second_circuit_share"]
    added = (whole * share + unit[1] * 2) * factor
    text = f"one more circuit {first['conductor']}, {km:.0f} km ({len(rows)} there)"
    found = [
        Candidate(
            f"second circuit {route}",
            "second_circuit",
            route,
            text,
            _take_lead(added, share),
            lambda one, route=route: add_circuit(one, route),  # type: ignore[misc]
            note="on towers of its own in the model; priced as a share of a new route",
        )
    ]
    conductors = find_conductors(net, vn_kv)
    larger = [one for one in conductors.values() if one["rate_mva"] > 1.5 * float(first["rate_mva"])]
    if larger and first["construction"] == "overhead":
        kind = larger[0]
        share = costs["larger_conductor_share"]
        rebuilt = whole * share * ((len(rows) + 1) // 2) * factor
        found.append(
            Candidate(
                f"larger conductor {route}",
                "larger_conductor",
                route,
                f"{first['conductor']} to {kind['conductor']}, {km:.0f} km, {len(rows)} circuits",
                _take_lead(rebuilt, share),
                lambda one, route=route, kind=kind: change_conductor(one, route, kind),  # type: ignore[misc]
                note="the line is out while it is rebuilt: not assessed",
            )
        )
    return found


def _take_lead(cost: Cost, like: Cost) -> Cost:
    """Give a cost the lead time and source of the item that shaped it."""
    source = f"{cost.source}; share: {like.source}"
    values = (cost.low, cost.base, cost.high, "", cost.price_year, source, "assumed")
    return Cost(*values, like.lead_years, like.lead_source)


def rank_routes(net: Network, violations: pd.DataFrame, binding: Sequence[str]) -> list[str]:
    """Rank what is overloaded: what binds the headroom first, then by the sum of the overloads.

    Parameters
    ----------
    net : Network
    violations : DataFrame
        Those the hub caused or worsened.
    binding : sequence of str
        Elements that bind the headroom.

    Returns
    -------
    list of str
        Routes, or ids of lines without a route and of transformers; those of the hub's own connection last.
    """
    thermal = violations[violations["kind"] == "thermal"]
    over = (thermal["loading_percent"].astype(float) - 100.0).groupby(thermal["element"]).sum()
    elements = [name for name in binding if name in net.branches().index]
    elements += list(over.sort_values(ascending=False, kind="stable").index)
    route = net.line["route"]
    names = [route[name] if name in route.index and route[name] else name for name in elements]
    return sorted(dict.fromkeys(str(name) for name in names), key=lambda name: name.startswith("hub:"))


def list_candidates(
    net: Network,
    costs: Costs,
    violations: pd.DataFrame,
    binding: Sequence[str],
    bus: str,
    loads: Sequence[str],
    contract_mw: float,
    flexible_share: float = 0.0,
    routes: int = ROUTES,
) -> tuple[Candidate, ...]:
    """Make candidates from what is violated and what binds.

    Parameters
    ----------
    net : Network
        With the hub.
    costs : Costs
        Unit costs of the region.
    violations : DataFrame
        Violations that the hub caused or worsened.
    binding : sequence of str
        Elements that bind the headroom.
    bus : str
        Bus of the hub.
    loads : sequence of str
        Load rows of the hub.
    contract_mw : float
        Contract power [MW].
    flexible_share : float
        Share of it that the hub offers to shed; 0: `FLEXIBLE_SHARE` is tried.
    routes : int
        How many routes candidates are made for.

    Returns
    -------
    tuple of Candidate
        Lines and banks of the worst routes, capacitor and STATCOM at the hub where a voltage is low, storage
        and flexible load at the hub. What the region has no cost for is left out.
    """
    found: list[Candidate] = []
    ranked = rank_routes(net, violations, binding)
    for name in ranked[:routes]:
        if len(find_route(net, name)):
            found += _list_line_candidates(net, costs, name)
        elif name in net.transformer.index:
            found += _list_bank_candidate(net, costs, name)
    low = violations[violations["kind"].isin(("voltage_low", "no_solution"))]
    if len(low):
        found += _list_voltage_candidates(costs, bus)
    return (*found, *_list_hub_candidates(costs, bus, loads, contract_mw, flexible_share))


def _list_bank_candidate(net: Network, costs: Costs, name: str) -> list[Candidate]:
    row = net.transformer.loc[name]
    vn = net.bus["vn_kv"].reindex([row["from_bus"], row["to_bus"]]).to_numpy(dtype=float)
    item = f"bank_{max(vn):g}_{min(vn):g}"
    if item not in costs:
        return []
    cost = costs[item] * find_contingency(costs)
    text = f"one more bank {max(vn):g}/{min(vn):g} kV of {row['rate_mva']:g} MVA"
    return [Candidate(f"bank {name}", "bank", name, text, cost, lambda one: add_bank(one, name))]


def _list_voltage_candidates(costs: Costs, bus: str) -> list[Candidate]:
    found = []
    for kind, item, size, apply in (
        ("capacitor", "shunt_capacitor", CAPACITOR_MVAR, add_shunt),
        ("statcom", "statcom", STATCOM_MVAR, add_statcom),
    ):
        if item in costs:
            found.append(
                Candidate(
                    f"{kind} {bus}",
                    kind,
                    bus,
                    f"{size:g} Mvar at {bus}",
                    costs[item] * size,
                    lambda one, apply=apply, size=size: apply(one, bus, size),  # type: ignore[misc]
                    note=""
                    if kind == "statcom"
                    else "in service in every snapshot: no switching is modelled",
                )
            )
    return found


def _list_hub_candidates(
    costs: Costs, bus: str, loads: Sequence[str], contract_mw: float, flexible_share: float
) -> list[Candidate]:
    found = []
    if "storage" in costs:
        p_mw = STORAGE_SHARE * contract_mw
        found.append(
            Candidate(
                f"storage {bus}",
                "storage",
                bus,
                f"{p_mw:g} MW / {p_mw * STORAGE_HOURS:g} MWh at the hub, discharging in the worst hours",
                costs["storage"] * (p_mw * STORAGE_HOURS),
                lambda one: add_storage(one, bus, p_mw, STORAGE_HOURS),
                p_mw,
                "full discharge in every snapshot; charging and duration of the need are not assessed",
            )
        )
    if "flexible_load" in costs:
        share = flexible_share or FLEXIBLE_SHARE
        offered = "offered by the hub" if flexible_share else "assumed: shown for 3 hours elsewhere"
        found.append(
            Candidate(
                f"flexible load {share:.0%}",
                "flexible_load",
                bus,
                f"{share:.0%} of the contract power shed on request ({offered})",
                costs["flexible_load"] * (share * contract_mw),
                lambda one: shed_load(one, loads, share),
                share * contract_mw,
                "modelled as shed before the outage",
            )
        )
    return found


def find_gain(
    net: Network,
    candidate: Candidate,
    bus: str,
    before_mw: float,
    criteria: Criteria | None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    snapshots: Sequence[str] | None = None,
) -> float:
    """Find the headroom a candidate adds at a bus of the network without the hub [MW].

    Parameters
    ----------
    net : Network
        Without the hub.
    candidate : Candidate
    bus : str
        Point of connection.
    before_mw : float
        ``near_mw`` of `find_headroom` without AC check and towers, over the same snapshots [MW].
    criteria : Criteria or None
    options : mapping or PowerFlowOptions, optional
    snapshots : sequence of str, optional

    Returns
    -------
    float
        Gain in the DC figure over near branches, interfaces and generation; for storage and flexible load
        the power taken off the hub's own draw.
    """
    if candidate.direct_mw:
        return candidate.direct_mw
    changed = candidate.apply(net)
    if changed is net:
        return 0.0
    after = find_headroom(
        changed, bus, criteria, snapshots, check=False, tower_min_kv=math.inf, options=options
    )
    return after.near_mw - before_mw


def draw_costs(costs: Sequence[Cost], kinds: Sequence[str], seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draw costs between low and high; candidates of one kind move together.

    Parameters
    ----------
    costs : sequence of Cost
        n ranges.
    kinds : sequence of str
        n kinds: the unit costs behind one kind are the same, so one draw serves all of them.
    seed, draws : int

    Returns
    -------
    (draws, n) ndarray
        Triangular with the mode at base, by the inverse of its distribution function.
    """
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(kinds))
    uniform = rng.random((draws, len(names)))
    result = np.empty((draws, len(costs)))
    for i, (cost, kind) in enumerate(zip(costs, kinds, strict=True)):
        u = uniform[:, names.index(kind)]
        width = cost.high - cost.low
        if width <= 0:
            result[:, i] = cost.base
            continue
        split = (cost.base - cost.low) / width
        rising = cost.low + np.sqrt(u * width * (cost.base - cost.low))
        falling = cost.high - np.sqrt((1 - u) * width * (cost.high - cost.base))
        result[:, i] = np.where(u < split, rising, falling)
    return result


def compare_candidates(
    candidates: Sequence[Candidate],
    gains_mw: Sequence[float],
    left: Sequence[tuple[int, float]],
    money_unit: str,
    seed: int = 0,
) -> Reinforcement:
    """Put candidates side by side and test how firm their order is.

    Parameters
    ----------
    candidates : sequence of Candidate
    gains_mw : sequence of float
        Headroom each gains [MW].
    left : sequence of (int, float)
        Violations caused by the hub that are left with it, and the highest loading among them [%].
    money_unit : str
    seed : int
        Of the draws between low and high.

    Returns
    -------
    Reinforcement
    """
    gains = np.array([gain if gain >= SMALLEST_GAIN_MW else np.nan for gain in gains_mw], dtype=float)
    base = np.array([one.cost.base for one in candidates], dtype=float) / gains
    # what gains nothing comes last, in the order given
    order = np.argsort(np.where(np.isnan(base), np.inf, base), kind="stable")
    drawn = draw_costs([one.cost for one in candidates], [one.kind for one in candidates], seed) / gains
    drawn = np.where(np.isnan(drawn), np.inf, drawn)
    rank = np.empty(len(candidates), dtype=int)
    rank[order] = np.arange(1, len(candidates) + 1)
    drawn_rank = np.argsort(np.argsort(drawn, axis=1, kind="stable"), axis=1, kind="stable") + 1
    rows = []
    for i in order:
        one, gain = candidates[i], gains[i]
        row: dict[str, Any] = {
            "candidate": one.name,
            "kind": one.kind,
            "target": one.target,
            "description": one.description,
            "left_violations": left[i][0],
            "left_worst_percent": left[i][1],
            "gained_mw": max(float(gains_mw[i]), 0.0),
            "rank": rank[i] if not np.isnan(gain) else np.nan,
            "rank_kept_percent": 100.0 * float(np.mean(drawn_rank[:, i] == rank[i])) if gain > 0 else np.nan,
            "lead_years": one.cost.lead_years,
            "cost_source": one.cost.source,
            "cost_confidence": one.cost.confidence,
            "note": one.note,
        }
        for end in ("low", "base", "high"):
            row[f"cost_{end}_bn"] = getattr(one.cost, end)
            row[f"cost_per_mw_{end}"] = getattr(one.cost, end) / gain
        rows.append(row)
    pairs = [
        {
            "cheaper": candidates[i].name,
            "dearer": candidates[j].name,
            "flip_percent": 100.0 * float(np.mean(drawn[:, i] > drawn[:, j])),
        }
        for at, i in enumerate(order)
        for j in order[at + 1 :]
        if not np.isnan(gains[i]) and not np.isnan(gains[j])
    ]
    return Reinforcement(
        money_unit,
        pd.DataFrame(rows, columns=list(COLUMNS)),
        pd.DataFrame(pairs, columns=["cheaper", "dearer", "flip_percent"]),
        seed,
    )
