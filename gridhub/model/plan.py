"""Plans: what joins, changes and leaves a network year by year, and the network of a year made of them."""

from __future__ import annotations

from collections.abc import Mapping
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


def apply_plan(net: Network, plan: Plan, year: int) -> Network:
    """Bring a network to the end of a year.

    Parameters
    ----------
    net : Network
        As it stands at its vintage.
    plan : Plan
    year : int
        One of ``plan.years``.

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
    project = _judge_projects(plan.project, year)
    applied = project.index[project["applied"].astype(bool)]
    tables = {name: net.tables[name].copy() for name in net.tables}
    issues = _join_rows(tables, plan.rows, applied)
    due = plan.change[plan.change["project"].isin(applied)]
    issues += _change_cells(tables, due)
    if issues:
        raise InputError(issues, f"plans of {net.name!r} for {year}")
    growth = plan.growth[plan.growth["year"] == year]
    values = _grow(net, tables, growth)
    tables["snapshot_value"] = _lay_over(values, plan.operation[year], tables)
    tables["snapshot"] = _take_snapshots(tables["snapshot"], plan.operation[year], year)
    tables["project"] = project
    grown = net.replace(
        **tables,
        name=f"{net.name}@{year}",
        title=f"{net.title or net.name}, with its plans up to the end of {year}",
        vintage=f"{year}-12-31",
    )
    return check_network(grown)


def _judge_projects(project: pd.DataFrame, year: int) -> pd.DataFrame:
    """Say of every project whether it stands at the end of the year, and why not."""
    held = project["reason"].astype(str) != ""
    early = ~held & (project["year"] > year)
    later = [f"expected in {due:.0f}" for due in project["year"][early]]
    reason = project["reason"].copy()
    reason[early] = later
    return project.assign(applied=~held & ~early, reason=reason)


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
