"""The bridge to pandapower, both ways. The only module that imports it, and only when something is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gridhub.errors import FileFormatError, Issue
from gridhub.interop.conversion_report import (
    ConversionReport,
    count_rows,
    find_lost,
    raise_issues,
    sum_totals,
    warn,
)
from gridhub.interop.pandapower_branches import (
    read_impedances,
    read_lines,
    read_three_winding,
    read_transformers,
)
from gridhub.interop.pandapower_injections import (
    read_asymmetric,
    read_buses,
    read_dc_lines,
    read_generators,
    read_loads,
    read_motors,
    read_shunts,
    read_storage,
    read_wards,
    report_unread,
)
from gridhub.interop.pandapower_json import decode_scanned
from gridhub.interop.pandapower_read import (
    BUS_COLUMNS,
    Draft,
    check_structure,
    get_floats,
    get_table,
)
from gridhub.interop.pandapower_schedule import schedule_external_grids
from gridhub.interop.pandapower_switches import read_bus_switches
from gridhub.interop.pandapower_write import Outline, number_buses, report_unwritten, write_buses
from gridhub.interop.pandapower_write_branches import write_lines, write_transformers_and_series
from gridhub.interop.pandapower_write_injections import write_costs, write_generators, write_hvdc, write_loads
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.model.topology import find_islands

OLDEST_SAFE = (3, 5, 4)
"""First pandapower that refuses foreign classes in a JSON file."""

READERS = (
    read_buses,
    read_lines,
    read_transformers,
    read_three_winding,
    read_impedances,
    read_bus_switches,
    read_loads,
    read_motors,
    read_wards,
    read_asymmetric,
    read_generators,
    read_storage,
    read_shunts,
    read_dc_lines,
    report_unread,
)


def from_pandapower(pp_net: Any, strict: bool = False) -> tuple[Network, ConversionReport]:
    """Read a pandapower network.

    Parameters
    ----------
    pp_net : pandapowerNet
        Not changed. Results in it are not read.
    strict : bool
        Refuse the network if anything is dropped, assumed or approximated.

    Returns
    -------
    net : Network
        Ids are ``<table>:<index>`` (``line:0``, ``trafo:3``, ``ext_grid:0``), buses ``<index>``; every row is
        kept in order, also those out of service. Transformers have the high side at ``from_bus``, which
        carries the ratio, as in pandapower; three-winding transformers are a star around a bus
        ``trafo3w:<index>``; bus-bus switches are series elements ``switch:<index>``.
    report : ConversionReport
        What was dropped or approximated, with MW.

    Raises
    ------
    FileFormatError
        E-REF, E-DUP, E-EMPTY, E-NAN, E-INF, E-ASYMMETRIC, E-TAP …: all of them at once.

    Notes
    -----
    Electrically equal to ``runpp(net, trafo_model="pi", calculate_voltage_angles=True)`` with reactive limits
    off on both sides. External grids are regulating generators at a reference bus; having no set-point of
    their own, they are scheduled to balance their island without losses. The share in a distributed slack is
    ``slack_weight`` if a generator has one, else by ``max_p_mw``; static generators take no part.

    Examples
    --------
    >>> import pandapower.networks
    >>> net, report = from_pandapower(pandapower.networks.case9())
    >>> list(net.generator.index), net.load["p_mw"].sum()
    (['ext_grid:0', 'gen:0', 'gen:1'], np.float64(315.0))
    """
    source = str(pp_net.get("name") or "pandapower network")
    check_structure(pp_net, source)
    bus = get_table(pp_net, "bus")
    draft = Draft(
        base_mva=float(pp_net.get("sn_mva", 1.0)),
        frequency_hz=float(pp_net.get("f_hz", 50.0)),
        vn_kv=bus["vn_kv"].astype(float),
        bus_on=get_table(pp_net, "bus")["in_service"].astype(bool),
    )
    for reader in READERS:
        reader(draft, pp_net)
    raise_issues(draft.issues, source, strict)
    net = Network(
        name=str(pp_net.get("name") or "pandapower"),
        base_mva=draft.base_mva,
        tables=draft.build_tables(),
        frequency_hz=draft.frequency_hz,
        currency="EUR" if len(get_table(pp_net, "poly_cost")) + len(get_table(pp_net, "pwl_cost")) else "",
    )
    _report_references(draft, net)
    raise_issues(draft.issues, source, strict)
    scheduled, note = schedule_external_grids(net)
    report = ConversionReport(
        source=source,
        format="pandapower",
        counts_before=_count_rows(pp_net),
        counts=count_rows(net),
        totals_before=_sum_totals(pp_net),
        totals=sum_totals(net),
        issues=tuple(draft.issues),
        notes=tuple(note for note in (*draft.notes, note) if note),
    )
    return scheduled, report


def _report_references(draft: Draft, net: Network) -> None:
    """Report reference buses that share an island: what they feed depends on who takes up the imbalance."""
    island = find_islands(net)[net.bus["reference"]]
    shared = island.index[island.duplicated(keep=False)]
    message = (
        "share an island: each keeps its angle with distributed_slack=False, as in pandapower; else one does"
    )
    draft.warn("W-SLACK", "bus", shared, "reference", message)


def _count_rows(pp_net: Any) -> dict[str, int]:
    """Count the rows of the pandapower tables that are read."""
    counts = {table: len(get_table(pp_net, table)) for table in ("bus", *BUS_COLUMNS)}
    return {table: count for table, count in counts.items() if count}


def _sum_totals(pp_net: Any) -> dict[str, float]:
    """Sum loads, fixed generation and links of a pandapower network over every row."""

    def add_up(table: str, column: str) -> float:
        frame = get_table(pp_net, table)
        if frame.empty:
            return 0.0
        return float((get_floats(frame, column, 0.0) * get_floats(frame, "scaling", 1.0)).sum())

    return {
        "load_mw": add_up("load", "p_mw") + add_up("ward", "ps_mw") + add_up("xward", "ps_mw"),
        "load_mvar": add_up("load", "q_mvar") + add_up("ward", "qs_mvar") + add_up("xward", "qs_mvar"),
        "generation_mw": add_up("gen", "p_mw") + add_up("sgen", "p_mw"),
        "generation_mvar": add_up("sgen", "q_mvar"),
        "hvdc_mw": add_up("dcline", "p_mw"),
    }


def load_pandapower_network(name: str) -> Network:
    """Load one of the networks that pandapower ships.

    Parameters
    ----------
    name : str
        Function of ``pandapower.networks`` that makes it without arguments: ``case118``.

    Returns
    -------
    Network
        Named ``pandapower:<name>``.

    Raises
    ------
    KeyError
        If pandapower has no such network.

    Examples
    --------
    >>> load_pandapower_network("case9").name
    'pandapower:case9'
    """
    import pandapower.networks

    make = getattr(pandapower.networks, name, None)
    if name.startswith("_") or not callable(make):
        raise KeyError(f"pandapower has no network {name!r}")
    net, _ = from_pandapower(make())
    licence = "comes with pandapower (BSD-3-Clause)"
    return net.replace(name=f"pandapower:{name}", title=name, licence=licence)


def _check_version(version: str) -> None:
    """Refuse a pandapower that would run what a file names."""
    found = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if found < OLDEST_SAFE:
        wanted = ".".join(str(part) for part in OLDEST_SAFE)
        message = f"JSON files are read with pandapower {wanted} or newer; older ones can run code in a file"
        raise FileFormatError(
            [Issue("error", "E-UNSAFE", "pandapower", "", "", version, message)], "pandapower"
        )


def read_pandapower_json(path: str | Path, strict: bool = False) -> tuple[Network, ConversionReport]:
    """Read a pandapower JSON file, which is scanned before pandapower sees it.

    Parameters
    ----------
    path : path
        File written by ``pandapower.to_json``.
    strict : bool
        As in `from_pandapower`.

    Returns
    -------
    net : Network
    report : ConversionReport

    Raises
    ------
    FileFormatError
        E-UNSAFE if the file names a class other than tables (its module is not imported), E-JSON if it is
        no strict JSON, E-FORMAT for a pickle or another kind of file; else as `from_pandapower`.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    return read_pandapower_bytes(path.read_bytes(), path.name, strict)


def read_pandapower_bytes(
    content: bytes, name: str, strict: bool = False
) -> tuple[Network, ConversionReport]:
    """Read the content of a pandapower JSON file; see `read_pandapower_json`.

    Parameters
    ----------
    content : bytes
    name : str
        Name of the file.
    strict : bool
        As in `from_pandapower`.
    """
    text = decode_scanned(content, name)
    import pandapower

    _check_version(str(pandapower.__version__))
    try:
        pp_net = pandapower.from_json_string(text, convert=True)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, UserWarning) as error:
        message = f"pandapower cannot read it: {type(error).__name__}: {error}"
        raise FileFormatError([Issue("error", "E-FORMAT", name, "", "", "", message)], name) from error
    if not pp_net.get("name"):
        pp_net["name"] = Path(name).stem
    return from_pandapower(pp_net, strict)


WRITERS = (
    write_buses,
    write_lines,
    write_transformers_and_series,
    write_loads,
    write_generators,
    write_hvdc,
    report_unwritten,
)


def _fill_table(empty: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Bring rows to the columns and types of a pandapower table; further columns stay behind them."""
    filled: dict[str, Any] = {}
    for name, dtype in empty.dtypes.items():
        values = rows[name] if name in rows else pd.Series(None, index=rows.index, dtype=object)
        if dtype.kind == "O":
            filled[str(name)] = [None if pd.isna(value) or value == "" else value for value in values]
        elif dtype.kind == "f":
            filled[str(name)] = pd.to_numeric(values).to_numpy(dtype=float, na_value=float("nan"))
        else:
            filled[str(name)] = values.astype(dtype).array
    filled |= {name: rows[name].array for name in rows.columns if name not in empty.columns}
    return pd.DataFrame(filled, index=rows.index)


def to_pandapower(net: Network, snapshot: str | None = None) -> tuple[Any, ConversionReport]:
    """Make a pandapower network, electrically equal to one snapshot of `net`.

    Parameters
    ----------
    net : Network
    snapshot : str, optional
        Snapshot to apply; None is the first, or the tables themselves if there is none.

    Returns
    -------
    pp_net : pandapowerNet
        Ids are in the column ``gridhub_id`` of every table. To be run with ``trafo_model="pi"`` and
        ``calculate_voltage_angles=True``; the reference unit of each island is an external grid.
    report : ConversionReport
        What was dropped or approximated, with MW.

    Raises
    ------
    FileFormatError
        E-ZEROZ: a transformer without impedance, which pandapower cannot have.
    KeyError
        If the snapshot does not exist.

    Examples
    --------
    >>> import pandapower.networks
    >>> net, _ = from_pandapower(pandapower.networks.case9())
    >>> pp_net, report = to_pandapower(net)
    >>> len(pp_net.line), float(pp_net.load["p_mw"].sum())
    (9, 315.0)
    """
    import pandapower

    name = find_snapshot(net, snapshot)
    net = apply_snapshot(net, name)
    outline = Outline(net, number_buses(net), name)
    for writer in WRITERS:
        writer(outline)
    raise_issues(outline.issues, net.name)
    pp_net = pandapower.create_empty_network(name=net.name, f_hz=net.frequency_hz, sn_mva=net.base_mva)
    tables = outline.build_tables()
    tables["poly_cost"] = write_costs(outline, tables)
    for table, rows in tables.items():
        if len(rows):
            pp_net[table] = _fill_table(pp_net[table], rows)
    report = ConversionReport(
        source=net.name,
        format="pandapower",
        direction="write",
        counts_before=count_rows(net),
        counts=_count_rows(pp_net),
        totals_before=sum_totals(net),
        totals=_sum_totals(pp_net),
        issues=tuple(outline.issues),
        notes=tuple(outline.notes),
    )
    return pp_net, report


def build_pandapower_json(net: Network, name: str) -> tuple[bytes, ConversionReport]:
    """Make the content of a pandapower JSON file from the state of the tables, and read it back.

    Parameters
    ----------
    net : Network
        The state of its tables is written; apply a snapshot first to write that.
    name : str
        Name of the file.

    Returns
    -------
    content : bytes
    report : ConversionReport
        As `to_pandapower`; `counts` and `totals` are those of the file as read back.

    Raises
    ------
    FileFormatError
        As `to_pandapower`, or if what was written does not read back.
    """
    import pandapower

    state = net.replace(snapshot_value=net.snapshot_value.iloc[:0], snapshot=net.snapshot.iloc[:0])
    pp_net, report = to_pandapower(state)
    content = str(pandapower.to_json(pp_net)).encode("utf-8")
    written, _ = read_pandapower_bytes(content, name)
    message = "not written: the state of the tables is"
    issues = [warn("W-DROPPED", "snapshot", net.snapshots, "", message)] if net.snapshots else []
    before, after = sum_totals(net), sum_totals(written)
    for lost in find_lost(before, after):
        message = f"the file has {after[lost.column]:.9g} of {before[lost.column]:.9g}"
        issues.append(warn("W-TOTAL", "totals", [], lost.column, message, lost.value))
    return content, replace(
        report,
        source=name,
        totals=after,
        counts=count_rows(written),
        issues=(*report.issues, *issues),
    )
