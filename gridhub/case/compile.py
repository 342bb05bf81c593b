"""Compile a `Network` into a `Case`: the wall between tables and arrays."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridhub.case.case import Bools, Case, Complexes, Floats, Ints, Labels, TapChangers
from gridhub.errors import SchemaError
from gridhub.model.derived import derive
from gridhub.model.network import Network
from gridhub.model.rules import Rows, check_tap_control
from gridhub.model.schema import BRANCH_TABLES, read_schema
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.model.validate import validate

TINY_IMPEDANCE = 5e-8
"""Impedance below which a branch joins its ends to one node [p.u.]."""

ELECTRICAL_TABLES = ("bus", "line", "transformer", "series", "shunt", "load", "generator", "storage", "hvdc")
"""Tables with numbers that enter the equations."""

NODE_TABLES = ("load", "storage", "shunt", "generator")


def _find_positions(buses: pd.Index, ids: np.ndarray) -> Ints:
    """Give the position of each id in the bus index."""
    return buses.get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)


def _has_broken_rows(net: Network) -> bool:
    """Whether an id stands twice, or a row names a bus that does not exist."""
    buses = net.tables["bus"].index
    if any(net.tables[table].index.has_duplicates for table in ELECTRICAL_TABLES):
        return True
    for table in ELECTRICAL_TABLES:
        frame = net.tables[table]
        for name, column in read_schema()[table].items():
            if column.reference != "bus":
                continue
            named = frame[name] if column.required else frame.loc[frame[name] != "", name]
            if (_find_positions(buses, named.to_numpy()) < 0).any():
                return True
    return bool(net.branches().index.has_duplicates)


def _lacks_numbers(net: Network) -> bool:
    """Whether a value is NaN or infinite where the equations need a number."""
    return any(
        not np.isfinite(net.tables[table][name].to_numpy(dtype=float)).all()
        for table in ELECTRICAL_TABLES
        for name, column in read_schema()[table].items()
        if column.kind == "float" and (column.required or np.isfinite(float(str(column.default))))
    )


def _refuse(net: Network) -> NoReturn:
    """Raise every fault of a network that cannot be solved, not only the one that was met."""
    faults = [issue for issue in validate(net) if issue.severity == "error"]
    raise SchemaError(faults, f"{net.name!r} cannot be solved")


def _compile_branches(net: Network) -> dict[str, Any]:
    """Bring lines, transformers and series elements to one set of per-unit arrays."""
    tables = [net.tables[table] for table in BRANCH_TABLES]
    order = net.branches().index
    place = tables[0].index.append([table.index for table in tables[1:]]).get_indexer(order)

    def gather(line: str | float, rest: str) -> np.ndarray:
        """Give a column of the lines, or one value for them, and one of the rest, in the final order."""
        parts = [table[rest].to_numpy() for table in tables[1:]]
        first = tables[0][line].to_numpy() if isinstance(line, str) else np.full(len(tables[0]), line)
        return np.asarray(np.concatenate([first, *parts])[place])

    buses, base = net.tables["bus"], net.base_mva
    from_bus, to_bus = (
        _find_positions(buses.index, gather(column, column)) for column in ("from_bus", "to_bus")
    )
    is_line = place < len(tables[0])
    # lines are given in ohm and microsiemens, the rest per unit
    z_base = np.where(is_line, buses["vn_kv"].to_numpy(dtype=float)[from_bus] ** 2 / base, 1.0)
    micro = np.where(is_line, 1e-6, 1.0)
    tap, shift = gather(1.0, "tap_ratio"), np.deg2rad(gather(0.0, "shift_degree"))
    r, x = _settle_tiny_impedances(
        gather("r_ohm", "r_pu") / z_base, gather("x_ohm", "x_pu") / z_base, tap, shift
    )
    y_half = 0.5 * (gather("g_us", "g_pu") + 1j * gather("b_us", "b_pu")) * micro * z_base
    rate = gather("rate_mva", "rate_mva") / base
    rate_b = gather("rate_b_mva", "rate_b_mva") / base
    rate_b = np.where(np.isnan(rate_b), rate, rate_b)
    rate_c = gather("rate_c_mva", "rate_c_mva") / base
    return {
        "ids": tuple(order),
        "branch_from_bus": from_bus,
        "branch_to_bus": to_bus,
        "in_service": gather("in_service", "in_service"),
        "r": r,
        "x": x,
        "tap": tap,
        "shift": shift,
        **_compute_two_port(r + 1j * x, y_half, tap, shift),
        "rate": rate,
        "rate_b": rate_b,
        "rate_c": np.where(np.isnan(rate_c), rate_b, rate_c),
    }


def _compile_tap_changers(net: Network, branch_ids: pd.Index) -> TapChangers:
    """Gather the transformers that name a bus to hold; what they lack is refused, every row."""
    faults = [issue for issue in check_tap_control(Rows(net)) if issue.severity == "error"]
    if faults:
        raise SchemaError(faults, f"{net.name!r} cannot be solved")
    every = net.tables["transformer"]
    frame = every[every["tap_bus"] != ""]
    buses = net.tables["bus"].index
    target, deadband, low, high, step = (
        frame[name].to_numpy(dtype=float)
        for name in ("tap_vm_pu", "tap_deadband_pu", "tap_min", "tap_max", "tap_step")
    )
    return TapChangers(
        branch=branch_ids.get_indexer(frame.index).astype(np.int64),
        bus=_find_positions(buses, frame["tap_bus"].to_numpy()),
        at_from=(frame["tap_bus"] == frame["from_bus"]).to_numpy(dtype=bool),
        target=target,
        deadband=deadband,
        low=low,
        high=high,
        step=step,
    )


def _settle_tiny_impedances(r: Floats, x: Floats, tap: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Take an impedance below `TINY_IMPEDANCE` as none, or behind an off-nominal tap as that reactance.

    Its admittance would drown every other term of the power balance in rounding.
    """
    tiny = np.hypot(r, x) < TINY_IMPEDANCE
    ideal = tiny & ((tap != 1.0) | (shift != 0.0))
    return np.where(tiny, 0.0, r), np.where(ideal, TINY_IMPEDANCE, np.where(tiny, 0.0, x))


def _compute_two_port(z: Complexes, y_half: Complexes, tap: Floats, shift: Floats) -> dict[str, Complexes]:
    r"""Two-port admittances of the pi model with the tap at the from end.

    .. math:: Y_{ff} = (y_s + y_c/2)/t^2,\; Y_{ft} = -y_s/\bar a,\; Y_{tf} = -y_s/a,\; Y_{tt} = y_s + y_c/2

    with :math:`a = t e^{j\phi}` (MATPOWER User's Manual, equations 3.2-3.3).
    """
    joined = z == 0
    y_series = np.where(joined, 0.0, 1.0 / np.where(joined, 1.0, z))
    a = tap * np.exp(1j * shift)
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
    bus = _find_positions(net.tables["bus"].index, frame["bus"].to_numpy())
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
    ends = [_find_positions(buses, frame[column].to_numpy()) for column in ("from_bus", "to_bus")]
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
        branches without impedance become one node. Kept with the network: the next one who asks for it gets
        the same.

    Raises
    ------
    KeyError
        If the snapshot does not exist.
    SchemaError
        If an id stands twice, a row names a bus that does not exist, or lacks a number the equations need:
        then with every fault that `gridhub.validate` finds; if a tap changer with a ``tap_bus`` lacks what it
        needs to hold a voltage.
    """
    name = find_snapshot(net, snapshot)
    return derive(net, "case", name, lambda: _compile(net, name))


def _compile(net: Network, snapshot: str | None) -> Case:
    if _has_broken_rows(net):
        _refuse(net)
    net = apply_snapshot(net, snapshot)
    if _lacks_numbers(net):
        _refuse(net)
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
        tap_changers=_compile_tap_changers(net, pd.Index(branch_ids, dtype=object)),
    )
