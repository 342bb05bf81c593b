"""The bridge to pandapower, both ways. The only module that imports it, and only when something is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridhub.errors import FileFormatError, Issue
from gridhub.interop.conversion_report import ConversionReport, count_rows, raise_issues, sum_totals
from gridhub.interop.pandapower_branches import (
    read_bus_switches,
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
from gridhub.interop.pandapower_json import read_scanned_text
from gridhub.interop.pandapower_read import (
    BUS_COLUMNS,
    Draft,
    check_structure,
    get_floats,
    get_table,
)
from gridhub.model.network import Network

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
        E-REF, E-DUP, E-EMPTY, E-ASYMMETRIC, E-TAP …: all of them at once.

    Notes
    -----
    Electrically equal to ``runpp(net, trafo_model="pi", calculate_voltage_angles=True)`` with reactive limits
    off on both sides. External grids are regulating generators at a reference bus; with no set-point of
    their own they have ``p_mw = 0``. The share in a distributed slack is ``slack_weight``.

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
    tables = draft.build_tables()
    net = Network(
        name=str(pp_net.get("name") or "pandapower"),
        base_mva=draft.base_mva,
        tables=tables,
        frequency_hz=draft.frequency_hz,
        currency="EUR" if len(get_table(pp_net, "poly_cost")) + len(get_table(pp_net, "pwl_cost")) else "",
    )
    report = ConversionReport(
        source=source,
        format="pandapower",
        counts_before=_count_rows(pp_net),
        counts=count_rows(net),
        totals_before=_sum_totals(pp_net),
        totals=sum_totals(net),
        issues=tuple(draft.issues),
        notes=tuple(draft.notes),
    )
    return net, report


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
    text = read_scanned_text(path)
    import pandapower

    _check_version(str(pandapower.__version__))
    try:
        pp_net = pandapower.from_json_string(text, convert=True)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, UserWarning) as error:
        message = f"pandapower cannot read it: {type(error).__name__}: {error}"
        raise FileFormatError(
            [Issue("error", "E-FORMAT", path.name, "", "", "", message)], path.name
        ) from error
    if not pp_net.get("name"):
        pp_net["name"] = path.stem
    return from_pandapower(pp_net, strict)
