"""MATPOWER cases, as text (``.m``) and as data (``.mat``), brought to the text that PowerIO reads."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from gridhub.errors import Issue
from gridhub.interop.bridge import Bridge
from gridhub.interop.input_files import fail
from gridhub.interop.mat_files import check_mat
from gridhub.interop.matpower_statements import CaseStatements, Literal, scan_statements
from gridhub.interop.matpower_tables import COLUMNS, CaseTables
from gridhub.interop.powerio_reader import Record, read_number

_PASSED = ("bus", "gen", "branch", "gencost", "dcline", "dclinecost", "areas")
_KNOWN = {*_PASSED, "version", "baseMVA", "bus_name", "genfuel"}

FUELS: Mapping[str, str] = {
    "nuclear": "nuclear",
    "coal": "coal",
    "ng": "lng",
    "oil": "oil",
    "hydro": "hydro",
    "wind": "wind",
    "solar": "solar",
    "biomass": "biomass",
    "ps": "pumped_storage",
    "unknown": "",
}
"""``mpc.genfuel`` -> our fuel; everything else is ``other``."""

_COMPARED = {
    ("bus", "Vm"): ("buses", "vm"),
    ("bus", "Va"): ("buses", "va"),
    ("bus", "baseKV"): ("buses", "base_kv"),
    ("bus", "Vmax"): ("buses", "vmax"),
    ("bus", "Vmin"): ("buses", "vmin"),
    ("bus", "bus_i"): ("buses", "id"),
    ("branch", "fbus"): ("branches", "from"),
    ("branch", "tbus"): ("branches", "to"),
    ("branch", "r"): ("branches", "r"),
    ("branch", "x"): ("branches", "x"),
    ("branch", "b"): ("branches", "b"),
    ("branch", "rateA"): ("branches", "rate_a"),
    ("branch", "rateB"): ("branches", "rate_b"),
    ("branch", "rateC"): ("branches", "rate_c"),
    ("branch", "ratio"): ("branches", "tap"),
    ("branch", "angle"): ("branches", "shift"),
    ("gen", "bus"): ("generators", "bus"),
    ("gen", "Pg"): ("generators", "pg"),
    ("gen", "Qg"): ("generators", "qg"),
    ("gen", "Qmax"): ("generators", "qmax"),
    ("gen", "Qmin"): ("generators", "qmin"),
    ("gen", "Vg"): ("generators", "vg"),
    ("gen", "Pmax"): ("generators", "pmax"),
    ("gen", "Pmin"): ("generators", "pmin"),
    **{
        ("dcline", name): ("hvdc", name.lower())
        for name in (
            *("Pf", "Pt", "Qf", "Qt", "Vf", "Vt", "Pmin", "Pmax", "QminF", "QmaxF"),
            *("QminT", "QmaxT"),
        )
    },
    ("dcline", "loss0"): ("hvdc", "loss0"),
    ("dcline", "loss1"): ("hvdc", "loss1"),
}
"""Columns of the file that must stand in the same order, with the same values, in PowerIO's record."""


def read_statements(data: bytes, name: str) -> CaseStatements:
    """Scan a ``.m`` case.

    Raises
    ------
    FileFormatError
        See `gridhub.interop.matpower_statements.scan_statements`.
    """
    text = data.decode("utf-8-sig")
    if "\0" in text:
        raise fail("E-FORMAT", name, "holds NUL characters: not a text file")
    return scan_statements(text, name)


def read_mat(data: bytes, name: str) -> CaseStatements:
    """Read ``mpc`` from a ``.mat`` file of MATLAB version 5 to 7.

    Parameters
    ----------
    data : bytes
    name : str

    Returns
    -------
    CaseStatements
        As if the struct had been written as a ``.m`` case; fields that are neither numbers nor text are in
        ``ignored``.

    Raises
    ------
    FileFormatError
        ``E-FORMAT`` without a struct ``mpc``; see also `gridhub.interop.mat_files.check_mat`.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    check_mat(data, name)
    try:
        content = loadmat(io.BytesIO(data), variable_names=["mpc"], chars_as_strings=True)
    except (
        MatReadError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        raise fail("E-TRUNC", name, f"cannot be read: {error}") from error
    mpc = content.get("mpc")
    if mpc is None or mpc.dtype.names is None or mpc.size != 1:
        raise fail("E-FORMAT", name, "holds no struct named mpc: is this a MATPOWER case?")
    literals, ignored = {}, []
    for field in mpc.dtype.names:
        literal = _build_literal(field, mpc[field].flat[0])
        if literal is None:
            ignored.append(f"field {field}: neither numbers nor text")
        else:
            literals[field] = literal
    return CaseStatements(PurePath(name).stem, literals, ignored=tuple(ignored))


def _build_literal(field: str, value: npt.NDArray[Any]) -> Literal | None:
    """Turn one field of the struct into the tokens that a .m case would hold."""
    if value.dtype.kind == "U":
        return Literal(field, "string", 0, ((str(value.flat[0]) if value.size else "",),), (0,))
    if value.dtype.kind == "O":
        names = tuple(
            (str(item.flat[0]) if item.size else "",) for item in value.flat if item.dtype.kind == "U"
        )
        return Literal(field, "cell", 0, names, (0,) * len(names)) if len(names) == value.size else None
    if value.dtype.kind not in "fiub" or value.ndim != 2:
        return None
    rows = tuple(tuple(_write_number(float(v)) for v in row) for row in value)
    if field == "baseMVA" and value.size == 1:
        return Literal(field, "number", 0, rows, (0,))
    return Literal(field, "matrix", 0, rows, tuple(range(1, len(rows) + 1)))


def _write_number(value: float) -> str:
    if np.isnan(value):
        return "NaN"
    return repr(value) if np.isfinite(value) else ("Inf" if value > 0 else "-Inf")


def build_text(statements: CaseStatements) -> bytes:
    """Write the accepted statements, and only these, as the case that PowerIO reads.

    PowerIO finds assignments by their text, also inside block comments; it must not see anything that was not
    accepted here.
    """

    def write() -> Iterator[str]:
        yield f"function mpc = {statements.name or 'case'}\nmpc.version = '2';"
        yield f"mpc.baseMVA = {statements.literals['baseMVA'].rows[0][0]};"
        for field in _PASSED:
            literal = statements.literals.get(field)
            if literal is not None:
                rows = (
                    "\t".join(token.replace("d", "e").replace("D", "e") for token in row)
                    for row in literal.rows
                )
                yield f"mpc.{field} = [\n" + "".join(f"\t{row};\n" for row in rows) + "];"
        yield from statements.helpers
        yield from (conversion.text + ";" for conversion in statements.conversions)

    return ("\n".join(write()) + "\n").encode()


def find_differences(case: CaseTables, record: Record) -> list[Issue]:
    """Compare PowerIO's record with the numbers of the file as the scanner reads them.

    Parameters
    ----------
    case : CaseTables
        Numbers of the file, unit conversions applied.
    record : dict
        What PowerIO made of it.

    Returns
    -------
    list of Issue
        ``E-LOST`` for every column that differs, in number of rows or in a value.
    """
    issues = []
    for (table, column), (key, name) in _COMPARED.items():
        ours = case.column(table, column)
        theirs = np.array([read_number(row[name]) for row in record[key]], dtype=float)
        if table not in case.tables and not len(theirs):
            continue
        if len(ours) != len(theirs) or not np.allclose(ours, theirs, rtol=1e-12, atol=0.0):
            message = (
                "the reader's values are not those of the file: not read, so that nothing is lost unseen"
            )
            issues.append(Issue("error", "E-LOST", f"mpc.{table}", "", column, "", message))
    for column, key, name in (
        ("Pd", "loads", "p"),
        ("Qd", "loads", "q"),
        ("Gs", "shunts", "g"),
        ("Bs", "shunts", "b"),
    ):
        ours, theirs = case.column("bus", column), np.array([row[name] for row in record[key]], dtype=float)
        if not np.allclose(ours[ours != 0], theirs[theirs != 0], rtol=1e-12, atol=0.0):
            message = f"the file has {ours.sum():.9g}, the reader {theirs.sum():.9g}: not read"
            issues.append(Issue("error", "E-LOST", "mpc.bus", "", column, "", message))
    return issues


def complete_bridge(bridge: Bridge, statements: CaseStatements, case: CaseTables) -> None:
    """Add what the file says beyond PowerIO's record: names, fuels; and report what is not held."""
    unknown: list[str] = []
    for names, table, column in ((case.bus_names, "bus", "name"), (case.fuels, "generator", "fuel")):
        rows = list(bridge.rows[table].values())
        for row, text in zip(rows, names, strict=bool(names)):
            row[column] = text if column == "name" else FUELS.get(text.lower(), "other")
            if column == "fuel" and row[column] == "other" and text.lower() != "other":
                unknown.append(text)
    kinds = sorted(set(unknown))
    bridge.warn(
        "W-FUEL", "generator", kinds, "fuel", f'fuels without a name here: {len(unknown)} units are "other"'
    )
    unused = [name for name in statements.literals if name not in _KNOWN]
    bridge.warn("W-FIELD", "mpc", unused, "", "fields of the file that are not held")
    count = len(case.tables.get("gen", ()))
    if len(case.tables.get("gencost", ())) == 2 * count and count:
        bridge.warn("W-COST", "generator", ["all"], "", "costs of reactive power are not held")
    reference = case.column("areas", "refbus")
    if len(reference):
        bridge.notes.append(
            "reference buses of areas (mpc.areas) have no meaning in version 2 and are not held"
        )
    for table in ("bus", "gen", "branch", "dcline"):
        rows_ = case.tables.get(table)
        if rows_ is not None and rows_.shape[1] > len(COLUMNS[table]):
            bridge.notes.append(f"mpc.{table}: results of a solver beside the input columns are not read")
    for conversion in statements.conversions:
        bridge.notes.append(f"line {conversion.line}: {conversion.text} (times {conversion.factor:.9g})")
