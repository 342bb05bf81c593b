"""Plans: what joins, changes and leaves a network year by year, and the network of a year made of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.model.schema import read_schema
from gridhub.model.snapshot import parse_snapshot_value
from gridhub.model.validate import check_network

_CELL = ["snapshot", "table", "id", "column"]


@dataclass(frozen=True, eq=False)
class Plan:
    """Plans of one network, as data.

    Attributes
    ----------
    project : DataFrame
        One row per project, columns of the table ``project`` less ``applied``. `year` is the year it is
        expected in, which decides; `planned_year` the one first announced. A project with a `reason` is not
        applied in any year, and the reason says why.
    rows : mapping
        Table name -> rows that join it, with a column ``project``.
    change : DataFrame
        Columns project, table, row, column, value: a cell that changes. An empty column: the row leaves.
    growth : DataFrame
        Columns year, table, column, fuel, factor: every row of the table (with that fuel, if one is named)
        that stands in the network before its plans is multiplied, in the table and in its snapshots.
    operation : mapping
        Year -> ``snapshot_value`` of that year: dispatch, links, shunts. Its snapshots are those of the year.

    Notes
    -----
    `growth` counts from the network as it stands, not from the year before.
    """

    project: pd.DataFrame
    rows: Mapping[str, pd.DataFrame]
    change: pd.DataFrame
    growth: pd.DataFrame
    operation: Mapping[int, pd.DataFrame]

    @property
    def years(self) -> tuple[int, ...]:
        """Years that the network can be brought to."""
        return tuple(sorted(self.operation))


def find_needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Find which projects each project waits for: those whose rows its own rows, or changes, name.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict
        Project -> projects, in order of the plan; a line waits for a station that it ends at.
    """
    order = [str(name) for name in plan.project.index]
    home = {
        (table, str(row)): str(project)
        for table, frame in plan.rows.items()
        for row, project in frame["project"].items()
    }
    named: dict[str, set[str]] = {name: set() for name in order}
    for frame in plan.rows.values():
        ends = [column for column in ("bus", "from_bus", "to_bus") if column in frame]
        for column in ends:
            for bus, project in zip(frame[column].astype(str), frame["project"].astype(str), strict=True):
                named.setdefault(project, set()).add(home.get(("bus", bus), project))
    columns = (plan.change[name].astype(str).tolist() for name in ("project", "table", "row"))
    for project, table, row in zip(*columns, strict=True):
        named.setdefault(project, set()).add(home.get((table, row), project))
    place = {name: number for number, name in enumerate(order)}
    return {
        name: tuple(sorted(needs - {name}, key=lambda one: place.get(one, len(place))))
        for name, needs in named.items()
    }


def find_waiting(needs: Mapping[str, Collection[str]], late: Collection[str]) -> dict[str, str]:
    """Find what else is late: project -> one that it waits for."""
    found: dict[str, str] = {}
    missing = set(late)
    while True:
        new = {
            name: next(one for one in mine if one in missing)
            for name, mine in needs.items()
            if name not in missing and not missing.isdisjoint(mine)
        }
        if not new:
            return found
        found |= new
        missing |= set(new)


def apply_plan(net: Network, plan: Plan, year: int, late: Collection[str] = ()) -> Network:
    """Bring a network to the end of a year.

    Parameters
    ----------
    net : Network
        As it stands at its vintage.
    plan : Plan
    year : int
        One of ``plan.years``.
    late : collection of str
        Projects that are not there although the plan expects them; what waits for one of them is late too.
        The operation stays that of the plan, less what concerns the rows that are missing.

    Returns
    -------
    Network
        Named ``<name>@<year>``. Its table ``project`` lists every project: applied, or why not. It has the
        snapshots whose operation is planned for that year; the others of `net` are left out.

    Raises
    ------
    OptionError
        If the plans do not lead to that year.
    InputError
        If the plans name rows, columns or projects that do not exist.
    SchemaError
        If the network of that year is not valid.
    """
    if year not in plan.operation:
        years = name_ids(plan.years, 20) or "none"
        stands = f" (it stands for {net.vintage})" if net.vintage else ""
        raise OptionError(f"network {net.name!r}{stands} has no plans for {year}; years: {years}")
    unknown = [name for name in late if name not in plan.project.index]
    if unknown:
        raise InputError(
            [
                Issue("error", "E-PLAN", "project", name, "", "", "there is no such project")
                for name in unknown
            ],
            f"projects of {net.name!r} said to be late",
        )
    project = _judge_projects(plan.project, year, late, find_waiting(find_needs(plan), late) if late else {})
    applied = project.index[project["applied"].astype(bool)]
    tables = {name: net.tables[name].copy() for name in net.tables}
    issues = _join_rows(tables, plan.rows, applied)
    due = plan.change[plan.change["project"].isin(applied)]
    issues += _change_cells(tables, due)
    if issues:
        raise InputError(issues, f"plans of {net.name!r} for {year}")
    growth = plan.growth[plan.growth["year"] == year]
    values = _grow(net, tables, growth)
    operation = _leave_out(plan, applied, plan.operation[year]) if late else plan.operation[year]
    tables["snapshot_value"] = _lay_over(values, operation, tables)
    tables["snapshot"] = _take_snapshots(tables["snapshot"], plan.operation[year], year)
    tables["project"] = project
    grown = net.replace(
        **tables,
        name=f"{net.name}@{year}",
        title=f"{net.title or net.name}, with its plans up to the end of {year}",
        vintage=f"{year}-12-31",
    )
    return check_network(grown)


def _leave_out(plan: Plan, applied: pd.Index, operation: pd.DataFrame) -> pd.DataFrame:
    """Leave out what the operation says of rows that have not joined."""
    missing = {
        (table, str(row))
        for table, frame in plan.rows.items()
        for row in frame.index[~frame["project"].isin(applied)]
    }
    keys = zip(operation["table"], operation["id"], strict=True)
    return operation[[key not in missing for key in keys]]


def _judge_projects(
    project: pd.DataFrame, year: int, late: Collection[str], waiting: Mapping[str, str]
) -> pd.DataFrame:
    """Say of every project whether it stands at the end of the year, and why not."""
    held = project["reason"].astype(str) != ""
    early = ~held & (project["year"] > year)
    later = [f"expected in {due:.0f}" for due in project["year"][early]]
    reason = project["reason"].copy()
    reason[early] = later
    slipped = ~held & ~early & project.index.isin([*late, *waiting])
    names = [str(name) for name in project.index[slipped]]
    reason[slipped] = [f"late, with {waiting[name]}" if name in waiting else "late" for name in names]
    return project.assign(applied=~held & ~early & ~slipped, reason=reason)


def _join_rows(
    tables: dict[str, pd.DataFrame], rows: Mapping[str, pd.DataFrame], applied: pd.Index
) -> list[Issue]:
    issues = []
    for name, frame in rows.items():
        new = frame[frame["project"].isin(applied)].drop(columns="project")
        text = "a planned row has the id of one that stands already; give it another"
        for row in new.index[new.index.isin(tables[name].index)]:
            issues.append(Issue("error", "E-PLAN", name, str(row), "id", str(row), text))
        if len(new):
            tables[name] = pd.concat([tables[name], new.reindex(columns=tables[name].columns)])
    return issues


def _change_cells(tables: dict[str, pd.DataFrame], change: pd.DataFrame) -> list[Issue]:
    """Change cells and take rows out, in the order given."""
    issues = []
    columns = (change[name].astype(str).tolist() for name in ("project", "table", "row", "column", "value"))
    for project, table, row, name, value in zip(*columns, strict=True):
        fault = _change_cell(tables, table, row, name, value)
        if fault:
            text = f"project {project}: {fault}"
            issues.append(Issue("error", "E-PLAN", table, row, name, value, text))
    return issues


def _change_cell(tables: dict[str, pd.DataFrame], table: str, row: str, name: str, value: str) -> str:
    """Change one cell, or take its row out; say what is wrong if that cannot be."""
    if table not in tables or row not in tables[table].index:
        return "there is no such row to change"
    if name == "":
        tables[table] = tables[table].drop(index=row)
        return ""
    column = read_schema()[table].get(name)
    if column is None:
        return f"table {table} has no such column"
    try:
        tables[table].loc[row, name] = parse_snapshot_value(column, value)  # type: ignore[call-overload]
    except ValueError as error:
        return str(error)
    return ""


def _grow(net: Network, tables: dict[str, pd.DataFrame], growth: pd.DataFrame) -> pd.DataFrame:
    """Multiply what grows in the tables; return the snapshot values of it, multiplied too."""
    standing = net.tables["snapshot_value"]
    factors: dict[tuple[str, str, str], float] = {}
    rules = (growth[name].tolist() for name in ("table", "column", "fuel", "factor"))
    for table, column, fuel, factor in zip(*rules, strict=True):
        frame = tables[table]
        chosen = np.asarray(frame.index.isin(net.tables[table].index))
        if fuel:
            chosen &= (frame["fuel"] == fuel).to_numpy()
        values = np.array(frame[column], dtype=float)
        values[chosen] = np.round(values[chosen] * factor, 2)
        frame[column] = values
        factors |= {(table, str(row), column): factor for row in frame.index[chosen]}
    keys = zip(standing["table"], standing["id"], standing["column"], strict=True)
    by = np.array([factors.get(key, np.nan) for key in keys], dtype=float)
    kept = standing[np.isfinite(by)]
    numbers = kept["value"].astype(float).to_numpy() * by[np.isfinite(by)]
    return pd.DataFrame(kept.assign(value=[f"{value:.2f}" for value in numbers]))


def _lay_over(
    values: pd.DataFrame, operation: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Take the values of the year's snapshots, those planned for it over those grown."""
    values = values[values["snapshot"].isin(operation["snapshot"].unique())]
    stands = [row in tables[table].index for table, row in zip(values["table"], values["id"], strict=True)]
    # the last word on a cell counts
    merged = pd.concat([values[stands], operation]).drop_duplicates(_CELL, keep="last")
    return merged.set_index(pd.Index([str(i) for i in range(1, len(merged) + 1)], dtype=object, name="id"))


def _take_snapshots(snapshot: pd.DataFrame, operation: pd.DataFrame, year: int) -> pd.DataFrame:
    kept = snapshot[snapshot.index.isin(operation["snapshot"].unique())]
    notes = [f"planned year {year}, grown from: {note}" for note in kept["note"]]
    return kept.assign(note=notes)
