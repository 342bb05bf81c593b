"""The command ``check``: a run against a stored one, for those who run gridhub on every change."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridhub.cli.console import print_json, print_line, print_table, show_progress
from gridhub.cli.exits import DIFFERS, DONE, exits, refuse
from gridhub.cli.inputs import JsonOption, TopOption

if TYPE_CHECKING:
    from gridhub.study.golden import Difference


@exits
def check(
    golden: Annotated[Path, typer.Argument(metavar="GOLDEN", help="Folder of the stored run.")],
    run: Annotated[
        Path | None,
        typer.Option(
            "--run", metavar="DIR", help="Folder of the run to judge; not given: GOLDEN's study is run again."
        ),
    ] = None,
    base: Annotated[
        Path,
        typer.Option(
            "--base", metavar="DIR", help="Folder that a relative path of the study's network starts from."
        ),
    ] = Path(),
    rtol: Annotated[float, typer.Option("--rtol", min=0.0, help="Relative tolerance of numbers.")] = 1e-6,
    atol: Annotated[float, typer.Option("--atol", min=0.0, help="Absolute tolerance of numbers.")] = 1e-9,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="COLUMN=RTOL",
            help="Tolerance of one column, or of TABLE.COLUMN; may be repeated.",
        ),
    ] = None,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> int:
    """Compare a run with a stored one, table by table; exit code 4 if they differ."""
    from gridhub.study.golden import Tolerances, compare_runs

    tolerances = Tolerances(rtol, atol, _parse_columns(column or ()))
    if run is not None:
        differences, compared = compare_runs(golden, run, tolerances)
    else:
        with tempfile.TemporaryDirectory() as work:
            found = _run_again(golden, Path(work) / "run", base, as_json)
            differences, compared = compare_runs(golden, found, tolerances)
    code = DIFFERS if differences else DONE
    if as_json:
        rows = [{name: getattr(d, name) for name in d.__dataclass_fields__} for d in differences]
        print_json({"golden": str(golden), "compared": compared, "differences": rows, "exit_code": code})
        return code
    _print(differences, compared, top)
    return code


def _parse_columns(texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            refuse(f"--column {text!r} is not COLUMN=RTOL, for example --column p_mw=1e-3")
        if not name.strip() or not found[name.strip()] >= 0.0:
            refuse(f"--column {text!r} is not COLUMN=RTOL with a tolerance of 0 or more")
    return found


def _run_again(golden: Path, out: Path, base: Path, quiet: bool) -> Path:
    """Run the study that a stored run holds."""
    from gridhub.study.golden import is_run
    from gridhub.study.run import STUDY_FILE, run_study
    from gridhub.study.study import read_study

    if not is_run(golden) or not (golden / STUDY_FILE).is_file():
        refuse(f"{golden} is not the folder of a study's run, so nothing can be run again; give --run DIR")
    with show_progress(quiet=quiet) as progress:
        return run_study(read_study(golden / STUDY_FILE), out, base=base, progress=progress)


def _print(differences: Sequence[Difference], compared: int, top: int) -> None:
    if not differences:
        print_line(f"same: {compared:,} cells compared")
        return
    rows = [(d.table, d.row, d.column, d.stored, d.found, d.message) for d in differences]
    title = f"{len(differences):,} differences in {compared:,} cells compared"
    print_table(title, ("table", "row", "column", "stored", "found", "what"), rows, limit=top)
