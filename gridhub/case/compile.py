"""Compile a `Network` into a `Case`: the wall between tables and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridhub.case.case import Bools, Case, Complexes, Floats, Ints, Labels
from gridhub.errors import Issue, SchemaError
from gridhub.model.network import Network
from gridhub.model.schema import read_schema
from gridhub.model.snapshot import apply_snapshot

TINY_IMPEDANCE = 5e-8
"""Impedance below which a branch joins its ends to one node [p.u.]."""

ELECTRICAL_TABLES = ("bus", "line", "transformer", "series", "shunt", "load", "generator", "storage", "hvdc")
"""Tables with numbers that enter the equations."""

NODE_TABLES = ("load", "storage", "shunt", "generator")


def _find_positions(index: pd.Index, ids: pd.Series, table: str) -> Ints:
    """Give the position of each id in the bus index; an unknown id is an error naming the rows."""
    positions = index.get_indexer(pd.Index(ids))
    unknown = np.flatnonzero(positions < 0)
    if len(unknown):
        issues = [
            Issue(
                "error",
                "E-REF",
                table,
                str(ids.index[int(i)]),
                str(ids.name),
                str(ids.iloc[int(i)]),
                "no such bus",
            )
            for i in unknown
        ]
        raise SchemaError(issues, "compile")
    return positions.astype(np.int64)


def _refuse_missing_numbers(net: Network) -> None:
    """Refuse NaN and infinite values where the equations need a number, naming every row."""
    issues = []
    for table in ELECTRICAL_TABLES:
        frame = net.tables[table]
        for name, column in read_schema()[table].items():
            if column.kind != "float" or not (column.required or np.isfinite(float(str(column.default)))):
                continue
            values = frame[name].to_numpy(dtype=float)
            for i in np.flatnonzero(~np.isfinite(values)).tolist():
                code, text = ("E-NAN", "has no value") if np.isnan(values[i]) else ("E-INF", "is infinite")
                row = str(frame.index[i])
                issues.append(
                    Issue("error", code, table, row, name, str(values[i]), f"{text} [{column.unit}]")
                )
    if issues:
        raise SchemaError(issues, f"{net.name!r} cannot be solved")


def _compile_branches(net: Network) -> dict[str, Any]:
    """Bring lines, transformers and series elements to one set of per-unit arrays."""
    order = net.branches().index
    vn_kv = net.tables["bus"]["vn_kv"]
    line, rest = net.tables["line"], [net.tables["transformer"], net.tables["series"]]
    z_base = vn_kv.reindex(line["from_bus"]).to_numpy() ** 2 / net.base_mva
    per_unit = pd.DataFrame(
        {
            "r": line["r_ohm"].to_numpy() / z_base,
            "x": line["x_ohm"].to_numpy() / z_base,
            "g": line["g_us"].to_numpy() * 1e-6 * z_base,
            "b": line["b_us"].to_numpy() * 1e-6 * z_base,
            "tap": 1.0,
            "shift": 0.0,
        },
        index=line.index,
    )
    parts = [per_unit]
    for table in rest:
        part = table[["r_pu", "x_pu", "g_pu", "b_pu", "tap_ratio", "shift_degree"]].copy()
        part.columns = pd.Index(["r", "x", "g", "b", "tap", "shift"])
        part["shift"] = np.deg2rad(part["shift"].to_numpy())
        parts.append(part)
    shared = ["from_bus", "to_bus", "rate_mva", "rate_b_mva", "rate_c_mva", "in_service"]
    parts = [
        part.join(table[shared])
        for part, table in zip(parts, [line, *rest], strict=True)
        if len(table) or table is line
    ]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1]).loc[order]
    base = net.base_mva
    rate = rows["rate_mva"].to_numpy(dtype=float) / base
    rate_b = rows["rate_b_mva"].to_numpy(dtype=float) / base
    rate_c = rows["rate_c_mva"].to_numpy(dtype=float) / base
    rate_b = np.where(np.isnan(rate_b), rate, rate_b)
    _settle_tiny_impedances(rows)
    arrays: dict[str, Any] = {name: rows[name].to_numpy(dtype=float) for name in ("r", "x", "tap", "shift")}
    arrays |= _compute_two_port(rows)
    arrays |= {"rate": rate, "rate_b": rate_b, "rate_c": np.where(np.isnan(rate_c), rate_b, rate_c)}
    buses = net.tables["bus"].index
    arrays["branch_from_bus"] = _find_positions(buses, rows["from_bus"], "branch")
    arrays["branch_to_bus"] = _find_positions(buses, rows["to_bus"], "branch")
    arrays["in_service"] = rows["in_service"].to_numpy(dtype=bool)
    arrays["ids"] = tuple(order)
    return arrays


def _settle_tiny_impedances(rows: pd.DataFrame) -> None:
    """Take an impedance below `TINY_IMPEDANCE` as none, or behind an off-nominal tap as that reactance.

    Its admittance would drown every other term of the power balance in rounding.
    """
    tiny = np.hypot(rows["r"].to_numpy(), rows["x"].to_numpy()) < TINY_IMPEDANCE
    ideal = tiny & ((rows["tap"].to_numpy() != 1.0) | (rows["shift"].to_numpy() != 0.0))
    rows.loc[tiny, ["r", "x"]] = 0.0
    rows.loc[ideal, "x"] = TINY_IMPEDANCE


def _compute_two_port(rows: pd.DataFrame) -> dict[str, Complexes]:
    r"""Two-port admittances of the pi model with the tap at the from end.

    .. math:: Y_{ff} = (y_s + y_c/2)/t^2,\; Y_{ft} = -y_s/\bar a,\; Y_{tf} = -y_s/a,\; Y_{tt} = y_s + y_c/2

    with :math:`a = t e^{j\phi}` (MATPOWER User's Manual, equations 3.2-3.3).
    """
    z = rows["r"].to_numpy() + 1j * rows["x"].to_numpy()
    joined = z == 0
    y_series = np.where(joined, 0.0, 1.0 / np.where(joined, 1.0, z))
    y_half = 0.5 * (rows["g"].to_numpy() + 1j * rows["b"].to_numpy())
    tap = rows["tap"].to_numpy()
    a = tap * np.exp(1j * rows["shift"].to_numpy())
    return {
        "y_ff": (y_series + y_half) / tap**2,
        "y_ft": -y_series / np.conj(a),
        "y_tf": -y_series / a,
        "y_tt": y_series + y_half,
    }


def _join_buses(bus_on: Bools, ends: tuple[Ints, Ints], joins: Bools) -> tuple[Ints, int]:
    """Assign node numbers: buses joined by branches without impedance share one."""
    n_bus = len(bus_on)
    graph = coo_array((np.ones(joins.sum()), (ends[0][joins], ends[1][joins])), shape=(n_bus, n_bus))
    count, group = connected_components(graph, directed=False)
    used = np.zeros(count, dtype=bool)
    used[group[bus_on]] = True
    number = np.cumsum(used) - 1
    return np.where(bus_on, number[group], -1).astype(np.int64), int(used.sum())


def _first_of_node(bus_node: Ints, n_node: int, values: Floats, wanted: Bools) -> Floats:
    """Take, for each node, the value of its first wanted bus; NaN if it has none."""
    result = np.full(n_node, np.nan)
    chosen = np.flatnonzero(wanted & (bus_node >= 0))[::-1]
    result[bus_node[chosen]] = values[chosen]
    return result


def _compile_units(net: Network, table: str, bus_on: Bools) -> tuple[pd.DataFrame, Ints, Bools]:
    frame = net.tables[table]
    bus = _find_positions(net.tables["bus"].index, frame["bus"], table)
    return frame, bus, frame["in_service"].to_numpy(dtype=bool) & bus_on[bus]


def _per_unit(frame: pd.DataFrame, column: str, base: float, empty: float = 0.0) -> Floats:
    values = frame[column].to_numpy(dtype=float) / base
    return np.where(np.isnan(values), empty, values)


def _compile_injections(net: Network, bus_on: Bools) -> dict[str, Any]:
    base = net.base_mva
    arrays: dict[str, Any] = {}
    for table, columns in {
        "load": {"p": "p_mw", "q": "q_mvar"},
        "storage": {"p": "p_mw", "q": "q_mvar"},
        "shunt": {"g": "g_mw", "b": "b_mvar"},
        "generator": {"p": "p_mw", "q": "q_mvar"},
    }.items():
        frame, bus, on = _compile_units(net, table, bus_on)
        arrays |= {f"{table}_bus": bus, f"{table}_on": on}
        arrays |= {f"{table}_{name}": _per_unit(frame, column, base) for name, column in columns.items()}
    generator = net.tables["generator"]
    vm = generator["vm_pu"].to_numpy(dtype=float)
    arrays |= {
        "generator_p_min": _per_unit(generator, "p_min_mw", base, -np.inf),
        "generator_p_max": _per_unit(generator, "p_max_mw", base, np.inf),
        "generator_q_min": _per_unit(generator, "q_min_mvar", base, -np.inf),
        "generator_q_max": _per_unit(generator, "q_max_mvar", base, np.inf),
        "generator_vm": np.where(np.isnan(vm), 1.0, vm),
        "generator_regulating": generator["regulating"].to_numpy(dtype=bool),
        "generator_participation": generator["participation"].to_numpy(dtype=float).copy(),
    }
    return arrays


def _compile_hvdc(net: Network, bus_on: Bools) -> dict[str, Any]:
    frame, base = net.tables["hvdc"], net.base_mva
    buses = net.tables["bus"].index
    ends = [_find_positions(buses, frame[f"{end}_bus"], "hvdc") for end in ("from", "to")]
    vm = np.stack([frame[f"vm_{end}_pu"].to_numpy(dtype=float) for end in ("from", "to")])

    def both_ends(column: str, empty: float) -> Floats:
        return np.stack([_per_unit(frame, column.format(end), base, empty) for end in ("from", "to")])

    return {
        "hvdc_from_bus": ends[0],
        "hvdc_to_bus": ends[1],
        "hvdc_on": frame["in_service"].to_numpy(dtype=bool) & bus_on[ends[0]] & bus_on[ends[1]],
        "hvdc_p": _per_unit(frame, "p_mw", base),
        "hvdc_loss": _per_unit(frame, "loss_mw", base),
        "hvdc_loss_share": _per_unit(frame, "loss_percent", 100.0),
        "hvdc_q": both_ends("q_{}_mvar", 0.0),
        "hvdc_regulating": np.stack(
            [frame[f"regulating_{end}"].to_numpy(dtype=bool) for end in ("from", "to")]
        ),
        "hvdc_vm": np.where(np.isnan(vm), 1.0, vm),
        "hvdc_q_min": both_ends("q_{}_min_mvar", -np.inf),
        "hvdc_q_max": both_ends("q_{}_max_mvar", np.inf),
    }


def _place_branches(branches: dict[str, Any], bus_on: Bools) -> tuple[dict[str, Any], Ints, int]:
    """Sort branches into those with impedance and those that join buses, and number the nodes."""
    ends = branches["branch_from_bus"], branches["branch_to_bus"]
    from_bus, to_bus = np.asarray(ends[0]), np.asarray(ends[1])
    on = np.asarray(branches.pop("in_service")) & bus_on[from_bus] & bus_on[to_bus]
    no_impedance = (np.asarray(branches["r"]) == 0) & (np.asarray(branches["x"]) == 0)
    bus_node, n_node = _join_buses(bus_on, (from_bus, to_bus), on & no_impedance)
    placed = branches | {
        "branch_on": on & ~no_impedance,
        "branch_joins": on & no_impedance,
        "branch_from": bus_node[from_bus],
        "branch_to": bus_node[to_bus],
    }
    return placed, bus_node, n_node


def compile_case(net: Network, snapshot: str | None = None) -> Case:
    """Compile one state of a network.

    Parameters
    ----------
    net : Network
        Valid tables (see `gridhub.validate`).
    snapshot : str, optional
        Snapshot to apply; None is the first, or the tables themselves if there is none.

    Returns
    -------
    Case
        Arrays in the order of the tables; branches in the order of ``net.branches()``. Buses joined by
        branches without impedance become one node.

    Raises
    ------
    KeyError
        If the snapshot does not exist.
    SchemaError
        If a row names a bus that does not exist, or lacks a number the equations need.
    """
    net = apply_snapshot(net, snapshot)
    _refuse_missing_numbers(net)
    bus = net.tables["bus"]
    bus_on = bus["in_service"].to_numpy(dtype=bool)
    branches, bus_node, n_node = _place_branches(_compile_branches(net), bus_on)
    branch_ids = branches.pop("ids")
    is_reference = bus["reference"].to_numpy(dtype=bool)
    va_start = np.deg2rad(bus["va_start_degree"].to_numpy(dtype=float))
    va_reference = _first_of_node(bus_node, n_node, np.nan_to_num(va_start), is_reference)
    labels = Labels(
        bus=tuple(bus.index),
        branch=branch_ids,
        **{name: tuple(net.tables[name].index) for name in (*NODE_TABLES, "hvdc")},
    )
    every = np.ones(len(bus), dtype=bool)
    return Case(
        base_mva=net.base_mva,
        labels=labels,
        n_node=n_node,
        bus_node=bus_node,
        reference=~np.isnan(va_reference),
        va_reference=np.nan_to_num(va_reference),
        vm_start=_first_of_node(bus_node, n_node, bus["vm_start_pu"].to_numpy(dtype=float), every),
        va_start=_first_of_node(bus_node, n_node, va_start, every),
        **branches,
        **_compile_injections(net, bus_on),
        **_compile_hvdc(net, bus_on),
    )
