"""Checks on the tables of a MATPOWER case before any other reader sees them: every fault, with its line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridhub.errors import Issue
from gridhub.interop.conversion_report import warn
from gridhub.interop.matpower_statements import CaseStatements, Literal

Floats = npt.NDArray[np.float64]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "bus": ("bus_i", "type", "Pd", "Qd", "Gs", "Bs", "area", "Vm", "Va", "baseKV", "zone", "Vmax", "Vmin"),
    "gen": (
        *("bus", "Pg", "Qg", "Qmax", "Qmin", "Vg", "mBase", "status", "Pmax", "Pmin"),
        *("Pc1", "Pc2", "Qc1min", "Qc1max", "Qc2min", "Qc2max"),
        *("ramp_agc", "ramp_10", "ramp_30", "ramp_q", "apf"),
    ),
    "branch": (
        *("fbus", "tbus", "r", "x", "b", "rateA", "rateB", "rateC", "ratio", "angle", "status"),
        *("angmin", "angmax"),
    ),
    "gencost": ("model", "startup", "shutdown", "n"),
    "dcline": (
        *("fbus", "tbus", "status", "Pf", "Pt", "Qf", "Qt", "Vf", "Vt"),
        *("Pmin", "Pmax", "QminF", "QmaxF", "QminT", "QmaxT", "loss0", "loss1"),
    ),
    "dclinecost": ("model", "startup", "shutdown", "n"),
    "areas": ("area", "refbus"),
}
"""Input columns of MATPOWER's tables, version 2. What stands to their right are results of a solver."""

REQUIRED_WIDTH = {"bus": 13, "gen": 10, "branch": 13, "gencost": 4, "dcline": 17, "dclinecost": 4, "areas": 1}
"""Columns that every row must have."""

_INFINITE_ALLOWED = {
    "Qmax",
    "Qmin",
    "Pmax",
    "Pmin",
    "QminF",
    "QmaxF",
    "QminT",
    "QmaxT",
    "angmin",
    "angmax",
} | {
    "rateA",
    "rateB",
    "rateC",
    "Vmax",
    *COLUMNS["gen"][10:20],
}
"""Limits: infinite says that there is none."""

_UNUSED = {"mBase", *COLUMNS["gen"][10:21]}
"""Columns that may be NaN, as some writers leave what they do not know."""

_REFERENCES = {"gen": ("bus",), "branch": ("fbus", "tbus"), "dcline": ("fbus", "tbus")}


@dataclass(frozen=True)
class CaseTables:
    """The numbers of a MATPOWER case, unit conversions applied.

    Attributes
    ----------
    base_mva : float
        Power base [MVA].
    tables : mapping
        Field -> rows x columns, ragged cost rows filled with 0.
    lines : mapping
        Field -> line of every row.
    bus_names, fuels : tuple of str
        ``mpc.bus_name`` and ``mpc.genfuel``; empty if absent.
    """

    base_mva: float
    tables: Mapping[str, Floats]
    lines: Mapping[str, tuple[int, ...]]
    bus_names: tuple[str, ...] = ()
    fuels: tuple[str, ...] = ()

    def column(self, table: str, name: str) -> Floats:
        """Give one input column of a table; empty if the table or the column is absent."""
        position = COLUMNS[table].index(name)
        rows = self.tables.get(table)
        if rows is None or rows.shape[1] <= position:
            return np.zeros(0)
        return rows[:, position]


def _error(code: str, table: str, line: int | str, column: str, value: object, message: str) -> Issue:
    return Issue("error", code, f"mpc.{table}", f"line {line}", column, str(value), message)


def _build_matrix(literal: Literal) -> tuple[Floats | None, list[Issue]]:
    """Turn the tokens of one table into numbers; None if rows are too short or differ in width."""
    name, issues = literal.name, []
    widths = [len(row) for row in literal.rows]
    required = REQUIRED_WIDTH[name]
    expected = max(set(widths), key=widths.count) if widths else required
    for line, width in zip(literal.row_lines, widths, strict=True):
        if width < required:
            message = f"the row has {width} values, and mpc.{name} needs {required}"
            issues.append(_error("E-MPC-ROW", name, line, "", width, message))
        elif width != expected and not name.endswith("cost"):
            message = (
                f"the row has {width} values, the others {expected}: all rows of a matrix are equally long"
            )
            issues.append(_error("E-MPC-ROW", name, line, "", width, message))
    if issues:
        return None, issues
    numbers = np.zeros((len(widths), max(widths, default=required)))
    for i, row in enumerate(literal.rows):
        numbers[i, : len(row)] = [float(token.replace("d", "e").replace("D", "e")) for token in row]
    return numbers, []


def _check_finite(name: str, rows: Floats, lines: Sequence[int]) -> list[Issue]:
    issues = []
    absent: list[str] = []
    names = COLUMNS[name]
    for i, j in zip(*np.nonzero(~np.isfinite(rows)), strict=True):
        column = names[j] if j < len(names) else f"column {j + 1}"
        if j >= len(names) and name in ("bus", "gen", "branch", "dcline"):
            continue  # results of a solver, which nothing here reads
        if math.isnan(rows[i, j]) and column in _UNUSED:
            absent.append(column)
        elif math.isnan(rows[i, j]):
            issues.append(_error("E-NAN", name, lines[i], column, "NaN", "is not a number; write the value"))
        elif column not in _INFINITE_ALLOWED:
            issues.append(_error("E-INF", name, lines[i], column, rows[i, j], "is infinite; write the value"))
    if absent:
        message = f"NaN in {len(absent)} places: taken as not stated; a power flow does not use it"
        issues.append(warn("W-NAN", f"mpc.{name}", [], ", ".join(dict.fromkeys(absent)), message))
    return issues


def _check_numbers(case: CaseTables) -> list[Issue]:
    """Check what stands for a thing rather than a quantity: bus numbers, types, references, cost models."""
    issues: list[Issue] = []
    numbers, lines = case.tables["bus"][:, 0], case.lines["bus"]
    first: dict[float, int] = {}
    for number, line in zip(numbers, lines, strict=True):
        if not 1 <= number < 1e9 or number != round(number):
            issues.append(
                _error("E-MPC-VALUE", "bus", line, "bus_i", number, "bus numbers are whole and positive")
            )
        elif number in first:
            message = f"bus {number:g} stands twice: on line {first[number]} and on line {line}"
            issues.append(_error("E-DUP", "bus", line, "bus_i", f"{number:g}", message))
        first.setdefault(number, line)
    for kind, line in zip(case.tables["bus"][:, 1], lines, strict=True):
        if kind not in (1, 2, 3, 4):
            message = "bus types are 1 (PQ), 2 (PV), 3 (reference), 4 (isolated)"
            issues.append(_error("E-MPC-VALUE", "bus", line, "type", f"{kind:g}", message))
    for table, columns in _REFERENCES.items():
        for column in columns:
            for number, line in zip(case.column(table, column), case.lines.get(table, ()), strict=True):
                if number not in first:
                    message = f"there is no bus {number:g} in mpc.bus"
                    issues.append(_error("E-REF", table, line, column, f"{number:g}", message))
    for ratio, line in zip(case.column("branch", "ratio"), case.lines.get("branch", ()), strict=True):
        if ratio < 0:
            message = "a ratio is above 0, or 0 for a line"
            issues.append(_error("E-TAP", "branch", line, "ratio", f"{ratio:g}", message))
    for table in ("branch", "dcline"):
        for start, end, line in zip(
            case.column(table, "fbus"), case.column(table, "tbus"), case.lines.get(table, ()), strict=True
        ):
            if start == end:
                issues.append(
                    _error("E-LOOP", table, line, "", f"{start:g}", "both ends are at the same bus")
                )
    return issues


def _check_costs(case: CaseTables, table: str, owner: str) -> list[Issue]:
    rows = case.tables.get(table)
    if rows is None or not len(rows):
        return []
    issues: list[Issue] = []
    count, owners = len(rows), len(case.tables.get(owner, ()))
    allowed = (owners, 2 * owners) if table == "gencost" else (owners,)
    if count not in allowed:
        message = f"{count} rows for {owners} rows of mpc.{owner}: one row each is needed"
        issues.append(_error("E-MPC-ROW", table, case.lines[table][0], "", count, message))
    for row, line in zip(rows, case.lines[table], strict=True):
        model, n = row[0], row[3]
        needed = 4 + n * (2 if model == 1 else 1)
        if model not in (1, 2):
            message = "cost models are 1 (piecewise linear) and 2 (polynomial)"
            issues.append(_error("E-MPC-VALUE", table, line, "model", f"{model:g}", message))
        elif not math.isfinite(n) or n != round(n) or n < 1 or needed > len(row):
            message = f"n = {n:g} needs {needed:g} values in the row, which has {len(row)}"
            issues.append(_error("E-MPC-VALUE", table, line, "n", f"{n:g}", message))
    return issues


def _parse_scalars(statements: CaseStatements) -> tuple[float, list[Issue]]:
    literals, issues = statements.literals, []
    version = literals.get("version")
    if version is not None and version.rows[0][0] != "2":
        message = "only version 2 is read: load it in MATPOWER and save it again with savecase"
        issues.append(_error("E-FORMAT", "version", version.line, "", version.rows[0][0], message))
    base = literals.get("baseMVA")
    value = math.nan
    if base is None:
        issues.append(
            _error("E-FORMAT", "baseMVA", "-", "", "", "the field is missing: is this a MATPOWER case?")
        )
    elif base.kind != "number" or not 0 < float(base.rows[0][0]) < math.inf:
        text = base.rows[0][0] if base.rows else ""
        issues.append(_error("E-MPC-VALUE", "baseMVA", base.line, "", text, "must be a number above 0"))
    else:
        value = float(base.rows[0][0])
    return value, issues


def _match_names(statements: CaseStatements, field: str, rows: int) -> tuple[tuple[str, ...], list[Issue]]:
    literal = statements.literals.get(field)
    if literal is None:
        return (), []
    names = tuple(row[0] for row in literal.rows)
    if len(names) == rows and literal.kind == "cell":
        return names, []
    message = f"{len(names)} entries for {rows} rows: it is unclear which belongs to which"
    return (), [_error("E-MPC-ROW", field, literal.line, "", len(names), message)]


def check_tables(statements: CaseStatements) -> tuple[CaseTables, list[Issue]]:
    """Turn the literals of a case into numbers and check them.

    Parameters
    ----------
    statements : CaseStatements
        From `gridhub.interop.matpower_statements.scan_statements`.

    Returns
    -------
    CaseTables
        With the unit conversions applied; only to be used if there is no error.
    list of Issue
        Errors: rows of wrong length, NaN and infinite values, unknown buses, duplicate numbers, wrong types.
    """
    base_mva, issues = _parse_scalars(statements)
    tables: dict[str, Floats] = {}
    lines: dict[str, tuple[int, ...]] = {}
    for name in REQUIRED_WIDTH:
        literal = statements.literals.get(name)
        if literal is None or (
            literal.kind == "matrix" and not literal.rows and name not in ("bus", "branch")
        ):
            if name in ("bus", "branch"):
                issues.append(
                    _error("E-FORMAT", name, "-", "", "", "the field is missing: is this a MATPOWER case?")
                )
            continue
        if literal.kind != "matrix":
            issues.append(_error("E-FORMAT", name, literal.line, "", literal.kind, "must be a matrix"))
            continue
        if name == "bus" and not literal.rows:
            issues.append(_error("E-EMPTY", name, literal.line, "", "0", "a case needs at least one bus"))
            continue
        rows, found = _build_matrix(literal)
        issues += found
        if rows is not None:
            tables[name], lines[name] = rows, literal.row_lines
            issues += _check_finite(name, rows, literal.row_lines)
    for conversion in statements.conversions:
        if conversion.table in tables:
            tables[conversion.table][:, [c - 1 for c in conversion.columns]] *= conversion.factor
    names, found = _match_names(statements, "bus_name", len(tables.get("bus", ())))
    fuels, found2 = _match_names(statements, "genfuel", len(tables.get("gen", ())))
    case = CaseTables(base_mva, tables, lines, names, fuels)
    issues += found + found2
    if "bus" in tables and not any(issue.code == "E-MPC-ROW" for issue in issues):
        issues += _check_numbers(case)
        issues += _check_costs(case, "gencost", "gen") + _check_costs(case, "dclinecost", "dcline")
    return case, issues
