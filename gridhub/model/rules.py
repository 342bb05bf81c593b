"""What the tables of a network must be to each other: electrical sense, limits, connection, snapshots.

Each rule takes `Rows` and returns the issues it finds. A rule must survive any fault another rule reports:
unknown buses, repeated ids, NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.errors import Issue, name_ids
from gridhub.geo import calculate_distance_km
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES, Column, read_schema
from gridhub.model.snapshot import apply_snapshot, parse_snapshot_value
from gridhub.model.topology import find_islands, find_positions, find_reference_buses
from gridhub.units import calculate_base_impedance

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TOLERANCE = 1e-6
"""Rounding allowed to a stored set-point before it counts as beyond its limit [MW, degree]."""

TINY_IMPEDANCE_PU = 1e-6
"""Impedance on a base of 100 MVA below which a branch is nearly a switch [p.u.]."""

PLACEHOLDER_KM = 1.0
"""Length that stands for "not known" in many files [km]."""

_UNIT_HINT = "check the units (m taken as km, ohm/km as ohm, nF as uS)"


class Rows:
    """The tables of a network with what several rules need, computed once."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.tables = dict(net.tables)

    @cached_property
    def vn_kv(self) -> FloatArray:
        """(n_bus,) nominal voltages [kV]."""
        return self.tables["bus"]["vn_kv"].to_numpy(dtype=float)

    @cached_property
    def islands(self) -> pd.Series[int]:
        """Bus -> island."""
        return find_islands(self.net)

    def find_buses(self, table: str, column: str = "bus") -> NDArray[np.intp]:
        """Position of the bus each row of a table names; -1 where there is no such bus."""
        return find_positions(self.tables["bus"].index, self.tables[table][column].tolist())

    def take_at_bus(self, values: FloatArray, table: str, column: str = "bus") -> FloatArray:
        """Value at the bus each row of a table names; NaN where there is no such bus."""
        at = self.find_buses(table, column)
        return np.append(values, np.nan)[np.where(at >= 0, at, len(values))]

    def get_numbers(self, table: str, column: str) -> FloatArray:
        """One numeric column."""
        return self.tables[table][column].to_numpy(dtype=float)

    def find_live(self, table: str) -> BoolArray:
        """Whether each row is in service."""
        return self.tables[table]["in_service"].to_numpy(dtype=bool)


def _show(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def list_issues(
    table: str,
    frame: pd.DataFrame,
    column: str,
    mask: BoolArray,
    code: str,
    message: str,
    values: FloatArray | Sequence[str] | None = None,
) -> list[Issue]:
    """Make one issue per marked row.

    Parameters
    ----------
    table : str
        Name of the table.
    frame : DataFrame
        The table.
    column : str
        Column at fault.
    mask : (n,) array of bool
        Rows at fault.
    code : str
        ``E-…`` makes errors, ``W-…`` warnings.
    message : str
        What is wrong and what to try.
    values : (n,) sequence, optional
        Offending values if they are not those of the column.

    Returns
    -------
    list of Issue
    """
    rows = np.flatnonzero(mask).tolist()
    if not rows:
        return []
    shown = frame[column].tolist() if values is None else list(values)
    severity = "error" if code.startswith("E-") else "warning"
    return [
        Issue(severity, code, table, str(frame.index[i]), column, _show(shown[i]), message)  # type: ignore[arg-type]
        for i in rows
    ]


def check_voltages(rows: Rows) -> list[Issue]:
    """Check that a bus has a voltage, and that a line joins buses of one voltage."""
    bus, line = rows.tables["bus"], rows.tables["line"]
    text = "must be above 0 kV: it is the base of the per-unit voltage"
    issues = list_issues("bus", bus, "vn_kv", rows.vn_kv == 0, "E-RANGE", text)
    ends = [rows.take_at_bus(rows.vn_kv, "line", side) for side in ("from_bus", "to_bus")]
    unequal = np.abs(ends[0] - ends[1]) > 1e-6 * np.fmax(ends[0], ends[1])
    shown = [f"{a:g} kV / {b:g} kV" for a, b in zip(*ends, strict=True)]
    text = "a line joins one voltage; a branch between two belongs into transformer or series"
    return issues + list_issues("line", line, "to_bus", unequal, "E-KVMISMATCH", text, shown)


def _get_impedance(rows: Rows, table: str) -> tuple[str, str, FloatArray, FloatArray, FloatArray]:
    """Names and values of resistance and reactance, and |z| on 100 MVA [p.u.]."""
    base = np.float64(rows.net.base_mva)
    if table == "line":
        r, x = rows.get_numbers("line", "r_ohm"), rows.get_numbers("line", "x_ohm")
        vn_kv = rows.take_at_bus(rows.vn_kv, "line", "from_bus")
        with np.errstate(divide="ignore", invalid="ignore"):
            return "r_ohm", "x_ohm", r, x, np.hypot(r, x) / calculate_base_impedance(vn_kv, 100.0)
    r, x = rows.get_numbers(table, "r_pu"), rows.get_numbers(table, "x_pu")
    with np.errstate(divide="ignore", invalid="ignore"):
        return "r_pu", "x_pu", r, x, np.hypot(r, x) * (100.0 / base)


def check_impedances(rows: Rows) -> list[Issue]:
    """Find zero, tiny and negative impedances, and loops."""
    issues: list[Issue] = []
    for table in BRANCH_TABLES:
        frame = rows.tables[table]
        r_name, x_name, r, x, size = _get_impedance(rows, table)
        if table == "line":
            text = "a line cannot have negative resistance; an equivalent branch belongs into series"
            issues += list_issues(table, frame, r_name, r < 0, "E-NEGR", text)
        else:
            text = "negative resistance: right in an equivalent or a star of three windings only"
            issues += list_issues(table, frame, r_name, r < 0, "W-NEGR", text)
        text = "negative reactance: right in a series capacitor or a star of three windings only"
        issues += list_issues(table, frame, x_name, x < 0, "W-NEGX", text)
        zero = (r == 0) & (x == 0)
        text = "has no impedance: its buses are treated as one"
        issues += list_issues(table, frame, x_name, zero, "W-ZEROZ", text)
        text = (
            f"impedance below {TINY_IMPEDANCE_PU:g} p.u. on 100 MVA strains the solution; 0 joins the buses"
        )
        issues += list_issues(table, frame, x_name, ~zero & (size < TINY_IMPEDANCE_PU), "W-TINYZ", text)
    for table in (*BRANCH_TABLES, "hvdc"):
        frame = rows.tables[table]
        loop = (frame["from_bus"] == frame["to_bus"]).to_numpy(dtype=bool)
        issues += list_issues(table, frame, "to_bus", loop, "W-LOOP", "both ends are the same bus")
    return issues


def check_taps(rows: Rows) -> list[Issue]:
    """Check that a tap ratio is above zero (the schema reports an empty one)."""
    issues: list[Issue] = []
    for table in ("transformer", "series"):
        bad = rows.get_numbers(table, "tap_ratio") <= 0
        text = "must be above 0; 1 is the nominal ratio"
        issues += list_issues(table, rows.tables[table], "tap_ratio", bad, "E-TAP", text)
    return issues


def check_tap_control(rows: Rows) -> list[Issue]:
    """Check that a tap changer with a `tap_bus` knows all it needs to hold the voltage there."""
    frame = rows.tables["transformer"]
    controlled = (frame["tap_bus"] != "").to_numpy(dtype=bool)
    if not controlled.any():
        return []

    def judge(column: str, bad: BoolArray, text: str, code: str = "E-TAPCONTROL") -> list[Issue]:
        return list_issues("transformer", frame, column, controlled & bad, code, text)

    names = ("tap_min", "tap_max", "tap_step", "tap_vm_pu", "tap_deadband_pu")
    numbers = {name: rows.get_numbers("transformer", name) for name in names}
    text = "must be above 0 where tap_bus is given; without tap_bus the tap is fixed"
    issues = [issue for name in names for issue in judge(name, ~(numbers[name] > 0), text)]
    ends = [(frame["tap_bus"] == frame[side]).to_numpy(dtype=bool) for side in ("from_bus", "to_bus")]
    text = "must be one end of the transformer; holding the voltage of a remote bus is not modelled"
    issues += judge("tap_bus", ends[0] == ends[1], text)
    target = frame["tap_vm_pu"].where(controlled).groupby(frame["tap_bus"])
    clash = (target.transform("max") - target.transform("min") > TOLERANCE).to_numpy(dtype=bool)
    issues += judge("tap_vm_pu", clash, "another transformer holds the same bus at another voltage")
    ratio = rows.get_numbers("transformer", "tap_ratio")
    outside = (ratio < numbers["tap_min"] - TOLERANCE) | (ratio > numbers["tap_max"] + TOLERANCE)
    issues += judge("tap_ratio", outside, "is outside tap_min to tap_max of a controlled tap changer")
    tiny = _get_impedance(rows, "transformer")[4] < TINY_IMPEDANCE_PU
    text = f"a controlled tap changer needs an impedance of at least {TINY_IMPEDANCE_PU:g} p.u. on 100 MVA"
    issues += judge("x_pu", tiny, text)
    text = "is narrower than tap_step: a step may pass over it, and the tap changer hunts"
    narrow = numbers["tap_deadband_pu"] < numbers["tap_step"]
    return issues + judge("tap_deadband_pu", narrow, text, "W-TAPBAND")


_ORDERED = (
    ("bus", "v_min_pu", "v_max_pu"),
    ("generator", "p_min_mw", "p_max_mw"),
    ("generator", "q_min_mvar", "q_max_mvar"),
    ("hvdc", "p_min_mw", "p_max_mw"),
    ("hvdc", "q_from_min_mvar", "q_from_max_mvar"),
    ("hvdc", "q_to_min_mvar", "q_to_max_mvar"),
    ("transformer", "tap_min", "tap_max"),
    *((table, "angle_min_degree", "angle_max_degree") for table in BRANCH_TABLES),
)


def check_limits(rows: Rows) -> list[Issue]:
    """Check that a lower limit lies below its upper one, and that links and storage keep their ratings."""
    issues: list[Issue] = []
    for table, low_name, high_name in _ORDERED:
        low, high = rows.get_numbers(table, low_name), rows.get_numbers(table, high_name)
        shown = [f"{a:g} > {b:g}" for a, b in zip(low, high, strict=True)]
        text = f"is above {high_name}"
        issues += list_issues(table, rows.tables[table], low_name, low > high, "E-LIMITS", text, shown)
    p, low, high = (rows.get_numbers("hvdc", name) for name in ("p_mw", "p_min_mw", "p_max_mw"))
    # a link without a lower limit of its own carries as much the other way
    low = np.where(np.isnan(low), -np.abs(high), low)
    beyond = rows.find_live("hvdc") & ((p > high + TOLERANCE) | (p < low - TOLERANCE))
    text = "the set-point is beyond p_min_mw, p_max_mw"
    issues += list_issues("hvdc", rows.tables["hvdc"], "p_mw", beyond, "E-LIMIT", text)
    return issues + _check_storage(rows)


def _check_storage(rows: Rows) -> list[Issue]:
    frame = rows.tables["storage"]
    p, p_max, charge = (rows.get_numbers("storage", name) for name in ("p_mw", "p_max_mw", "charge_max_mw"))
    beyond = (p > p_max + TOLERANCE) | (-p > np.where(np.isnan(charge), p_max, charge) + TOLERANCE)
    text = "is beyond p_max_mw, or takes in more than charge_max_mw"
    issues = list_issues("storage", frame, "p_mw", beyond, "E-STORAGE", text)
    useless = rows.get_numbers("storage", "efficiency") == 0
    text = "must be above 0: what is charged would never come back"
    return issues + list_issues("storage", frame, "efficiency", useless, "E-STORAGE", text)


def check_set_points(rows: Rows) -> list[Issue]:
    """Check that units of one bus agree on its voltage, and that cost curves rise."""
    issues: list[Issue] = []
    frame = rows.tables["generator"]
    live = rows.find_live("generator") & frame["regulating"].to_numpy(dtype=bool)
    held: dict[str, float] = {}
    clash = np.zeros(len(frame), dtype=bool)
    buses, set_points = frame["bus"].tolist(), frame["vm_pu"].tolist()
    for i in np.flatnonzero(live & frame["vm_pu"].notna().to_numpy()).tolist():
        clash[i] = abs(held.setdefault(buses[i], set_points[i]) - set_points[i]) > TOLERANCE
    text = "another unit at the bus holds another voltage; the first in the table counts"
    issues += list_issues("generator", frame, "vm_pu", clash, "W-SETPOINT", text)
    points = rows.tables["cost_point"]
    for unit, group in points.groupby("generator", sort=False):
        steps = np.diff(group["p_mw"].to_numpy(dtype=float))
        if len(group) < 2 or (steps <= 0).any():
            shown = ", ".join(f"{p:g}" for p in group["p_mw"][:5])
            text = f"the cost of generator {unit} needs two points or more, in the order of rising p_mw"
            issues.append(Issue("error", "E-COST", "cost_point", str(group.index[0]), "p_mw", shown, text))
    return issues


def check_ratings(rows: Rows) -> list[Issue]:
    """Say how many branches have no rating, and which have a rating of zero."""
    issues: list[Issue] = []
    for table in BRANCH_TABLES:
        frame, rate = rows.tables[table], rows.get_numbers(table, "rate_mva")
        live = rows.find_live(table)
        count = int((live & np.isnan(rate)).sum())
        if count:
            text = f"{count} of {int(live.sum())} in service have no rating: their loading stays unknown"
            issues.append(Issue("warning", "W-UNRATED", table, "", "rate_mva", str(count), text))
        text = "any flow overloads it; leave the cell empty if the rating is not known"
        issues += list_issues(table, frame, "rate_mva", live & (rate == 0), "W-ZERORATE", text)
    return issues


def check_loads(rows: Rows) -> list[Issue]:
    """List loads that feed in."""
    frame = rows.tables["load"]
    feeding = rows.find_live("load") & (rows.get_numbers("load", "p_mw") < 0)
    text = "a load below 0 feeds in: make it a generator, or turn the sign if it was meant to consume"
    return list_issues("load", frame, "p_mw", feeding, "W-NEGLOAD", text)


def check_units_behind(rows: Rows) -> list[Issue]:
    """Check that a unit that stands behind a load stands at its bus."""
    frame, load = rows.tables["generator"], rows.tables["load"]
    at = dict(zip(load.index, load["bus"], strict=True))
    pairs = zip(frame["behind_load"], frame["bus"], strict=True)
    apart = np.array([name in at and at[name] != bus for name, bus in pairs], dtype=bool)
    text = "the load it stands behind is connected to another bus"
    return list_issues("generator", frame, "behind_load", apart, "E-BEHIND", text)


def check_islands(rows: Rows) -> list[Issue]:
    """Find islands without a reference, references in conflict, loads that nothing feeds."""
    bus = rows.tables["bus"]
    if bus.empty:
        return []
    islands = rows.islands.to_numpy()
    references = find_reference_buses(rows.net, rows.islands)
    issues = _check_references(rows, islands)
    at = rows.find_buses("load")
    live = rows.find_live("load") & (at >= 0)
    p_mw = np.nan_to_num(rows.get_numbers("load", "p_mw"))
    # one slot more for buses out of service, whose island is -1
    load_of_island = np.zeros(len(references) + 1)
    np.add.at(load_of_island, islands[at[live]], p_mw[live])
    size = np.bincount(islands[islands >= 0], minlength=len(references))
    lone = np.zeros(len(live), dtype=bool)
    for island, (name, named) in enumerate(references.itertuples(index=False, name=None)):
        if named:
            continue
        members = bus.index[np.flatnonzero(islands == island)]
        where = f"the island of {size[island]} buses ({name_ids(members)})"
        if name:
            text = f"{where} names no reference bus; {name}, with the largest unit, is taken"
        elif size[island] > 1:
            text = (
                f"{where} has no reference bus and no unit that could be one: {load_of_island[island]:g} MW "
                "of load stay unserved; set bus.reference, or put a regulating generator in service"
            )
        else:
            lone[live] |= islands[at[live]] == island
            continue
        issues.append(Issue("warning", "W-NOSLACK", "bus", name or str(members[0]), "reference", "", text))
    lone[live] |= islands[at[live]] < 0
    frame = rows.tables["load"]
    shown = [f"{p:g} MW" for p in p_mw]
    text = "nothing in service connects or feeds its bus: the load stays unserved"
    return issues + list_issues("load", frame, "bus", lone, "W-ISOLATED", text, shown)


def _check_references(rows: Rows, islands: NDArray[np.integer]) -> list[Issue]:
    bus = rows.tables["bus"]
    angle = np.nan_to_num(bus["va_start_degree"].to_numpy(dtype=float))
    marked = np.flatnonzero(bus["reference"].to_numpy(dtype=bool) & (islands >= 0))
    issues = []
    for island in np.unique(islands[marked]):
        members = marked[islands[marked] == island]
        if np.ptp(angle[members]) > TOLERANCE:
            shown = ", ".join(f"{bus.index[i]} at {angle[i]:g} degree" for i in members[:5])
            text = "share an island: each keeps its angle with distributed_slack=False; else one does"
            issues.append(
                Issue("warning", "W-SLACK", "bus", str(bus.index[members[0]]), "reference", shown, text)
            )
    return issues


def _divide(over: FloatArray, under: FloatArray) -> FloatArray:
    """Quotient; NaN, which no comparison finds, where the divisor is not above zero."""
    result = np.full(len(over), np.nan)
    # a denormal number below the line is beyond any bound, which infinite says as well
    with np.errstate(over="ignore"):
        np.divide(over, under, out=result, where=under > 0)
    return result


def check_plausibility(rows: Rows) -> list[Issue]:
    """Find line data far from any line ever built: mostly a unit taken for another.

    The bounds are this project's own and wide: they let every overhead line and cable from 0.4 to 1,150 kV
    pass and stop what is off by a factor of a thousand.
    """
    frame = rows.tables["line"]
    length, r, x, b = (rows.get_numbers("line", c).copy() for c in ("length_km", "r_ohm", "x_ohm", "b_us"))
    vn_kv = rows.take_at_bus(rows.vn_kv, "line", "from_bus")
    # beta l = sqrt(x b): 0.00127 rad/km at 60 Hz, whatever the voltage
    electrical = np.sqrt(np.fmax(x * b, 0.0) * 1e-6)
    straight = calculate_distance_km(*_get_end_coordinates(rows))
    # what converters write where the source has no length: nothing per km follows from it
    length[length == PLACEHOLDER_KM] = np.nan
    # nearer than that, the coordinates of the ends are not good enough
    straight[straight < 5.0] = np.nan
    checks = (
        ("length_km", length, -np.inf, 2000.0, "{:g} km"),
        ("x_ohm", _divide(x, length), 0.005, 5.0, "{:.3g} ohm/km, and lines have 0.1 to 0.5"),
        ("r_ohm", _divide(r, length), -np.inf, 20.0, "{:.3g} ohm/km, and lines have 0.01 to 1"),
        (
            "b_us",
            _divide(b, length),
            -np.inf,
            1000.0,
            "{:.3g} uS/km, and lines have 2 to 5, cables up to 150",
        ),
        ("r_ohm", np.where(vn_kv >= 60, _divide(x, r), np.nan), 0.1, 500.0, "x/r is {:.3g}"),
        ("x_ohm", electrical, -np.inf, 1.5, "electrical length {:.3g} rad, and 1,000 km have 1.3"),
        ("length_km", _divide(length, straight), 0.9, np.inf, "{:.3g} of the straight distance of its ends"),
    )
    issues: list[Issue] = []
    for column, figure, low, high, text in checks:
        mask = (figure < low) | (figure > high)
        shown = frame[column].tolist()
        for i in np.flatnonzero(mask).tolist():
            issues.append(
                Issue(
                    "warning",
                    "W-PLAUSIBLE",
                    "line",
                    str(frame.index[i]),
                    column,
                    _show(shown[i]),
                    f"{text.format(figure[i])}: {_UNIT_HINT}",
                )
            )
    return issues


def _get_end_coordinates(rows: Rows) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    lat, lon = (rows.get_numbers("bus", name) for name in ("lat", "lon"))
    ends = [
        rows.take_at_bus(values, "line", side) for side in ("from_bus", "to_bus") for values in (lat, lon)
    ]
    return ends[0], ends[1], ends[2], ends[3]


def check_interfaces(rows: Rows) -> list[Issue]:
    """Check that the rows of an interface agree on its limits and count every member once."""
    frame = rows.tables["interface"]
    still = rows.get_numbers("interface", "direction") == 0
    issues = list_issues("interface", frame, "direction", still, "E-RANGE", "must be 1 or -1")
    twice = frame.duplicated(["name", "member"]).to_numpy(dtype=bool)
    issues += list_issues("interface", frame, "member", twice, "E-INTERFACE", "is in the interface twice")
    for column in ("limit_mw", "limit_reverse_mw"):
        first = frame.groupby("name", sort=False)[column].transform("first")
        differs = (frame[column].notna() & (frame[column] != first)).to_numpy(dtype=bool)
        text = "another row of the interface has another limit; it is one for the whole interface"
        issues += list_issues("interface", frame, column, differs, "E-INTERFACE", text)
    return issues


def _judge_override(column: Column, text: str) -> str:
    """Say what is wrong with one overriding value, nothing if it is right."""
    if column.reference:
        return "a snapshot cannot move an element to another bus"
    try:
        value = parse_snapshot_value(column, text)
    except ValueError:
        wanted = "True or False" if column.kind == "bool" else "a number"
        return f"{column.table}.{column.name} wants {wanted}"
    if isinstance(value, float):
        if not np.isfinite(value):
            return f"{column.table}.{column.name} wants a finite number"
        if not column.minimum <= value <= column.maximum:
            return f"is outside {column.minimum:g} to {column.maximum:g}"
        if column.name == "tap_ratio" and value <= 0:
            return "a tap ratio must be above 0"
    return ""


def check_snapshots(rows: Rows) -> list[Issue]:
    """Check that every overriding value names a cell there is, and is a value of its column."""
    frame = rows.tables["snapshot_value"]
    if frame.empty:
        return []
    schema = read_schema()
    ids = {table: set(part.index) for table, part in rows.tables.items()}
    faults: dict[str, list[tuple[int, str]]] = {"table": [], "id": [], "column": [], "value": []}
    columns = (frame[name].tolist() for name in ("table", "id", "column", "value"))
    for i, (table, name, column, value) in enumerate(zip(*columns, strict=True)):
        if table not in schema or table.startswith("snapshot"):
            faults["table"].append((i, "names no table a snapshot can override"))
            continue
        if name not in ids[table]:
            faults["id"].append((i, f"names no row of table {table}"))
        if column not in schema[table]:
            faults["column"].append((i, f"names no column of table {table}"))
        elif text := _judge_override(schema[table][column], value):
            faults["value"].append((i, text))
    issues = [
        Issue(
            "error", "E-SNAPSHOT", "snapshot_value", str(frame.index[i]), column, frame[column].iloc[i], text
        )
        for column, found in faults.items()
        for i, text in found
    ]
    twice = frame.duplicated(["snapshot", "table", "id", "column"]).to_numpy(dtype=bool)
    text = "the same cell is overridden twice in one snapshot"
    issues += list_issues("snapshot_value", frame, "value", twice, "E-SNAPSHOT", text)
    return issues if issues else _check_limits_in_snapshots(rows)


def _check_limits_in_snapshots(rows: Rows) -> list[Issue]:
    """Hold the limits of `check_limits` against the tables of every snapshot."""
    values = rows.tables["snapshot_value"]
    known = set(check_limits(rows))
    issues: list[Issue] = []
    touched = values["snapshot"][values["table"].isin([table for table, _, _ in _ORDERED] + ["storage"])]
    for snapshot in touched.unique():
        if snapshot not in rows.net.snapshots:
            continue
        for issue in check_limits(Rows(apply_snapshot(rows.net, snapshot))):
            if issue not in known:
                text = f"in snapshot {snapshot}: {issue.message}"
                issues.append(
                    Issue("error", issue.code, issue.table, issue.id, issue.column, issue.value, text)
                )
    return issues


RULES: tuple[Callable[[Rows], list[Issue]], ...] = (
    check_voltages,
    check_impedances,
    check_taps,
    check_tap_control,
    check_limits,
    check_set_points,
    check_ratings,
    check_loads,
    check_units_behind,
    check_islands,
    check_plausibility,
    check_interfaces,
    check_snapshots,
)
"""All rules, in the order their issues are listed."""
