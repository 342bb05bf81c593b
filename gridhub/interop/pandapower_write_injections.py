"""Write what is connected to the buses of a `Network` as tables of pandapower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridhub.interop.export import find_charge_max
from gridhub.interop.pandapower_write import ID_COLUMN, Bools, Floats, Outline, keep_metadata, name_rows_of
from gridhub.model.network import Network
from gridhub.model.topology import find_islands


def _units(outline: Outline, table: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    frame = outline.net.tables[table]
    columns = {
        "name": name_rows_of(frame),
        "bus": outline.get_bus(frame["bus"]),
        "in_service": frame["in_service"].to_numpy(),
    }
    return frame, columns


def write_loads(outline: Outline) -> None:
    """Write ``load``, ``storage`` and ``shunt``."""
    load, columns = _units(outline, "load")
    columns |= {"p_mw": load["p_mw"].to_numpy(), "q_mvar": load["q_mvar"].to_numpy(), "scaling": 1.0}
    columns |= {f"const_{kind}_{c}_percent": 0.0 for kind in "zi" for c in "pq"}
    outline.add(
        "load", load.index, columns | keep_metadata(load, ("kind", "name_ko", "source", "confidence"))
    )
    storage, columns = _units(outline, "storage")
    columns |= {
        "p_mw": -storage["p_mw"].to_numpy(),
        "q_mvar": -storage["q_mvar"].to_numpy(),
        "min_p_mw": -storage["p_max_mw"].to_numpy(),
        "max_p_mw": find_charge_max(storage).to_numpy(),
        "max_e_mwh": storage["e_mwh"].to_numpy(),
        "min_e_mwh": 0.0,
        "soc_percent": storage["soc"].to_numpy() * 100,
        "scaling": 1.0,
    }
    outline.add("storage", storage.index, columns | keep_metadata(storage, ("efficiency", "name_ko")))
    shunt, columns = _units(outline, "shunt")
    columns |= {
        "p_mw": shunt["g_mw"].to_numpy(),
        "q_mvar": -shunt["b_mvar"].to_numpy(),
        "vn_kv": outline.get_kv(shunt["bus"]),
        "step": 1.0,
        "max_step": 1,
        "step_dependency_table": False,
    }
    outline.add("shunt", shunt.index, columns)


def label_nodes(net: Network) -> pd.Series[int]:
    """Give each bus the number of its node: buses joined by branches without impedance share one."""
    bus = net.tables["bus"]
    names = ["from_bus", "to_bus"]
    joins = [
        frame.loc[frame["in_service"] & (frame[r] == 0) & (frame[x] == 0), names]
        for frame, r, x in (
            (net.tables["line"], "r_ohm", "x_ohm"),
            (net.tables["transformer"], "r_pu", "x_pu"),
            (net.tables["series"], "r_pu", "x_pu"),
        )
    ]
    ends = pd.concat([frame for frame in joins if len(frame)] or joins[:1])
    on = (
        bus["in_service"].reindex(ends["from_bus"]).to_numpy()
        & bus["in_service"].reindex(ends["to_bus"]).to_numpy()
    )
    start, end = (bus.index.get_indexer(pd.Index(ends[name]))[on.astype(bool)] for name in names)
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(bus), len(bus)))
    return pd.Series(connected_components(graph, directed=False)[1], index=bus.index, dtype=np.int64)


def find_grid_units(net: Network) -> tuple[Bools, pd.Index]:
    """Choose the generators that become external grids: one at each reference bus.

    Returns
    -------
    chosen : (n_generator,) bool
    bare : Index
        Reference buses without a regulating unit: an infeed that pandapower needs an external grid of its
        own for.

    Notes
    -----
    An island without a reference bus gets one at its largest regulating unit, as in our power flow.
    """
    generator, bus = net.tables["generator"], net.tables["bus"]
    island, node = find_islands(net), label_nodes(net)
    home = island.reindex(generator["bus"]).to_numpy(dtype=float)
    able = (generator["in_service"] & generator["regulating"]).to_numpy(dtype=bool) & (home >= 0)
    at = node.reindex(generator["bus"]).to_numpy()
    chosen = np.zeros(len(generator), dtype=bool)
    bare = []
    references = bus.index[bus["reference"].to_numpy(dtype=bool) & (island >= 0).to_numpy()]
    done = set(island[references])
    for name in references:
        here = np.flatnonzero(able & (at == node[name]))
        if len(here):
            chosen[here[0]] = True
        else:
            bare.append(name)
    size = generator["p_max_mw"].fillna(0.0).to_numpy()
    for unit in np.flatnonzero(able)[np.argsort(-size[able], kind="stable")]:
        if home[unit] not in done:
            done.add(home[unit])
            chosen[unit] = True
    return chosen, pd.Index(bare, dtype=object)


def _write_bare_references(outline: Outline, bare: pd.Index) -> None:
    """Write external grids at reference buses without a unit, at the stored voltage or 1 p.u."""
    bus = outline.net.tables["bus"].loc[bare]
    columns = {
        "name": name_rows_of(bus),
        "bus": outline.get_bus(bare.to_series()),
        "vm_pu": bus["vm_start_pu"].fillna(1.0).to_numpy(),
        "va_degree": bus["va_start_degree"].fillna(0.0).to_numpy(),
        "slack_weight": 1.0,
        "controllable": True,
        "in_service": True,
    }
    outline.add("ext_grid", bare, columns)
    message = "reference bus without a regulating unit: an external grid of its own stands in"
    outline.warn("W-SLACK", "bus", bare, "reference", message)


def write_generators(outline: Outline) -> None:
    """Write ``ext_grid``, ``gen`` and ``sgen`` with their costs."""
    frame, shared = _units(outline, "generator")
    grid, bare = find_grid_units(outline.net)
    _write_bare_references(outline, bare)
    if frame.empty:
        return
    angle = outline.net.tables["bus"]["va_start_degree"].fillna(0.0)
    regulating = frame["regulating"].to_numpy(dtype=bool)
    limits = {
        "min_p_mw": "p_min_mw",
        "max_p_mw": "p_max_mw",
        "min_q_mvar": "q_min_mvar",
        "max_q_mvar": "q_max_mvar",
    }
    vm_pu = _settle_set_points(outline, frame, regulating)
    everything = pd.DataFrame(shared | {ours: frame[theirs].to_numpy() for ours, theirs in limits.items()})
    everything["p_mw"] = frame["p_mw"].to_numpy()
    everything["type"] = frame["fuel"].replace("", None).to_numpy()
    metadata = ("name_ko", "plant", "source", "confidence")
    for name, values in keep_metadata(frame, metadata).items():
        everything[name] = values
    share = frame["participation"].fillna(0.0).to_numpy()
    own: dict[str, tuple[Bools, dict[str, Any]]] = {
        "ext_grid": (
            grid,
            {
                "vm_pu": vm_pu,
                "va_degree": angle.reindex(frame["bus"]).to_numpy(),
                "slack_weight": np.where(frame["participation"].isna(), 1.0, share),
                "controllable": True,
                # limits of a power flow, which pandapower does not hold at an external grid
                "q_min_mvar": frame["q_min_mvar"].to_numpy(),
                "q_max_mvar": frame["q_max_mvar"].to_numpy(),
            },
        ),
        "gen": (
            regulating & ~grid,
            {
                "vm_pu": vm_pu,
                "slack_weight": share,
                "scaling": 1.0,
                "slack": False,
                "controllable": True,
                "reactive_capability_curve": False,
            },
        ),
        "sgen": (
            ~regulating,
            {
                "q_mvar": frame["q_mvar"].to_numpy(),
                "scaling": 1.0,
                "controllable": False,
                "reactive_capability_curve": False,
                "current_source": True,
            },
        ),
    }
    for table, (chosen, columns) in own.items():
        rows = everything.assign(**columns)[chosen]
        outline.add(table, frame.index[chosen], {c: rows[c].to_numpy() for c in rows.columns})
    fixed = float(frame["p_mw"].to_numpy()[grid].sum())
    message = "external grid: its set-point does not hold in pandapower (kept as extra column p_mw) (MW)"
    outline.warn(
        "W-SLACK",
        "generator",
        frame.index[grid & (frame["p_mw"] != 0).to_numpy()],
        "p_mw",
        message,
        f"{fixed:.6g}",
    )


def _settle_set_points(outline: Outline, frame: pd.DataFrame, regulating: Bools) -> Floats:
    """Give the set-points, 1 p.u. where empty, and the first unit's where units of one bus differ."""
    vm = frame["vm_pu"].fillna(1.0).to_numpy()
    active = regulating & frame["in_service"].to_numpy(dtype=bool)
    node = label_nodes(outline.net).reindex(frame["bus"]).to_numpy()
    first = pd.Series(vm[active], index=node[active])
    first = first[~first.index.duplicated()]
    settled = np.where(active, first.reindex(node).to_numpy(), vm)
    message = "units of one bus differ in set-point, which pandapower refuses: that of the first is written"
    outline.warn("W-SETPOINT", "generator", frame.index[np.abs(settled - vm) > 1e-12], "vm_pu", message)
    return np.asarray(settled)


def write_costs(outline: Outline, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Make ``poly_cost`` of the generators that have a cost."""
    generator = outline.net.tables["generator"]
    names = {
        "cp0_eur": "cost_c0_per_h",
        "cp1_eur_per_mw": "cost_c1_per_mwh",
        "cp2_eur_per_mw2": "cost_c2_per_mw2h",
    }
    rows = []
    for kind in ("ext_grid", "gen", "sgen"):
        table = tables.get(kind)
        if table is None:
            continue
        cost = generator[list(names.values())].reindex(table[ID_COLUMN])
        priced = cost.notna().any(axis=1).to_numpy()
        values = {theirs: cost[ours].fillna(0.0).to_numpy()[priced] for theirs, ours in names.items()}
        rows.append(pd.DataFrame({"element": table.index[priced], "et": kind, **values}))
    found = pd.concat([row for row in rows if len(row)] or [pd.DataFrame()], ignore_index=True)
    if len(found) and outline.net.currency not in ("", "EUR"):
        outline.notes.append(f"costs are in {outline.net.currency}; pandapower's columns say eur")
    return found.assign(cq0_eur=0.0, cq1_eur_per_mvar=0.0, cq2_eur_per_mvar2=0.0)


def write_hvdc(outline: Outline) -> None:
    """Write links that hold both voltages as ``dcline``, others as an injection at each end."""
    hvdc = outline.net.tables["hvdc"]
    if hvdc.empty:
        return
    whole = (hvdc["regulating_from"] & hvdc["regulating_to"]).to_numpy(dtype=bool)
    p = hvdc["p_mw"].to_numpy()
    loss, percent = hvdc["loss_mw"].fillna(0.0).to_numpy(), hvdc["loss_percent"].fillna(0.0).to_numpy()
    arrives = p - loss - percent / 100 * np.abs(p)
    back = p < 0
    # pandapower states what is sent and its losses: at the to end for power against the direction
    sent = np.where(back, -arrives, p)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(back & (percent != 0), percent * np.abs(p) / sent, percent)
    columns: dict[str, Any] = {
        "name": name_rows_of(hvdc),
        "from_bus": outline.get_bus(hvdc["from_bus"]),
        "to_bus": outline.get_bus(hvdc["to_bus"]),
        "p_mw": np.where(back, -sent, sent),
        "loss_percent": share,
        "loss_mw": loss,
        "max_p_mw": np.fmax(np.abs(hvdc["p_max_mw"].to_numpy()), np.abs(hvdc["p_min_mw"].to_numpy())),
        "in_service": hvdc["in_service"].to_numpy(),
    }
    for end in ("from", "to"):
        columns[f"vm_{end}_pu"] = hvdc[f"vm_{end}_pu"].fillna(1.0).to_numpy()
        columns |= {f"{way}_q_{end}_mvar": hvdc[f"q_{end}_{way}_mvar"].to_numpy() for way in ("min", "max")}
    columns |= keep_metadata(hvdc, ("technology", "link", "name_ko", "source", "confidence"))
    rows = pd.DataFrame(columns)[whole]
    outline.add("dcline", hvdc.index[whole], {c: rows[c].to_numpy() for c in rows.columns})
    _write_converters(outline, hvdc, ~whole, {"from": -p, "to": arrives})


def _write_converters(
    outline: Outline, hvdc: pd.DataFrame, chosen: Bools, power: Mapping[str, Floats]
) -> None:
    for end in ("from", "to"):
        holds = hvdc[f"regulating_{end}"].to_numpy(dtype=bool)
        shared = {
            "name": [f"{i}:{end}" for i in hvdc.index],
            "bus": outline.get_bus(hvdc[f"{end}_bus"]),
            "p_mw": power[end],
            "scaling": 1.0,
            "type": "hvdc",
            "in_service": hvdc["in_service"].to_numpy(),
            "reactive_capability_curve": False,
        }
        limits = {f"{way}_q_mvar": hvdc[f"q_{end}_{way}_mvar"].to_numpy() for way in ("min", "max")}
        held = limits | {
            "vm_pu": hvdc[f"vm_{end}_pu"].fillna(1.0).to_numpy(),
            "slack_weight": 0.0,
            "slack": False,
            "controllable": True,
        }
        fixed = {
            "q_mvar": hvdc[f"q_{end}_mvar"].fillna(0.0).to_numpy(),
            "controllable": False,
            "current_source": True,
        }
        for table, mask, own in (("gen", chosen & holds, held), ("sgen", chosen & ~holds, fixed)):
            rows = pd.DataFrame({**shared, **own})[mask]
            ids = [f"{i}:{end}" for i in hvdc.index[mask]]
            outline.add(table, ids, {c: rows[c].to_numpy() for c in rows.columns})
    message = "a dcline of pandapower holds both voltages: written as an injection at each end (MW)"
    total = float(hvdc["p_mw"].to_numpy()[chosen].sum())
    outline.warn("W-HVDC", "hvdc", hvdc.index[chosen], "regulating_from", message, f"{total:.6g}")
