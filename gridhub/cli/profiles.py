"""The command ``profiles``: a year of hours for a network, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import format_number, list_records, print_json, print_line, print_note, print_table
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    HubOption,
    JsonOption,
    NetworkArgument,
    OutOption,
    place_hub,
)
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.model.typical_weeks import TypicalWeeks


@exits
def profiles(
    network: NetworkArgument,
    out: OutOption,
    year: Annotated[
        int, typer.Option("--year", min=1950, max=2100, help="Calendar year of the hours.")
    ] = 2025,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same bytes.")] = 0,
    hub: HubOption = None,
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--own",
            metavar="WHAT=FILE",
            help="Your series (.csv, .parquet) instead of a made one: demand, temperature, solar, wind, or "
            "table.column such as load.p_mw; may be repeated.",
        ),
    ] = None,
    typical: Annotated[
        int, typer.Option("--typical", min=0, help="Write only so many typical weeks or days, with weights.")
    ] = 0,
    length: Annotated[
        Literal["week", "day"], typer.Option("--length", help="Length of a typical period.")
    ] = "week",
    kind: Annotated[
        Literal["parquet", "csv"], typer.Option("--format", help="Format of the files of hours.")
    ] = "parquet",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a synthetic year of hours: demand by load, sun and wind by plant. No forecast.

    It is made from the network's document profiles, a profiles.toml named in network.toml.
    To see one: gridhub convert korea-2025-backbone DIR

    Example: gridhub profiles korea-2025-backbone --out hours
    """
    from gridhub.model.profiles import make_profiles
    from gridhub.model.typical_weeks import pick_typical_weeks
    from gridhub.report.files import encode_csv, encode_parquet, write_files

    net, centers = place_hub(open_network(network), hub), []
    if hub is not None:
        from gridhub.profiles.data_center import DataCenterLoad
        from gridhub.study.study import read_study

        study = read_study(hub)
        centers = [
            DataCenterLoad.of(study.hub.data_center).settle(year if study.year is None else study.year)
        ]
    made = make_profiles(net, year, seed, own=parse_own(own), data_centers=centers)
    encode = encode_csv if kind == "csv" else encode_parquet
    chosen = pick_typical_weeks(made, typical, length=length) if typical else None
    hours = made if chosen is None else chosen.take(made)
    contents = {f"{table}_{column}.{kind}": encode(frame) for (table, column), frame in hours.items()}
    contents["summary.csv"] = encode_csv(made.summary)
    if chosen is not None:
        parts = {
            "weight": chosen.weight.to_frame(),
            "periods": chosen.periods,
            "energy": chosen.energy,
            "duration": chosen.duration,
        }
        contents |= {f"typical_{name}.csv": encode_csv(frame) for name, frame in parts.items()}
    write_files(out, contents, force)
    basis = {f"{table}.{column}": frame.attrs["basis"] for (table, column), frame in made.items()}
    if as_json:
        figures = made.summary.reset_index().to_dict("records")
        record: dict[str, Any] = {"basis": basis, "figures": figures, "notes": list(made.notes)}
        if chosen is not None:
            periods = list_records(chosen.periods, "first_hour")
            record |= {"typical": periods, "not_represented": list(chosen.not_represented)}
        print_json({"network": network, "year": year, "seed": seed, "folder": str(out), **record})
        return
    table = [
        (figure, format_number(row["value"], 3), row["unit"], format_number(row["held_to"], 3), row["source"])
        for figure, row in made.summary.iterrows()
    ]
    print_table(f"{network}, {year}: what was made", ("figure", "value", "unit", "held to", "source"), table)
    for note in made.notes:
        print_note(note)
    for name, text in basis.items():
        print_line(f"{name}: {text}")
    if chosen is not None:
        print_typical(chosen)
    print_line(f"{out}: {', '.join(contents)}")


def print_typical(chosen: TypicalWeeks) -> None:
    """Say which periods stand for the year, by how much, and what they miss."""
    rows = [
        (str(first), float(one["weight"]), int(one["members"]), str(one["kept"]))
        for first, one in chosen.periods.iterrows()
    ]
    columns = ("first hour", "weight", "nearest to it", "kept")
    print_table(f"typical {chosen.length}s", columns, rows, digits=2)
    for text in chosen.not_represented:
        print_note(text)


def parse_own(texts: Sequence[str] | None) -> dict[str | tuple[str, str], str | Path]:
    """Turn ``what=file`` texts into the series of `make_profiles`.

    Raises
    ------
    GridhubError
        If a text has no ``=``.

    Examples
    --------
    >>> parse_own(["demand=mine.csv", "load.p_mw=hall.csv"])
    {'demand': PosixPath('mine.csv'), ('load', 'p_mw'): PosixPath('hall.csv')}
    """
    found: dict[str | tuple[str, str], str | Path] = {}
    for text in texts or ():
        what, separator, path = text.partition("=")
        if not separator or not what or not path:
            refuse(f"--own {text!r} is not WHAT=FILE, for example --own demand=mine.csv")
        table, dot, column = what.partition(".")
        found[(table, column) if dot else what] = Path(path)
    return found
