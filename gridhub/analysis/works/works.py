"""Works put into a network: circuits, conductors, banks, compensation, storage, shed load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.actions.remedial_schemes import Action
from gridhub.analysis.contingency.contingencies import ELEMENT_TABLES
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.rating_rules import RATING_COLUMNS

SOURCE = "reinforcement candidate"


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
    """Give some lines another conductor, by their length; see `change_conductor`.

    Ratings that snapshots give these lines are those of the old conductor: they go, and the new rating holds
    in every snapshot.
    """
    line = net.line
    mine = line.index.isin(lines)
    km = line["length_km"].to_numpy(dtype=float)[mine]
    for column, per_km in (("r_ohm", "r_ohm_per_km"), ("x_ohm", "x_ohm_per_km"), ("b_us", "b_us_per_km")):
        values = line[column].to_numpy(dtype=float).copy()
        values[mine] = kind[per_km] * km
        line[column] = values
    for column in RATING_COLUMNS:
        values = line[column].to_numpy(dtype=float).copy()
        values[mine] = kind["rate_mva"] if column == "rate_mva" else np.nan
        line[column] = values
    line["conductor"] = line["conductor"].where(~mine, kind["conductor"])
    stored = net.tables["snapshot_value"]
    old = (stored["table"] == "line") & stored["column"].isin(RATING_COLUMNS) & stored["id"].isin(lines)
    return net.replace(line=line, snapshot_value=stored[~old]) if old.any() else net.replace(line=line)


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


def add_series_capacitor(net: Network, route: str, share: float) -> Network:
    """Take a share off the reactance of all circuits of a route."""
    rows = find_route(net, route)
    if rows.empty:
        return net
    line = net.line
    values = line["x_ohm"].to_numpy(dtype=float).copy()
    values[line.index.isin(rows.index)] *= 1.0 - share
    line["x_ohm"] = values
    return net.replace(line=line)


def add_link(
    net: Network, name: str, from_bus: str, to_bus: str, p_mw: float, p_max_mw: float, loss_percent: float
) -> Network:
    """Add a VSC link at a fixed power, the same in every snapshot."""
    if from_bus not in net.tables["bus"].index or to_bus not in net.tables["bus"].index:
        return net
    row = {"from_bus": from_bus, "to_bus": to_bus, "p_mw": p_mw, "p_min_mw": -p_max_mw, "p_max_mw": p_max_mw}
    row |= {"loss_percent": loss_percent, "technology": "vsc", "name": "added link"}
    row |= {"source": SOURCE, "confidence": "assumed"}
    return _append(net, "hvdc", pd.DataFrame([row], index=[f"{name}:added link"]))


def shed_load(net: Network, loads: Sequence[str], share: float) -> Network:
    """Take a share off some loads, active and reactive: the state after the hub was asked to shed."""
    load = net.load
    mine = load.index.isin(list(loads))
    for column in ("p_mw", "q_mvar"):
        values = load[column].to_numpy(dtype=float).copy()
        values[mine] *= 1.0 - share
        load[column] = values
    return net.replace(load=load)


def act(net: Network, actions: Sequence[Action]) -> Network:
    """Put actions of a remedial scheme into the tables of a state, as if they had been done before it."""
    tables: dict[str, pd.DataFrame] = {}

    def change(table: str, column: str, ids: Sequence[str], value: Callable[[pd.Series], pd.Series]) -> None:
        frame = tables.get(table, net.tables[table]).copy()
        mine = frame.index.isin(list(ids))
        if mine.any():
            frame[column] = frame[column].where(~mine, value(frame[column]))
            tables[table] = frame

    for action in actions:
        if action.kind == "trip":
            for table in ELEMENT_TABLES:
                change(table, "in_service", action.elements, lambda old: pd.Series(False, index=old.index))
        elif action.kind == "shed":
            for column in ("p_mw", "q_mvar"):
                keep = 1.0 - action.share
                change("load", column, action.elements, lambda old, keep=keep: old * keep)  # type: ignore[misc]
        elif action.kind == "run_back":
            to_mw = action.to_mw
            change("hvdc", "p_mw", action.elements, lambda old, to=to_mw: old * 0.0 + to)  # type: ignore[misc]
        else:
            on = action.on
            change("shunt", "in_service", action.elements, lambda old, on=on: pd.Series(on, index=old.index))  # type: ignore[misc]
    return net.replace(**tables) if tables else net


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


def _append(net: Network, table: str, rows: pd.DataFrame) -> Network:
    old = net.tables[table]
    new = complete_table(table, rows)
    for column in old.columns.difference(new.columns):
        empty: object = "" if old[column].dtype == object else False if old[column].dtype == bool else np.nan
        new[column] = pd.Series(empty, index=new.index)
    return net.replace(**{table: pd.concat([old, new[old.columns]]) if len(old) else new})
