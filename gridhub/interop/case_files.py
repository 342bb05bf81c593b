"""`read_case` and `write_case`: networks from and to the files of other tools."""

from __future__ import annotations

import os
from pathlib import Path

from gridhub.errors import Issue
from gridhub.interop.conversion_report import ConversionReport, count_rows, find_lost, raise_issues, sum_totals
from gridhub.interop.input_files import InputFile, open_input
from gridhub.interop.matpower import build_text, complete_bridge, find_differences, read_mat, read_statements
from gridhub.interop.matpower_tables import check_tables
from gridhub.interop.powerio_bridge import Bridge, build_bridge, count_record, count_tables, sum_record
from gridhub.interop.powerio_reader import Record, parse_bytes
from gridhub.model.network import Network
from gridhub.model.validate import validate


def _read_matpower(source: InputFile) -> tuple[Record, Bridge, tuple[str, ...]]:
    """Read a MATPOWER case: scan, check, let PowerIO read what was accepted, compare."""
    reader = read_mat if source.format == "mat" else read_statements
    statements = reader(source.data, source.name)
    case, issues = check_tables(statements)
    raise_issues(issues, source.name)
    record, findings = parse_bytes(build_text(statements), Path(source.name).stem, "matpower")
    refused = [
        Issue("error", "E-MPC-STATEMENT", i.table, i.id, i.column, i.value, f"the reader is unsure: {i.message}")
        for i in findings
    ]
    raise_issues([*refused, *find_differences(case, record)], source.name)
    bridge = build_bridge(record, recompute_dc=True)
    complete_bridge(bridge, statements, case)
    return record, bridge, statements.ignored


def _read_other(source: InputFile) -> tuple[Record, Bridge, tuple[str, ...]]:
    token = None if source.format == "json" else source.format
    record, findings = parse_bytes(source.data, source.name, token)
    bridge = build_bridge(record)
    bridge.issues[:0] = findings
    return record, bridge, ()


def _find_losses(record: Record, bridge: Bridge, net: Network) -> list[Issue]:
    """Compare rows and totals of PowerIO's record with those of the network."""
    rows = find_lost(count_record(record), count_tables(net.tables), bridge.added)
    return rows + find_lost(sum_record(record), sum_totals(net), bridge.added)


def read_case(
    path: str | os.PathLike[str], format: str | None = None, strict: bool = False
) -> tuple[Network, ConversionReport]:
    """Read a network from a file of another tool.

    Parameters
    ----------
    path : path
        MATPOWER (``.m``, ``.mat`` of version 5 to 7), PSS/E RAW 32 to 35 and RAWX, CGMES (archive or folder),
        UCTE, XIIDM, PowerWorld, PSLF, IEEE CDF, PowerModels and others; an archive with one such file too.
    format : str, optional
        One of `gridhub.interop.input_files.READ_FORMATS`; by default by suffix and content.
    strict : bool
        True: every warning of the report is an error, so that what is read is all of the file.

    Returns
    -------
    net : Network
        Ids are ``str(bus number)``, ``branch:<row>``, ``gen:<row>``, ``load:<bus>``, ``shunt:<bus>``,
        ``dcline:<row>``; every row and the file's order are kept.
    report : ConversionReport
        What was dropped, assumed, converted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is not what it claims to be or breaks a rule; every fault with its line where it has one.
    InputError
        If the network that it describes is faulty.

    Notes
    -----
    Nothing of a file is executed. A MATPOWER case is a program: see
    `gridhub.interop.matpower_statements` for what is accepted.

    Branches: a line has neither ratio nor shift and joins buses of equal base voltage; a transformer has
    either, its tap at ``from_bus``; the rest are series elements, with their ratings. A rating of 0 is
    "unrated" (NaN). A base voltage of 0 becomes 1 kV and is reported.

    Generators at buses of type PQ are fixed injections (``regulating`` False), as in MATPOWER.

    HVDC (``mpc.dcline``): ``p_mw`` is Pf, which leaves ``from_bus``; what arrives is Pf less
    ``loss0 + loss1 |Pf|``; Qf and Qt are injected at the ends, which regulate no voltage: that reproduces a
    stored state. MATPOWER itself leaves the links out of a power flow unless ``toggle_dcline`` is on, and then
    treats each as a pair of generators that hold Vf and Vt within the Q limits, with buses of type PQ made PV;
    for that, set ``regulating_from`` and ``regulating_to``: set-points and limits are in the table.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> text = '''function mpc = two
    ... mpc.version = '2';
    ... mpc.baseMVA = 100;
    ... mpc.bus = [1 3 0 0 0 0 1 1 0 345 1 1.1 0.9; 2 1 90 30 0 0 1 1 0 345 1 1.1 0.9];
    ... mpc.gen = [1 90 30 300 -300 1 100 1 250 10];
    ... mpc.branch = [1 2 0.01 0.1 0.02 0 0 0 0 0 1 -360 360];'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "two.m")
    ...     _ = file.write_text(text)
    ...     net, report = read_case(file)
    >>> net, report.totals["load_mw"]
    (<Network 'two': 2 buses, 1 branches>, 90.0)
    """
    source = open_input(Path(path), format)
    is_matpower = source.format in ("matpower", "mat")
    record, bridge, ignored = (_read_matpower if is_matpower else _read_other)(source)
    net = Network(
        name=Path(source.name).stem,
        base_mva=bridge.base_mva,
        tables=bridge.build_tables(),
        frequency_hz=float(record.get("base_frequency") or 60.0),
    )
    issues = [*bridge.issues, *_find_losses(record, bridge, net), *validate(net)]
    raise_issues(issues, source.name, strict)
    return net, ConversionReport(
        source=str(path),
        format=source.format if source.format != "json" else str(record["source_format"]),
        counts_before=count_record(record),
        counts=count_rows(net),
        totals_before=sum_record(record),
        totals=sum_totals(net),
        issues=tuple(issues),
        notes=tuple(bridge.notes),
        statements=ignored,
    )
