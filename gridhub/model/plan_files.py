"""Plans as a folder ``plan/`` beside the tables of a network.

::

    my-network/plan/
        project.csv          one row per project
        rows/<table>.csv     rows that join a table, with a column project
        change.csv           id, project, table, row, column, value; an empty column: the row leaves
        growth.csv           id, year, table, column, fuel, factor, source, confidence
        operation/<year>.csv snapshot_value of that year
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.model.plan import Plan
from gridhub.model.schema import Kind, read_schema
from gridhub.model.table_text import find_kind, parse_table

FOLDER = "plan"
_CHANGE: Mapping[str, Kind] = dict.fromkeys(("project", "table", "row", "column", "value"), "string")
_GROWTH: Mapping[str, Kind] = {
    "year": "int",
    "table": "string",
    "column": "string",
    "fuel": "string",
    "factor": "float",
    "source": "string",
    "confidence": "string",
}


def read_plan(folder: Path, net: Network) -> Plan | None:
    """Read the plans of a network.

    Parameters
    ----------
    folder : Path
        Folder of the network.
    net : Network
        The network of that folder: the columns of planned rows are those of its tables.

    Returns
    -------
    Plan or None
        None if the folder holds no plans.

    Raises
    ------
    InputError
        With every fault of all files.
    """
    place = folder / FOLDER
    if not (place / "project.csv").is_file():
        return None
    reader = _PlanReader(place)
    project = reader.read("project", place / "project.csv", schema="project")
    rows = {}
    for path in sorted((place / "rows").glob("*.csv")):
        if path.stem not in net.tables:
            reader.add(path.stem, f"{path.name} is not the file of a table")
            continue
        base = net.tables[path.stem]
        own = [str(name) for name in base if name not in read_schema()[path.stem]]
        kinds = {name: find_kind(base[name]) for name in own}
        rows[path.stem] = reader.read(path.stem, path, {**kinds, "project": "string"}, ("project",))
    change = reader.read("change", place / "change.csv", _CHANGE, tuple(_CHANGE))
    growth = reader.read("growth", place / "growth.csv", _GROWTH, tuple(_GROWTH))
    operation = {}
    for path in sorted((place / "operation").glob("*.csv")):
        if path.stem.isdecimal():
            operation[int(path.stem)] = reader.read("snapshot_value", path)
        else:
            reader.add(path.stem, f"operation/{path.name} is not named by a year, such as 2030.csv")
    for name, frame in {**rows, "change": change}.items():
        reader.check_projects(name, frame, project)
    reader.check_years(project)
    reader.check_growth(growth, net)
    if reader.issues:
        raise InputError(reader.issues, f"plans in {place}")
    return Plan(project, rows, change, growth, operation)


class _PlanReader:
    """Reads the files of a plan and collects what is wrong with them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.issues: list[Issue] = []

    def add(self, table: str, message: str, row: str = "", column: str = "", value: str = "") -> None:
        self.issues.append(Issue("error", "E-PLAN", table, row, column, value, message))

    def read(
        self,
        table: str,
        path: Path,
        kinds: Mapping[str, Kind] | None = None,
        needed: tuple[str, ...] = (),
        schema: str | None = None,
    ) -> pd.DataFrame:
        file = path.relative_to(self.place.parent).as_posix()
        if not path.is_file():
            self.add(table, f"{file} is missing")
            return pd.DataFrame({name: [] for name in needed})
        reading = parse_table(path.read_bytes(), table, file, kinds, schema)
        self.issues += reading.issues
        missing = [name for name in needed if name not in reading.frame]
        for name in missing:
            self.add(table, f"{file}: the column is missing", column=name)
        return reading.frame

    def check_projects(self, table: str, frame: pd.DataFrame, project: pd.DataFrame) -> None:
        if "project" not in frame:
            return
        for row, name in frame["project"].items():
            if name not in project.index:
                self.add(table, "there is no such project in project.csv", str(row), "project", str(name))

    def check_years(self, project: pd.DataFrame) -> None:
        """Check that every project to be applied has the year it is expected in."""
        for row, (year, reason) in project.reindex(columns=["year", "reason"]).iterrows():
            if not reason and pd.isna(year):
                self.add(
                    "project",
                    "give the year it is expected in, or the reason it is left out",
                    str(row),
                    "year",
                )

    def check_growth(self, growth: pd.DataFrame, net: Network) -> None:
        """Check that what grows is a column of numbers, of one fuel only where the table has fuels."""
        columns = (growth.reindex(columns=[name])[name].tolist() for name in ("table", "column", "fuel"))
        for row, table, column, fuel in zip(growth.index, *columns, strict=True):
            frame = net.tables.get(table)
            if frame is None or column not in frame or find_kind(frame[column]) != "float":
                text = "names no column of numbers of a table"
                self.add("growth", text, str(row), "column", f"{table}.{column}")
            elif fuel and "fuel" not in frame:
                self.add("growth", f"table {table} has no fuel", str(row), "fuel", fuel)
