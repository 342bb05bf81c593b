"""Statement scanner for MATPOWER case files, which are programs: it says what is data and refuses the rest.

A ``.m`` case is MATLAB code. A reader that takes only the matrices reads ``case33bw`` a thousand times too
large, misses a second ``mpc.baseMVA = 10;`` and never sees ``mpc = scale_load(2, mpc);``. Nothing is executed
here. The scanner splits the file into statements and sorts them:

* literals, one per field: ``mpc.baseMVA = 100;``, ``mpc.bus = [ … ];``, ``mpc.bus_name = { … };``
* unit conversions of whole columns of ``mpc.bus`` (Pd, Qd) and ``mpc.branch`` (r, x), with a factor made of
  numbers, ``mpc.baseMVA``, ``mpc.bus(1, BASE_KV)`` and variables that are made of those
* statements that do not touch ``mpc``: kept apart, to be listed
* everything else that assigns ``mpc``, or could: ``E-MPC-STATEMENT`` with its line
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gridhub.errors import FileFormatError, Issue
from gridhub.interop.matpower_lexer import Statement, make_issue, split_statements

_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|Inf|inf|NaN|nan)")
_LITERAL = re.compile(r"mpc\.([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)\s*=(?!=)\s*(.*)", re.DOTALL)
_CONVERSION = re.compile(
    r"mpc\.(bus|branch)\(\s*:\s*,\s*([^()]*)\)\s*=\s*mpc\.(bus|branch)\(\s*:\s*,\s*([^()]*)\)\s*\.?([*/])\s*(.+)",
    re.DOTALL,
)
_VARIABLE = re.compile(r"([A-Za-z]\w*)\s*=(?!=)\s*(.+)", re.DOTALL)
_INDEX_NAMES = re.compile(r"\[([\w\s,~]*)\]\s*=\s*(idx_bus|idx_brch|idx_gen)\s*(?:\(\s*\))?")
_STRING = re.compile(r"(?<![\w)\]}'.])'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_CELL_ITEM = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|([^\s,;]+)")
_HIDDEN = re.compile(
    r"\b(eval|evalin|evalc|assignin|load|feval|run|source|clear|clearvars|clearall|global|persistent|input|keyboard)\b"
)
_HARMLESS = (
    "define_constants",
    "break",
    "continue",
    "else",
    "otherwise",
    "try",
    "catch",
    "unwind_protect",
    "do",
)
_BEGIN = re.compile(r"(if|for|while|switch|try|parfor|unwind_protect|do)\b")
_END = re.compile(r"(end|endif|endfor|endwhile|endswitch|end_try_catch|end_unwind_protect|until)\b")
_MIDDLE = re.compile(r"(else|elseif|case|otherwise|catch|unwind_protect_cleanup)\b")

_INDEX_VALUES: Mapping[str, tuple[int, ...]] = {
    "idx_bus": (1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17),
    "idx_brch": (*range(1, 12), *range(14, 20), 12, 13, 20, 21),
}
"""What MATPOWER's index functions return, in order: four bus types come before the bus columns."""

_CONVERTIBLE = {"bus": {3, 4}, "branch": {3, 4}}
"""Columns that a unit conversion may touch, counted from 1: Pd, Qd; r, x."""


@dataclass(frozen=True, slots=True)
class Literal:
    """One ``mpc.<name> = <literal>``.

    Attributes
    ----------
    name : str
        Field, ``"bus"``, ``"baseMVA"``, ….
    kind : {"number", "string", "matrix", "cell"}
    line : int
        Line the statement begins on, from 1.
    rows : tuple of tuple of str
        Tokens, row by row; a number or string is one row of one token.
    row_lines : tuple of int
        Line of every row.
    """

    name: str
    kind: str
    line: int
    rows: tuple[tuple[str, ...], ...]
    row_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conversion:
    """One unit conversion of whole columns.

    Attributes
    ----------
    table : {"bus", "branch"}
    columns : tuple of int
        Columns, from 1.
    factor : float
        What the columns are multiplied by.
    line : int
    text : str
    """

    table: str
    columns: tuple[int, ...]
    factor: float
    line: int
    text: str


@dataclass(frozen=True)
class CaseStatements:
    """What a case file says, statement by statement.

    Attributes
    ----------
    name : str
        Name of the function, empty if there is none.
    literals : mapping
        Field -> `Literal`.
    conversions : tuple of Conversion
    helpers : tuple of str
        Statements the conversions rest on (index names, base values), as in the file.
    ignored : tuple of str
        Statements that do not touch the data, each with its line.
    """

    name: str
    literals: Mapping[str, Literal]
    conversions: tuple[Conversion, ...] = ()
    helpers: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def _find_assigned(bare: str) -> str:
    """Give the left-hand side of a statement, empty if it assigns nothing."""
    depth = 0
    for position, character in enumerate(bare):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "=" and depth == 0:
            if bare[position + 1 : position + 2] == "=" or bare[position - 1 : position] in (
                "=",
                "~",
                "<",
                ">",
                "!",
            ):
                continue
            return bare[:position]
    return ""


def _iterate_rows(pieces: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the rows of a bracket's content: separated by ``;`` or by the end of a line, unless continued."""
    row, row_line = "", 0
    continued = {-number for number, _ in pieces if number < 0}
    for number, piece in pieces:
        if number < 0:
            continue
        parts = piece.split(";")
        for index, part in enumerate(parts):
            if part.strip() and not row.strip():
                row_line = number
            row += " " + part
            if index < len(parts) - 1 and row.strip():
                yield row_line, row
                row = ""
        if number not in continued and row.strip():
            yield row_line, row
            row = ""
    if row.strip():
        yield row_line, row


def _strip_outer(statement: Statement, opening: str, closing: str) -> list[tuple[int, str]] | None:
    """Cut ``mpc.x = [`` and ``]`` off the pieces; None if the bracket is not the whole right-hand side."""
    pieces = list(statement.pieces)
    joined = ""
    while pieces:
        number, piece = pieces[0]
        joined += piece
        if opening in piece:
            pieces[0] = (number, piece.split(opening, 1)[1])
            break
        pieces.pop(0)
    else:
        return None
    for index in range(len(pieces) - 1, -1, -1):
        number, piece = pieces[index]
        if number > 0 and piece.strip():
            if not piece.rstrip().endswith(closing):
                return None
            pieces[index] = (number, piece.rstrip()[:-1])
            break
    return pieces


def _parse_matrix(name: str, statement: Statement) -> Literal | Issue:
    pieces = _strip_outer(statement, "[", "]")
    rows, lines = [], []
    for line, row in _iterate_rows(pieces) if pieces is not None else ():
        tokens = tuple(row.replace(",", " ").split())
        bad = next((token for token in tokens if not _NUMBER.fullmatch(token)), None)
        if bad is not None:
            message = f"mpc.{name}: {bad!r} is not a number; write the value that it stands for"
            return make_issue(line, row, message, "E-MPC-VALUE")
        rows.append(tokens)
        lines.append(line)
    if pieces is None:
        return make_issue(
            statement.line, statement.text, f"mpc.{name} is computed, not a literal; write its value"
        )
    return Literal(name, "matrix", statement.line, tuple(rows), tuple(lines))


def _parse_cell(name: str, statement: Statement) -> Literal | Issue:
    pieces = _strip_outer(statement, "{", "}")
    if pieces is None:
        return make_issue(
            statement.line, statement.text, f"mpc.{name} is computed, not a literal; write its value"
        )
    rows, lines = [], []
    for number, piece in pieces:
        row = []
        for single, double, other in _CELL_ITEM.findall(piece):
            if other and not _NUMBER.fullmatch(other):
                return make_issue(
                    number, piece, f"mpc.{name}: {other!r} is neither a string nor a number", "E-MPC-VALUE"
                )
            row.append(other or single.replace("''", "'") or double.replace('""', '"'))
        for item in row:
            rows.append((item,))
            lines.append(number)
    return Literal(name, "cell", statement.line, tuple(rows), tuple(lines))


def _parse_literal(name: str, right: str, statement: Statement) -> Literal | Issue:
    if right.startswith("["):
        return _parse_matrix(name, statement)
    if right.startswith("{"):
        return _parse_cell(name, statement)
    if _NUMBER.fullmatch(right):
        return Literal(name, "number", statement.line, ((right,),), (statement.line,))
    if re.fullmatch(r"'(?:[^']|'')*'|\"[^\"]*\"", right):
        return Literal(
            name, "string", statement.line, ((right[1:-1].replace("''", "'"),),), (statement.line,)
        )
    message = f"mpc.{name} is computed, and nothing is executed here; write its value as a literal"
    return make_issue(statement.line, statement.text, message)


def _evaluate(expression: str, names: Mapping[str, float]) -> float:
    """Evaluate numbers, names, ``+ - * / ^`` and brackets; nan where anything else stands."""
    text = expression.replace(".^", "^").replace(".*", "*").replace("./", "/").replace("^", "**")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return math.nan
    return _evaluate_node(tree.body, names)


def _evaluate_node(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        return names.get(node.id, math.nan)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _evaluate_node(node.operand, names)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = _evaluate_node(node.left, names), _evaluate_node(node.right, names)
        try:
            match node.op:
                case ast.Add():
                    return left + right
                case ast.Sub():
                    return left - right
                case ast.Mult():
                    return left * right
                case ast.Div():
                    return left / right
                case ast.Pow():
                    return float(left**right)
        except (ZeroDivisionError, OverflowError):
            return math.nan
    return math.nan


class _Classifier:
    """Sort the statements of one file."""

    def __init__(self) -> None:
        self.name = ""
        self.literals: dict[str, Literal] = {}
        self.conversions: list[Conversion] = []
        self.helpers: list[str] = []
        self.ignored: list[str] = []
        self.issues: list[Issue] = []
        self.columns: dict[str, int] = {}
        self.values: dict[str, float] = {}
        self.block = 0
        self.returned = 0
        self.local_function = False
        self.seen_function = False

    def add(self, statement: Statement) -> None:
        text = statement.text
        bare = _STRING.sub("''", text)
        if re.match(r"function\b", text):
            self._add_function(statement)
        elif self.local_function:
            self._ignore(statement)
        elif _END.match(text):
            self.block = max(0, self.block - 1)
        elif _BEGIN.match(text):
            self._check_untouched(statement, bare)
            self.block += 1
            self._ignore(statement)
        elif _MIDDLE.match(text) and self.block:
            self._check_untouched(statement, bare)
        elif text == "return":
            self.returned = self.returned or statement.line
        elif not self.block and not self.returned and re.match(r"mpc\.", text):
            self._add_field(statement, text)
        elif not self.block and self._add_helper(statement, bare):
            pass
        elif self._check_untouched(statement, bare) and not self.block:
            self._ignore(statement)

    def _ignore(self, statement: Statement) -> None:
        shown = re.sub(r"\s+", " ", statement.text)
        self.ignored.append(f"line {statement.line}: {shown if len(shown) <= 80 else shown[:77] + '…'}")

    def _add_function(self, statement: Statement) -> None:
        if self.seen_function or self.literals:
            self.local_function = True
            self._ignore(statement)
            return
        self.seen_function = True
        match = re.fullmatch(r"function\s+mpc\s*=\s*([A-Za-z]\w*)\s*(?:\(\s*\))?", statement.text)
        if match:
            self.name = match.group(1)
            return
        message = (
            "only cases of version 2, `function mpc = name`, are read: "
            "load it in MATPOWER and save it again with savecase"
        )
        self.issues.append(make_issue(statement.line, statement.text, message, "E-FORMAT"))

    def _add_field(self, statement: Statement, text: str) -> None:
        match = _LITERAL.fullmatch(text)
        if match is None:
            self._add_conversion(statement, text)
            return
        parsed = _parse_literal(match.group(1), match.group(2).strip(), statement)
        if isinstance(parsed, Issue):
            self.issues.append(parsed)
        elif parsed.name in self.literals:
            first = self.literals[parsed.name].line
            message = f"mpc.{parsed.name} is assigned a second time (first on line {first}); keep one"
            self.issues.append(make_issue(statement.line, text, message))
        else:
            self.literals[parsed.name] = parsed
            if parsed.name == "baseMVA" and parsed.kind == "number":
                self.values["mpc_baseMVA"] = float(parsed.rows[0][0])

    def _resolve_columns(self, text: str) -> tuple[int, ...]:
        tokens = text.strip().strip("[]").replace(",", " ").split()
        return tuple(int(t) if t.isdecimal() else self.columns.get(t, 0) for t in tokens)

    def _resolve_value(self, expression: str) -> float:
        """Evaluate a factor; the two kinds of data it may refer to are put in first."""

        def insert_base_kv(match: re.Match[str]) -> str:
            columns = self._resolve_columns(match.group(2))
            bus = self.literals.get("bus")
            row = int(match.group(1)) - 1
            if columns != (10,) or bus is None or not 0 <= row < len(bus.rows) or len(bus.rows[row]) < 10:
                return "unknown"
            return bus.rows[row][9]

        text = re.sub(r"mpc\.bus\(\s*(\d+)\s*,\s*(\w+)\s*\)", insert_base_kv, expression)
        return _evaluate(text.replace("mpc.baseMVA", "mpc_baseMVA"), self.values)

    def _add_conversion(self, statement: Statement, text: str) -> None:
        match = _CONVERSION.fullmatch(text)
        message = "assigns mpc in a way that is not evaluated here; write the resulting values as literals"
        if match is None:
            self.issues.append(make_issue(statement.line, text, message))
            return
        table, columns, table2, columns2, operator, expression = match.groups()
        target, origin = self._resolve_columns(columns), self._resolve_columns(columns2)
        value = self._resolve_value(expression)
        factor = value if operator == "*" else (1.0 / value if value else math.nan)
        plain = table == table2 and target == origin and bool(target) and set(target) <= _CONVERTIBLE[table]
        repeated = any(c.table == table and set(c.columns) & set(target) for c in self.conversions)
        if not plain or repeated or not math.isfinite(factor) or factor <= 0 or table not in self.literals:
            self.issues.append(make_issue(statement.line, text, message))
            return
        self.conversions.append(Conversion(table, target, factor, statement.line, re.sub(r"\s+", " ", text)))

    def _add_helper(self, statement: Statement, bare: str) -> bool:
        """Note index names and base values, which conversions rest on; False if it is neither."""
        text = re.sub(r"\s+", " ", statement.text)
        match = _INDEX_NAMES.fullmatch(text)
        if match and match.group(2) in _INDEX_VALUES:
            names = match.group(1).replace(",", " ").split()
            self.columns.update(zip(names, _INDEX_VALUES[match.group(2)], strict=False))
            self.helpers.append(text + ";")
            return True
        match = _VARIABLE.fullmatch(text)
        if match and match.group(1) != "mpc" and not _HIDDEN.search(bare):
            value = self._resolve_value(match.group(2))
            if math.isfinite(value):
                self.values[match.group(1)] = value
                self.helpers.append(text + ";")
                return True
        return False

    def _check_untouched(self, statement: Statement, bare: str) -> bool:
        """Report a statement that assigns mpc, or may."""
        bare = bare.strip()
        left = _find_assigned(bare)
        reason = ""
        if re.search(r"\bmpc\b", left) or re.search(r"\bmpc\b.*(\+\+|--)", bare):
            where = " inside a block" if self.block else f" after the return of line {self.returned}"
            reason = (
                f"assigns mpc{where if self.block or self.returned else ''}, and nothing is executed here"
            )
        elif _HIDDEN.search(bare):
            reason = "may assign mpc unseen, and nothing is executed here"
        elif re.fullmatch(r"[A-Za-z]\w*", bare) and bare not in _HARMLESS:
            reason = "runs a script that may assign mpc, and nothing is executed here"
        if reason:
            message = f"{reason}; write the resulting values as literals"
            self.issues.append(make_issue(statement.line, statement.text, message))
        return not reason


def scan_statements(text: str, source: str = "case.m") -> CaseStatements:
    """Sort the statements of a MATPOWER case file without executing any.

    Parameters
    ----------
    text : str
        The file.
    source : str
        Its name, for the error message.

    Returns
    -------
    CaseStatements

    Raises
    ------
    FileFormatError
        With every statement that assigns ``mpc`` other than as one literal per field or as a unit conversion
        (``E-MPC-STATEMENT``), every value that is no number (``E-MPC-VALUE``) and every place where the file
        is cut off (``E-TRUNC``).

    Examples
    --------
    >>> case = scan_statements("mpc.baseMVA = 100; mpc.bus = [1 3 0];")
    >>> case.literals["bus"].rows
    (('1', '3', '0'),)
    """
    statements, issues = split_statements(text)
    classifier = _Classifier()
    for statement in statements:
        classifier.add(statement)
    issues += classifier.issues
    if issues:
        raise FileFormatError(sorted(issues, key=lambda issue: int(issue.id or 0)), source)
    return CaseStatements(
        name=classifier.name,
        literals=classifier.literals,
        conversions=tuple(classifier.conversions),
        helpers=tuple(classifier.helpers),
        ignored=tuple(classifier.ignored),
    )
