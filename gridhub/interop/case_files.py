"""`read_case` and `write_case`: networks from and to the files of other tools."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gridhub.errors import FileFormatError, InputError, Issue, OutputError
from gridhub.interop.bridge import Bridge
from gridhub.interop.conversion_report import (
    ConversionReport,
    count_rows,
    find_lost,
    raise_issues,
    sum_totals,
)
from gridhub.interop.export import Export, prepare_export
from gridhub.interop.input_files import InputFile, open_input, pack_cgmes
from gridhub.interop.matpower import build_text, complete_bridge, find_differences, read_mat, read_statements
from gridhub.interop.matpower_tables import check_tables
from gridhub.interop.matpower_writer import build_matpower
from gridhub.interop.pandapower import build_pandapower_json, read_pandapower_bytes
from gridhub.interop.powerio_bridge import build_bridge, count_record, count_tables, sum_record
from gridhub.interop.powerio_reader import Record, emit_record, parse_bytes
from gridhub.interop.powerio_record import build_record, find_admittance_changes
from gridhub.interop.raw_files import find_unmodelled
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
        Issue(
            "error", "E-MPC-STATEMENT", i.table, i.id, i.column, i.value, f"the reader is unsure: {i.message}"
        )
        for i in findings
    ]
    raise_issues([*refused, *find_differences(case, record)], source.name)
    bridge = build_bridge(record, recompute_dc=True)
    bridge.issues[:0] = issues
    complete_bridge(bridge, statements, case)
    return record, bridge, statements.ignored


def _read_other(source: InputFile) -> tuple[Record, Bridge, tuple[str, ...]]:
    token = None if source.format == "json" else source.format
    record, findings = parse_bytes(source.data, source.name, token)
    bridge = build_bridge(record)
    if source.format == "psse":
        findings += find_unmodelled(source.data)
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
        UCTE, XIIDM, PowerWorld, PSLF, IEEE CDF, PowerModels, pandapower JSON and others; an archive with one
        such file too.
    format : str, optional
        One of `gridhub.interop.input_files.READ_FORMATS`; by default by suffix and content.
    strict : bool
        True: every warning of the report is an error, so that what is read is all of the file.

    Returns
    -------
    net : Network
        Ids are ``str(bus number)``, ``branch:<row>``, ``gen:<row>``, ``load:<bus>``, ``shunt:<bus>``,
        ``dcline:<row>``; every row and the file's order are kept. Those of pandapower JSON are as in
        `gridhub.from_pandapower`.
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
    stored state. MATPOWER itself leaves the links out of a power flow unless ``toggle_dcline`` is on, and
    then treats each as a pair of generators that hold Vf and Vt within the Q limits, with buses of type PQ
    made PV; for that, set ``regulating_from`` and ``regulating_to``: set-points and limits are there.

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
    return _read_input(open_input(Path(path), format), str(path), strict)


def _read_pandapower(source: InputFile, path: str, strict: bool) -> tuple[Network, ConversionReport]:
    """Read pandapower JSON through our own bridge, which knows the elements PowerIO does not."""
    net, report = read_pandapower_bytes(source.data, source.name, strict)
    issues = [*report.issues, *validate(net)]
    raise_issues(issues, source.name, strict)
    return net, replace(report, source=path, issues=tuple(issues))


def _read_input(source: InputFile, path: str, strict: bool) -> tuple[Network, ConversionReport]:
    if source.format == "pandapower-json":
        return _read_pandapower(source, path, strict)
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
        source=path,
        format=source.format if source.format != "json" else str(record["source_format"]),
        counts_before=count_record(record),
        counts=count_rows(net),
        totals_before=sum_record(record),
        totals=sum_totals(net),
        issues=tuple(issues),
        notes=tuple(bridge.notes),
        statements=ignored,
    )


WRITE_FORMATS: Mapping[str, tuple[str, str]] = {
    "matpower": ("matpower", ".m"),
    "psse33": ("psse", ".raw"),
    "psse34": ("psse34", ".raw"),
    "psse35": ("psse35", ".raw"),
    "psse-rawx": ("psse-rawx", ".rawx"),
    "cgmes": ("cgmes", ""),
    "ucte": ("ucte", ".uct"),
    "xiidm": ("xiidm", ".xiidm"),
    "jiidm": ("jiidm", ".jiidm"),
    "powerworld": ("powerworld", ".aux"),
    "pslf": ("pslf", ".epc"),
    "powermodels-json": ("powermodels-json", ".json"),
    "egret-json": ("egret-json", ".json"),
    "pandapower-json": ("pandapower-json", ".json"),
}
"""Formats that can be written: PowerIO's name and the usual suffix."""

_ONE_SIDED = ("psse33", "psse34", "psse35", "psse-rawx", "xiidm", "jiidm")
"""Formats that know the shunt admittance of a transformer at one end."""

_BY_BUS = ("psse33", "psse34", "psse35", "psse-rawx")
"""Formats where the bus says who regulates, without storage and without the converters' reactive power."""

_READ_BACK = {"psse33": "psse", "psse34": "psse", "psse35": "psse"}


def _report_converters(export: Export) -> None:
    """Report the reactive power of converters, which RAW computes from firing angles that no table holds."""
    hvdc = export.net.tables["hvdc"]
    live = hvdc[hvdc["in_service"] & ((hvdc["q_from_mvar"] != 0) | (hvdc["q_to_mvar"] != 0))]
    total = live["q_from_mvar"].sum() + live["q_to_mvar"].sum()
    message = (
        f"{total:g} Mvar into the AC grid at the converters are not carried: add them as shunts or loads"
    )
    export.warn("W-DCQ", "hvdc", live.index, "q_from_mvar", message)


def _check_target(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise OutputError(f"{path} exists and was left as it is; give force=True to replace it")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} to write {path.name} into")


def _write_bytes(path: Path, data: bytes) -> None:
    """Write beside the target and move it there, so that no half-written file is ever in its place."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error}") from error


def _write_artifacts(path: Path, artifacts: Mapping[str, bytes]) -> None:
    """Write one file, or several into a folder of the target's name."""
    if len(artifacts) == 1:
        _write_bytes(path, next(iter(artifacts.values())))
        return
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path} could not be made a folder: {error}") from error
    for name, data in artifacts.items():
        _write_bytes(path / Path(name).name, data)


def _sum_link_losses(net: Network) -> float:
    hvdc = net.tables["hvdc"]
    return float((hvdc["loss_mw"] + hvdc["loss_percent"] / 100.0 * hvdc["p_mw"].abs()).sum())


def _read_back(
    artifacts: Mapping[str, bytes], export: Export, name: str, format: str
) -> tuple[Network | None, list[Issue]]:
    """Read what was written, and say where it is not what went in."""
    if len(artifacts) == 1:
        source = InputFile(name, _READ_BACK.get(format, format), next(iter(artifacts.values())))
    else:
        source = pack_cgmes(artifacts, name)
    try:
        net, report = _read_input(source, name, strict=False)
    except InputError as error:
        if format == "matpower":
            raise
        first = next(issue for issue in error.issues if issue.severity == "error")
        message = f"the file does not read back without fault ({first.message}): check it before use"
        return None, [Issue("warning", "W-READBACK", "file", "", "", first.code, message)]
    before, totals = sum_totals(export.net), report.totals_before
    change = find_admittance_changes(build_record(export, name), build_record(prepare_export(net), name))
    if change and format == "matpower":
        raise FileFormatError([Issue("error", "E-LOST", "branch", "", "", "", change)], name)
    changes = [Issue("warning", "W-ADMITTANCE", "branch", "", "", "", change)] if change else []
    lost = {"hvdc_loss_mw": _sum_link_losses(export.net)}, {"hvdc_loss_mw": _sum_link_losses(net)}
    before, totals = {**before, **lost[0]}, {**totals, **lost[1]}
    return net, changes + [
        Issue(
            "warning",
            "W-TOTAL",
            "totals",
            "",
            i.column,
            i.value,
            f"the file has {totals[i.column]:.9g} of {before[i.column]:.9g}",
        )
        for i in find_lost(before, totals)
    ]


def write_case(
    net: Network, path: str | os.PathLike[str], format: str = "matpower", force: bool = False
) -> ConversionReport:
    """Write a network for another tool.

    Parameters
    ----------
    net : Network
        The state of its tables is written; apply a snapshot first to write that.
    path : path
        File, or folder for CGMES.
    format : str
        One of `WRITE_FORMATS`.
    force : bool
        True: replace what is there.

    Returns
    -------
    ConversionReport
        What the format cannot carry. `counts` and `totals` are those of the file as read back (empty if it
        does not read back); where they differ from those before, an issue says so.

    Raises
    ------
    OutputError
        If the file exists and `force` is False, or cannot be written.
    FileFormatError
        If the format is unknown or the network cannot be written in it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import pandas as pd
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": [345.0], "reference": True}, index=["1"])
    >>> load = pd.DataFrame({"bus": ["1"], "p_mw": [50.0]}, index=["load:1"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_case(build_network("one", bus=bus, load=load), pathlib.Path(folder, "one.m"))
    >>> report.totals["load_mw"]
    50.0
    """
    target = Path(path)
    if format not in WRITE_FORMATS:
        message = f"unknown format; known are {', '.join(WRITE_FORMATS)}"
        raise FileFormatError([Issue("error", "E-FORMAT", "file", "", "", format, message)], target.name)
    _check_target(target, force)
    raise_issues([issue for issue in validate(net) if issue.severity == "error"], net.name)
    if format == "pandapower-json":
        content, report = build_pandapower_json(net, target.name)
        _write_bytes(target, content)
        return replace(report, source=str(path), format=format)
    export = prepare_export(net)
    if format == "matpower":
        artifacts: Mapping[str, bytes] = {target.name: build_matpower(export, target.stem).encode()}
        findings: list[Issue] = []
    else:
        record = build_record(export, target.stem, format in _ONE_SIDED, format in _BY_BUS)
        artifacts, findings = emit_record(record, WRITE_FORMATS[format][0], target.name)
    if format in _BY_BUS:
        _report_converters(export)
    issues = [*export.issues, *findings]
    written, differences = _read_back(artifacts, export, target.name, format)
    _write_artifacts(target, artifacts)
    return ConversionReport(
        source=str(path),
        format=format,
        direction="write",
        counts_before=count_rows(net),
        counts=count_rows(written) if written is not None else {},
        totals_before=sum_totals(net),
        totals=sum_totals(written) if written is not None else {},
        issues=(*issues, *differences),
        notes=tuple(export.notes),
    )
