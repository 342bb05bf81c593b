"""The command ``profiles``: a year of hours for a network, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from gridhub.cli.console import format_number, print_json, print_line, print_note, print_table
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import ForceOption, JsonOption, NetworkArgument, OutOption
from gridhub.study.source import open_network


@exits
def profiles(
    network: NetworkArgument,
    out: OutOption,
    year: Annotated[int, typer.Option("--year", min=1950, max=2100, help="Calendar of the hours.")] = 2025,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same bytes.")] = 0,
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--own",
            metavar="WHAT=FILE",
            help="Your series (.csv, .parquet) instead of a made one: demand, temperature, solar, wind, or "
            "table.column such as load.p_mw; may be repeated.",
        ),
    ] = None,
    kind: Annotated[Literal["parquet", "csv"], typer.Option("--format", help="Of the hours.")] = "parquet",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a synthetic year of hours: demand by load, sun and wind by plant. No forecast."""
    from gridhub.model.profiles import make_profiles
    from gridhub.report.files import encode_csv, encode_parquet, write_files

    made = make_profiles(open_network(network), year, seed, own=parse_own(own))
    encode = encode_csv if kind == "csv" else encode_parquet
    contents = {f"{table}_{column}.{kind}": encode(frame) for (table, column), frame in made.items()}
    write_files(out, {**contents, "summary.csv": encode_csv(made.summary)}, force)
    basis = {f"{table}.{column}": frame.attrs["basis"] for (table, column), frame in made.items()}
    if as_json:
        figures = made.summary.reset_index().to_dict("records")
        record = {"basis": basis, "figures": figures, "notes": list(made.notes)}
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
    print_line(f"{out}: {', '.join(contents)}, summary.csv")


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
